"""Have every endpoint looked at: a message for each, so that a thousand projects are a thousand short looks."""

from headgate.aws.sagemaker import Endpoints
from headgate.aws.sqs import Queue


def have_endpoints_monitored(*, endpoints: Endpoints, queue: Queue) -> int:
    """Send a message for each endpoint that answers requests, also for those that are not ours: whoever takes it up
    asks the ledger. A message that comes twice costs a look.

    Returns:
        How many there are.
    """
    names = endpoints.in_service()
    queue.send([{"endpoint": name} for name in names])
    return len(names)
