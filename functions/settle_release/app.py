"""Task of `promote`: read back what the endpoint serves."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, now, tasks
from headgate.environments import Environment, environment
from headgate.services.settle_release import SettleRelease, settle_release


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Settle the release named in the payload."""
    command = SettleRelease.parse(event)
    tenant = command.project.tenant
    answer = settle_release(
        command,
        ledger=ledger(tenant),
        endpoints=endpoints(tenant),
        tasks=tasks(tenant),
        owner=environment(Environment).ledger_table,
        now=now(),
    )
    logger.info(
        "release settled",
        decision=answer["outcome"],
        tenant=tenant,
        project=command.project.name,
        release=command.sequence,
    )
    return answer
