"""Task of `promote`, with a task token: take the lease of the endpoint, or wait in line for it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, tasks
from headgate.services.take_endpoint import TakeEndpoint, take_endpoint


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Take the endpoint for whom the payload names; the token goes back when it is its turn, or never will be."""
    command = TakeEndpoint.parse(event)
    tenant = command.project.tenant
    decision = take_endpoint(command, ledger=ledger(tenant), tasks=tasks(tenant))
    project, holder = command.project.name, command.holder
    logger.info("endpoint asked for", decision=decision, tenant=tenant, project=project, holder=holder)
