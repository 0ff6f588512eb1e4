"""Task of `promote`, with a task token: wait for a person's word on a version."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, registry, tasks, topics
from headgate.services.await_approval import AwaitApproval, await_approval


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Look at the version named in the payload; the token goes back when a person has spoken, or the wait is over."""
    command = AwaitApproval.parse(event)
    tenant = command.project.tenant
    decision = await_approval(
        command, ledger=ledger(tenant), registry=registry(tenant), tasks=tasks(tenant), topic=topics(tenant)
    )
    logger.info("approval asked for", decision=decision, tenant=tenant, project=command.project.name, run=command.run)
