"""Task of `train`: the gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, objects
from headgate.environments import Environment, environment
from headgate.services.judge_challenger import JudgeChallenger, judge_challenger


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Judge the challenger of the run named in the payload."""
    command = JudgeChallenger.parse(event)
    tenant = command.project.tenant
    answer = judge_challenger(
        command,
        objects=objects(tenant),
        ledger=ledger(tenant),
        artifact_bucket=environment(Environment).artifact_bucket,
    )
    logger.info(
        "challenger judged",
        decision=answer["decision"],
        reason=answer["reason_code"],
        tenant=tenant,
        project=command.project.name,
        run=command.run,
    )
    return answer
