"""Task of `train`: write the terminal record, and start what waited."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import executions, ledger, logger, now
from headgate.services.close_run import CloseRun, close_run


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Close the run named in the payload."""
    command = CloseRun.parse(event)
    tenant = command.project.tenant
    answer = close_run(command, ledger=ledger(tenant), executions=executions(tenant), now=now())
    logger.info(
        "run closed",
        decision=answer["outcome"],
        reason=command.ending.reason_code,
        tenant=tenant,
        project=command.project.name,
        run=command.run,
    )
    return answer
