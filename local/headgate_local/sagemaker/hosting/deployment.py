"""Walks a deployment through its steps, and back when it is turned back."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from headgate_local.sagemaker.hosting.plan import Counts, Step

Status = Literal["Creating", "ActivatingTraffic", "Baking", "Updating", "Deleting"]
"""Of a variant during a deployment, as DescribeEndpoint shows it."""
LOOK = 0.5
"""Seconds between two looks at whether a stalled deployment may go on."""


class Side(Protocol):
    """A fleet as a deployment sees it."""

    def counts(self) -> Mapping[str, int]:
        """Its instances by variant."""
        ...

    def resize(self, counts: Mapping[str, int]) -> None:
        """Let it have so many; raises DeploymentFailed."""
        ...


@dataclass(frozen=True)
class Report:
    """What a deployment does just now."""

    side: Literal["old", "new"]
    """Whose variants do it."""
    status: Status
    message: str
    active: Counts
    """Instances' worth of traffic that the new fleet has."""


class TurnedBack(Exception):
    """Raised inside a deployment that shall go no further; the message says why."""


class Deployment:
    """One deployment. ``turn_back`` may be called from any thread, at any time; the first reason counts."""

    def __init__(
        self,
        old: Side,
        new: Side,
        shift: Callable[[Step], None],
        report: Callable[[Report], None],
        limit: float = math.inf,
    ) -> None:
        self._old, self._new, self._shift, self._report = old, new, shift, report
        self._deadline = time.monotonic() + limit
        self._turned = threading.Condition()
        self._why: str | None = None
        self._active: Counts = {}

    def turn_back(self, why: str) -> None:
        """Let the deployment go no further, at once."""
        with self._turned:
            self._why = self._why or why
            self._turned.notify_all()

    def go(self, steps: Sequence[Step]) -> None:
        """Take the steps; raises TurnedBack or DeploymentFailed, and stays where it is then."""
        for step in steps:
            self._take(step, self._pause)

    def go_back(self, steps: Sequence[Step]) -> None:
        """Take the steps of the way back, which nothing stops; raises DeploymentFailed if the old fleet cannot grow."""
        for step in steps:
            self._take(step, lambda _: None)

    def stall(self, stalled: Callable[[], object]) -> None:
        """Go no further while this is so; raises TurnedBack."""
        while stalled():
            self._pause(LOOK)

    def _take(self, step: Step, pause: Callable[[float], None]) -> None:
        pause(0)
        self._grow("new", self._new, step.new)
        self._grow("old", self._old, step.old)
        pause(0)
        self._shift(step)  # before it is told: on the way back every moment counts
        self._active = step.active
        self._tell("new", "ActivatingTraffic", f"Activating traffic on {step.traffic}.")
        if step.wait:
            message = f"Baking for {step.wait:g} seconds ({step.waits_for}) with traffic enabled on {step.traffic}."
            self._tell("new", "Baking", message)
        pause(step.wait)
        self._shrink("old", self._old, step.old)
        self._shrink("new", self._new, step.new)

    def _grow(self, name: Literal["old", "new"], side: Side, wanted: Counts) -> None:
        now = side.counts()
        more = {variant: count for variant, count in wanted.items() if count > now.get(variant, 0)}
        if more:
            number = sum(count - now.get(variant, 0) for variant, count in more.items())
            self._tell(name, "Creating", f"Launching {number} instance(s).")
            side.resize(more)

    def _shrink(self, name: Literal["old", "new"], side: Side, wanted: Counts) -> None:
        now = side.counts()
        less = {variant: count for variant, count in wanted.items() if count < now.get(variant, 0)}
        if less:
            number = sum(now[variant] - count for variant, count in less.items())
            self._tell(name, "Deleting", f"Terminating {number} instance(s).")
            side.resize(less)

    def _tell(self, side: Literal["old", "new"], status: Status, message: str) -> None:
        self._report(Report(side, status, message, self._active))

    def _pause(self, seconds: float) -> None:
        """Wait; raises TurnedBack once it is turned back or its time is over."""
        end = time.monotonic() + seconds
        with self._turned:
            while self._why is None:
                now = time.monotonic()
                if now >= self._deadline:
                    self._why = "The deployment did not end within MaximumExecutionTimeoutInSeconds."
                elif now >= end:
                    return
                else:
                    self._turned.wait(min(end, self._deadline) - now)
            raise TurnedBack(self._why)
