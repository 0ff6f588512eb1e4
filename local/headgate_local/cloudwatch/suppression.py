"""Whether the actions of a composite alarm are held back by another alarm, its suppressor. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate_local.cloudwatch.evaluation import ALARM
from headgate_local.cloudwatch.queries import refuse

BY_ALARM, BY_WAIT, BY_EXTENSION = "Alarm", "WaitPeriod", "ExtensionPeriod"


@dataclass
class Suppression:
    """Holds actions back while the suppressor rings, while it may still come to ring, and a while after."""

    suppressor: str | None = None
    wait: int = 0
    extension: int = 0
    until: float | None = None
    """When a wait or an extension ends."""
    by: str | None = None
    """What holds actions back now."""
    pending: bool = False
    """Whether there are actions that were held back."""

    @classmethod
    def of(cls, request: dict[str, Any]) -> "Suppression":
        """What a PutCompositeAlarm request asks for; raises ValidationError if it is half given."""
        members = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
        given = [member in request for member in members]
        if not any(given):
            return cls()
        if not all(given):
            raise refuse("ValidationError", f"{', '.join(members)} must be given together.")
        return cls(*(request[member] for member in members))

    @property
    def active(self) -> bool:
        """Whether actions are held back."""
        return self.by is not None

    def moved(self, now: float, record: dict[str, Any], states: Callable[[str], str | None]) -> None:
        """The composite alarm changed its state."""
        if self.suppressor is None:
            return
        if states(self.suppressor) == ALARM:
            self._hold(record, BY_ALARM, None)
        elif self.by is None and self.wait:
            self._hold(record, BY_WAIT, now + self.wait)
        self.pending = self.active

    def suppressor_moved(self, now: float, record: dict[str, Any], state: str) -> None:
        """The suppressor changed its state."""
        if state == ALARM:
            self._hold(record, BY_ALARM, None)
        elif self.by == BY_ALARM:
            self._hold(record, BY_EXTENSION, now + self.extension)

    def ends(self, now: float, record: dict[str, Any]) -> bool:
        """Let go if a wait or an extension is over; answers whether actions are due that were held back."""
        if self.until is None or now < self.until:
            return False
        self.by = self.until = None
        record.pop("ActionsSuppressedBy", None)
        record.pop("ActionsSuppressedReason", None)
        due, self.pending = self.pending, False
        return due

    def _hold(self, record: dict[str, Any], by: str, until: float | None) -> None:
        self.by, self.until = by, until
        record |= {"ActionsSuppressedBy": by, "ActionsSuppressedReason": f"Actions suppressed by {by}"}
