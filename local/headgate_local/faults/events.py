"""Faults of events: those that AWS's services send are lost, doubled, late, or overtake each other."""

import contextvars
import fnmatch
import threading
from collections.abc import Callable
from typing import Any

from headgate_local.faults.api import resource_name
from headgate_local.faults.book import Fault, Faults

PREFIX = "aws:events:"
PATIENCE = 5.0
"""Seconds after which an event that waits to be overtaken goes on its way though no other came."""
Event = dict[str, Any]
Deliver = Callable[[Event], None]


class Switches:
    """Stands between a sender and the bus. Events that no fault strikes pass at once, in the sender's thread."""

    def __init__(self, faults: Faults, deliver: Deliver) -> None:
        self._faults = faults
        self._deliver = deliver
        self._lock = threading.Lock()
        self._held: list[tuple[threading.Timer, Deliver, Event]] = []

    @property
    def quiet(self) -> bool:
        """Whether no fault is in force and no event is held back."""
        return self._faults.idle and not self._held

    def send(self, event: Event) -> None:
        """Hand on an event in EventBridge's own form (Source, DetailType, Detail, Resources)."""
        if not str(event.get("Source", "")).startswith("aws."):
            self._deliver(event)
            return
        if self._struck("drop-events", event):
            return
        if late := self._struck("delay-events", event):
            self._later(float(late.parameters.get("delaySeconds", "5")), event)
            return
        if not self._held and self._struck("reorder-events", event):
            self._hold(event)
            return
        for _ in range(2 if self._struck("duplicate-events", event) else 1):
            self._deliver(event)
        self._release()

    def _struck(self, action: str, event: Event) -> Fault | None:
        def matches(fault: Fault) -> bool:
            detail_type = event.get("DetailType", "").replace(" ", "")  # FIS takes no blanks in parameters
            return fnmatch.fnmatchcase(detail_type, fault.parameters.get("detailType", "*").replace(" ", ""))

        resources = event.get("Resources") or [""]
        return self._faults.take(PREFIX + action, resource_name(resources[0]), matches)

    def _later(self, seconds: float, event: Event) -> None:
        _timer(seconds, self._deliver, event).start()

    def _hold(self, event: Event) -> None:
        timer = _timer(PATIENCE, self._let_go, event)
        with self._lock:
            self._held.append((timer, _in_this_context(self._deliver), event))
        timer.start()

    def _let_go(self, event: Event) -> None:
        """The time of a held event is up."""
        with self._lock:
            mine = [held for held in self._held if held[2] is event]
            self._held = [held for held in self._held if held[2] is not event]
        for _, deliver, held_event in mine:
            deliver(held_event)

    def _release(self) -> None:
        with self._lock:
            held, self._held = self._held, []
        for timer, deliver, event in held:
            timer.cancel()
            deliver(event)


def _in_this_context(deliver: Deliver) -> Deliver:
    """The same, with the account and the region of now."""
    context = contextvars.copy_context()
    return lambda event: context.run(deliver, event)


def _timer(seconds: float, deliver: Deliver, event: Event) -> threading.Timer:
    timer = threading.Timer(seconds, _in_this_context(deliver), [event])
    timer.daemon = True
    return timer
