"""Reacts to `SageMaker Endpoint State Change` of endpoints that came to rest."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import tenant_of_name
from headgate.entrypoint import endpoints, ledger, logger, tasks
from headgate.services.endpoint_changed import wake_promotion


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Wake the promotion that waits for the endpoint."""
    endpoint = str(event["detail"]["EndpointName"])
    tenant = tenant_of_name(endpoint)
    if tenant is None:
        return  # another system's endpoint
    decision = wake_promotion(event, ledger=ledger(tenant), endpoints=endpoints(tenant), tasks=tasks(tenant))
    logger.info("endpoint changed", decision=decision, endpoint=endpoint)
