"""Reacts to `Step Functions Execution Status Change` of `train` executions that did not succeed."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import executions, ledger, logger, now
from headgate.services.execution_ended import ExecutionEnded, follow_up


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Close the run if its own machine could not."""
    ended = ExecutionEnded.parse(event)
    tenant = ended.project.tenant
    decision = follow_up(ended, ledger=ledger(tenant), executions=executions(tenant), now=now())
    logger.info("execution ended", decision=decision, tenant=tenant, project=ended.project.name, run=ended.run)
