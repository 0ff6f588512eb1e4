"""Custom resource of a tenant's stack: the tenant goes into the register, or out of it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.cloudformation import answer
from headgate.entrypoint import logger, tenants
from headgate.services.register_tenant import parse_tenant, register_tenant


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Register the tenant on creation and update; on deletion strike it, so that nothing new is begun for it."""
    with answer(event) as attributes:
        tenant = parse_tenant(event["ResourceProperties"])
        removed = event["RequestType"] == "Delete"
        decision = register_tenant(tenant, tenants=tenants(tenant.tenant), removed=removed)
        attributes["Standing"] = decision
        logger.info("tenant registered", decision=decision, tenant=tenant.tenant)
