"""What happened in a rehearsal, second by second: for the terminal while it goes on, and for its page afterwards."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened `seconds` after the rehearsal began. `kind` is who did it: `rehearsal`, `alarm`,
    `headgate` or `endpoint`.
    """

    seconds: float
    kind: str
    text: str


@dataclass
class Timeline:
    """The moments of one scene, in the order of their time, and how its requests ended in each second.

    Written by the scene and by whatever asks the endpoint meanwhile.
    """

    scene: str
    project: str
    tell: Callable[[str], None]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    moments: list[Moment] = field(default_factory=list)
    answered: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Begin to count from now on."""
        self.began = datetime.now(UTC)

    def note(self, kind: str, text: str, at: str | None = None) -> None:
        """Add a moment: now, or at a time of the ledger's (ISO 8601)."""
        when = datetime.fromisoformat(at) if at else datetime.now(UTC)
        moment = Moment(round((when - self.began).total_seconds(), 2), kind, text)
        with self._lock:
            self.moments = sorted([*self.moments, moment], key=lambda each: each.seconds)
        self.tell(f"{moment.seconds:7.1f} s  {self.project:<10} {text}")

    def request(self, *, answered: bool) -> None:
        """Count a request that ended now."""
        second = int((datetime.now(UTC) - self.began).total_seconds())
        with self._lock:
            (self.answered if answered else self.failed)[second] += 1

    @property
    def seconds(self) -> float:
        """From the beginning to the last thing that happened."""
        last = [each.seconds for each in self.moments] + [float(each) + 1 for each in (*self.answered, *self.failed)]
        return max(last, default=0.0)


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that was played: whether it ended in its good state, and in words what that is."""

    timeline: Timeline
    good: bool
    ending: str
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """As JSON; the times are seconds."""
        line = self.timeline
        return {
            "scene": line.scene,
            "project": line.project,
            "good": self.good,
            "ending": self.ending,
            "seconds": {**self.seconds, "scene": round(line.seconds, 1)},
            "requests": {"answered": line.answered.total(), "failed": line.failed.total()},
            "timeline": [{"seconds": each.seconds, "kind": each.kind, "text": each.text} for each in line.moments],
        }
