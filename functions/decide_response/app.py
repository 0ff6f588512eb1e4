"""Task of `respond`: decide what is done about an incident."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import logger, now, world
from headgate.services.decide_response import DecideResponse, decide_response


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Decide about the incident named in the payload."""
    command = DecideResponse.parse(event)
    tenant = command.project.tenant
    incident = decide_response(command, world(tenant), now=now())
    logger.info(
        "response decided",
        decision=incident["action"],
        reason=incident["reason"],
        tenant=tenant,
        project=command.project.name,
        incident=command.incident,
        release=incident["release"],
    )
    return incident
