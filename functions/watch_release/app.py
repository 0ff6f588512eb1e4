"""Task of `promote`: look at a release while it bakes."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import logger, now, watcher
from headgate.services.watch_release import WatchRelease, watch_release


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Look once at the release named in the payload."""
    command = WatchRelease.parse(event)
    tenant = command.project.tenant
    answer = watch_release(command, watcher(tenant), now=now())
    logger.info(
        "release watched",
        decision=answer["outcome"],
        tenant=tenant,
        project=command.project.name,
        release=command.sequence,
    )
    return answer
