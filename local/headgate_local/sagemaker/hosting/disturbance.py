"""What goes wrong with invocations on order: instances that are slow, fail, or lose a value of every row."""

import contextvars
import fnmatch
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from headgate_local.faults.book import Fault
from headgate_local.sagemaker.hosting.server import Answer

if TYPE_CHECKING:
    from headgate_local.faults.book import Faults

BROKEN = Answer(500, "application/json", b'{"error": "A fault on order."}')


class Disturbance:
    """Of the instances that serve one configuration. Make it in the context of the endpoint's account and region."""

    def __init__(self, faults: "Faults", endpoint: str, config: str) -> None:
        self._faults, self._endpoint, self._config = faults, endpoint, config
        self._context = contextvars.copy_context()

    def around(self, body: bytes, ask: Callable[[bytes], Answer]) -> Answer:
        """The answer to a body, or what comes of it when something is on order."""
        if self._faults.idle:
            return ask(body)
        # A context can be entered by one thread at a time.
        return self._context.copy().run(self._disturbed, body, ask)

    def _disturbed(self, body: bytes, ask: Callable[[bytes], Answer]) -> Answer:
        if fault := self._take("aws:sagemaker:delay-invocations"):
            self._faults.pause(float(fault.parameters.get("delaySeconds", "1")))
        if self._take("aws:sagemaker:fail-invocations"):
            return BROKEN
        if fault := self._take("aws:sagemaker:lose-feature"):
            body = _without(body, fault.parameters["column"])
        return ask(body)

    def _take(self, action: str) -> Fault | None:
        return self._faults.take(action, self._endpoint, self._fits)

    def _fits(self, fault: Fault) -> bool:
        return fnmatch.fnmatchcase(self._config, fault.parameters.get("config", "*"))


def _without(body: bytes, column: str) -> bytes:
    """A JSON request whose rows have nothing in a column; other requests stay as they are."""
    try:
        request = json.loads(body)
        rows = [{**row, column: None} if column in row else row for row in request["instances"]]
    except (ValueError, TypeError, KeyError):
        return body
    return json.dumps({**request, "instances": rows}).encode()
