"""Task of `train`: write the terminal record, and start what waited."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import logger, runs
from headgate.services.close_run import CloseRun, close_run


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Close the run named in the payload."""
    command = CloseRun.parse(event)
    tenant = command.project.tenant
    answer = close_run(command, runs=runs(tenant))
    logger.info(
        "run closed",
        decision=answer["outcome"],
        reason=answer["reason_code"],
        tenant=tenant,
        project=command.project.name,
        run=command.run,
    )
    return answer
