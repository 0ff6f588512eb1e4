"""An endpoint came to rest: wake the promotion that waits for it."""

from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Tasks


def wake_promotion(event: dict[str, Any], *, ledger: Ledger, endpoints: Endpoints, tasks: Tasks) -> str:
    """Give the token back to the state that waits for the endpoint, once the endpoint is really at rest.

    Events come twice, late and out of order, so the endpoint itself is asked; and what the event says decides nothing
    more, for the state machine reads the endpoint again when it settles the release.

    Returns:
        The decision in one word: ignored, moving, woken, or awake when nobody waited any more.
    """
    endpoint = str(event["detail"]["EndpointName"])
    token = ledger.waiter(endpoint)
    if token is None:
        return "ignored"
    state = endpoints.describe(endpoint)
    if state is not None and state.in_progress:
        return "moving"
    return "woken" if tasks.succeed(token, {"endpoint": endpoint}) else "awake"
