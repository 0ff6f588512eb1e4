"""Reacts to the schedule of the monitor."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, logger, monitor_queue
from headgate.services.monitoring_due import have_endpoints_monitored

# The schedule is of all tenants.
_TENANT = "_system"


def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Have every endpoint looked at."""
    count = have_endpoints_monitored(endpoints=endpoints(_TENANT), queue=monitor_queue(_TENANT))
    logger.info("endpoints to be monitored", endpoints=count)
