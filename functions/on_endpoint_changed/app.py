"""Reacts to `SageMaker Endpoint State Change` of endpoints that came to rest."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, tasks
from headgate.services.endpoint_changed import wake_promotion

# The event names an endpoint, not yet its owner; the ledger's claim does.
_TENANT = "_unknown"


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Wake the promotion that waits for the endpoint."""
    decision = wake_promotion(
        event,
        ledger=ledger(_TENANT),
        endpoints=endpoints(_TENANT),
        tasks=tasks(_TENANT),
    )
    logger.info("endpoint changed", decision=decision, endpoint=event["detail"]["EndpointName"])
