"""Reacts to the schedule of the monitor."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import SYSTEM
from headgate.entrypoint import endpoints, logger, monitor_queue
from headgate.services.monitoring_due import have_endpoints_monitored


def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Have every endpoint looked at. The schedule is of all tenants."""
    count = have_endpoints_monitored(endpoints=endpoints(SYSTEM), queue=monitor_queue(SYSTEM))
    logger.info("endpoints to be monitored", endpoints=count)
