"""Task of `train`: write the terminal record, tell people, start what waited."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.sns import Topic
from headgate.aws.stepfunctions import Executions
from headgate.entrypoint import RunsEnvironment, client, environment, ledger, logger, now
from headgate.services.close_run import CloseRun, close_run


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Close the run named in the payload."""
    settings = environment(RunsEnvironment)
    command = CloseRun.parse(event)
    tenant = command.project.tenant
    answer = close_run(
        command,
        ledger=ledger(tenant),
        executions=Executions(client("stepfunctions", tenant), settings.train_state_machine_arn),
        topic=Topic(client("sns", tenant), settings.notification_topic_arn),
        now=now(),
    )
    logger.info(
        "run closed",
        decision=answer["outcome"],
        reason=command.ending.reason_code,
        tenant=tenant,
        project=command.project.name,
        run=command.run,
    )
    return answer
