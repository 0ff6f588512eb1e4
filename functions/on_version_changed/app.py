"""Reacts to `SageMaker Model Package State Change` of versions that a person approved or rejected."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, registry, tasks
from headgate.services.version_changed import wake_approved

# The event names a version, not yet whose; the registry does.
_TENANT = "_unknown"


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Wake the promotion that waits for a person's word on the version."""
    decision = wake_approved(event, ledger=ledger(_TENANT), registry=registry(_TENANT), tasks=tasks(_TENANT))
    logger.info("version changed", decision=decision, package=event["detail"]["ModelPackageArn"])
