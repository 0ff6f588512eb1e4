"""Reacts to `SageMaker Model Package State Change` of versions that a person approved or rejected."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import tenant_of_name
from headgate.entrypoint import ledger, logger, registry, tasks
from headgate.services.version_changed import wake_approved


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Wake the promotion that waits for a person's word on the version."""
    package = str(event["detail"]["ModelPackageArn"])
    tenant = tenant_of_name(package.rpartition("model-package/")[2])
    if tenant is None:
        return  # another system's version
    decision = wake_approved(event, ledger=ledger(tenant), registry=registry(tenant), tasks=tasks(tenant))
    logger.info("version changed", decision=decision, package=package)
