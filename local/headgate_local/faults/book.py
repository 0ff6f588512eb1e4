"""The book of ordered faults: owners of a behaviour ask it, at the right place, whether to let it go wrong."""

import contextvars
import fnmatch
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ministack.core.responses import get_account_id, get_region

from headgate_local.faults.actions import ACTIONS

logger = logging.getLogger("headgate.faults")

Undo = Callable[[], None]
OnOrder = Callable[[str, Mapping[str, str]], Undo | None]
"""What an action that acts at once does with a target's pattern and its parameters. It answers how that is undone,
and the fault stays in force until then; or None, and the fault is over at once. Raises BadOrder."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class BadOrder(ValueError):
    """Raised when a fault is ordered that cannot be; the message says what to change."""


@dataclass(eq=False)
class Fault:
    """A fault on order. It is over when it is cleared, when its time is up, or when it has struck often enough."""

    action: str
    target: str
    """A pattern (``*``, ``?``) of the names of the resources that it strikes."""
    parameters: Mapping[str, str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ends: float = float("inf")
    """By the clock of the book."""
    place: tuple[str, str] = ("", "")
    """The account and the region in which it was ordered; it strikes nowhere else."""
    over: float | None = None
    """When it was over, in seconds since 1970; None while it is in force. The book writes it."""


class Faults:
    """All faults on order. Safe to use from many threads; the clock counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.on_order: dict[str, OnOrder] = {}
        """By action: what is done at once when a fault is ordered. The owner of the behaviour registers it."""
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._left: dict[str, float] = {}
        self._undo: dict[str, Undo] = {}
        self._closed = threading.Event()
        self._dice = random.Random()  # noqa: S311 - chance, not secrecy

    def order(self, action: str, target: str = "*", parameters: Mapping[str, str] | None = None) -> Fault:
        """Let something go wrong from now on; raises BadOrder.

        An action of ``on_order`` acts at once: it stays in the book only if there is something to undo.
        """
        given = dict(parameters or {})
        check(action, given)
        lasts = seconds(given["duration"]) if "duration" in given else float("inf")
        place = (get_account_id(), get_region())
        fault = Fault(action, target or "*", given, ends=self._clock() + lasts, place=place)
        undo: Undo | None = None
        if act := self.on_order.get(action):
            undo = act(fault.target, given)
        with self._lock:
            if action in self.on_order and undo is None:
                fault.over = time.time()
                return fault
            self._faults[fault.id] = fault
            self._left[fault.id] = float(given.get("count", "inf"))
            if undo:
                self._undo[fault.id] = undo
        if undo and lasts != float("inf"):
            timer = threading.Timer(lasts, contextvars.copy_context().run, [self.clear, fault])
            timer.daemon = True
            timer.start()
        return fault

    def take(self, action: str, target: str, matches: Callable[[Fault], bool] | None = None) -> Fault | None:
        """The fault that strikes now: in force, of this action, and for this resource; counted down.

        `target` is the resource's name; `matches` looks at what else must fit, such as the fault's parameters.
        """
        if self.idle:
            return None
        with self._lock:
            for fault in self._in_force():
                if fault.action != action or not fnmatch.fnmatchcase(target.lower(), fault.target.lower()):
                    continue
                if matches is not None and not matches(fault):
                    continue
                if 100 * self._dice.random() >= float(fault.parameters.get("percentage", "100")):
                    continue
                self._left[fault.id] -= 1
                if self._left[fault.id] <= 0:
                    self._forget(fault.id)
                return fault
        return None

    @property
    def idle(self) -> bool:
        """Whether nothing is on order: nearly always, and asked at every request."""
        return not self._faults

    def ended_at(self, fault: Fault) -> float | None:
        """When a fault was over, in seconds since 1970; None while it is in force."""
        with self._lock:
            self._in_force()
            return fault.over

    def pause(self, how_long: float) -> None:
        """Let a thread wait so many seconds, but not beyond the end of the cloud."""
        self._closed.wait(how_long)

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed.set()

    def clear(self, fault: Fault) -> None:
        """Take back a fault; one that is over already does not matter."""
        with self._lock:
            undo = self._forget(fault.id) if fault.id in self._faults else None
        if undo is None:
            return
        try:
            undo()
        except Exception:
            logger.exception("A fault could not be undone")

    def _in_force(self) -> list[Fault]:
        now, place = self._clock(), (get_account_id(), get_region())
        for fault in list(self._faults.values()):
            if now >= fault.ends and fault.id not in self._undo:  # what is to be undone has a timer of its own
                self._forget(fault.id)
        return [fault for fault in self._faults.values() if fault.place == place]

    def _forget(self, fault_id: str) -> Undo | None:
        fault = self._faults.pop(fault_id)
        del self._left[fault_id]
        fault.over = time.time() - max(0.0, self._clock() - fault.ends)
        return self._undo.pop(fault_id, None)


def seconds(duration: str) -> float:
    """The seconds of an ISO 8601 duration such as ``PT1M30S``; raises BadOrder."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        raise BadOrder(f"{duration} is no duration. Write it as ISO 8601 does: PT30S, PT10M, PT1H.")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def check(action: str, given: Mapping[str, str]) -> None:
    """Raise BadOrder unless there is such an action and it takes these parameters."""
    known = ACTIONS.get(action)
    if known is None:
        raise BadOrder(f"There is no action {action}. There are: {', '.join(ACTIONS)}.")
    for name, parameter in known.parameters.items():
        if parameter.required and name not in given:
            raise BadOrder(f"{action} needs the parameter {name}: {parameter.description}")
    for name, value in given.items():
        if name not in known.parameters:
            raise BadOrder(f"{action} has no parameter {name}. It has: {', '.join(known.parameters)}.")
        if name == "duration":
            seconds(value)
        if (bounds := known.parameters[name].number) is None:
            continue
        try:
            fits = bounds[0] <= float(value) <= bounds[1]
        except ValueError:
            fits = False
        if not fits:
            raise BadOrder(f"{name} must be a number from {bounds[0]:g} to {bounds[1]:g}, not {value}.")
