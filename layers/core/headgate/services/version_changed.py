"""A version's approval changed in the registry: wake the promotion that waits for it."""

from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.aws.stepfunctions import Tasks
from headgate.domain.errors import BadKeyError, NotFoundError
from headgate.domain.names import Project
from headgate.services.await_approval import DECIDED


def wake_approved(event: dict[str, Any], *, ledger: Ledger, registry: Registry, tasks: Tasks) -> str:
    """Give the token back to the state that waits for a person's word on the version, once the registry has one.

    Events come twice, late and out of order, and anybody in the account can put one on the bus; so the event says only
    which version to look at, and the state machine asks the registry again.

    Returns:
        The decision in one word: ignored, pending, woken, or awake when nobody waited any more.
    """
    package = str(event["detail"]["ModelPackageArn"])
    try:
        version = registry.version(package)
    except NotFoundError:
        return "ignored"
    try:
        project = Project(version.tenant, version.project)
    except BadKeyError:
        return "ignored"  # not made by Headgate
    run = ledger.run(project, version.run)
    if run is None or run.ended or run.approval is None or run.approval["package"] != package:
        return "ignored"
    if not version.decided:
        return "pending"
    return "woken" if tasks.succeed(run.approval["token"], DECIDED) else "awake"
