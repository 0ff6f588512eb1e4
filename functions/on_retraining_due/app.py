"""Reacts to the schedule of looks at the projects' own schedules."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import SYSTEM
from headgate.entrypoint import logger, now, objects, retrain_queue
from headgate.environments import RetrainQueueEnvironment, environment
from headgate.services.retraining_due import have_projects_retrained


def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Request the retrainings that are due. The schedule is of all tenants."""
    due, unread = have_projects_retrained(
        objects=objects(SYSTEM),
        queue=retrain_queue(SYSTEM),
        data_bucket=environment(RetrainQueueEnvironment).data_bucket,
        now=now(),
    )
    if unread:
        logger.warning("settings not read", projects=unread)
    logger.info("retrainings due", projects=due)
