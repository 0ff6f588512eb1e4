"""Task of `respond`: write what came of an incident."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, now, tasks
from headgate.services.close_incident import CloseIncident, close_incident


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Close the incident named in the payload."""
    command = CloseIncident.parse(event)
    tenant = command.project.tenant
    incident = close_incident(
        command,
        ledger=ledger(tenant),
        open_endpoints=partial(endpoints, tenant),
        tasks=tasks(tenant),
        now=now(),
    )
    logger.info(
        "incident closed",
        decision=incident["outcome"],
        tenant=tenant,
        project=command.project.name,
        incident=command.incident,
    )
    return incident
