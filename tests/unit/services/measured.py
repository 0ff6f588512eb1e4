"""What a watch looks at, as it is given: metrics, answers to requests of our own, and captured ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.capturing import captured, place

from headgate.aws.runtime import Reply
from headgate.domain.moments import written
from headgate.domain.watch import Period, Usual
from headgate.domain.window import File

from .conftest import NOW

ROW = {"request": {"x": 1.0}, "answer": {"value": 2.0}}
BEGAN = datetime.fromisoformat(NOW)


@dataclass
class FakeMeasurements:
    """What instances measured, by configuration; which releases had their requests taken back."""

    seen: dict[str, Period] = field(default_factory=dict)
    taken_back: dict[str, bool] = field(default_factory=dict)

    def usual(self, *_arguments: Any) -> Usual | None:
        return Usual(2_000, 4_000) if "demo-iris-r1" in self.seen else None

    def periods(self, _endpoint: str, config: str, *_arguments: Any) -> dict[datetime, Period]:
        return {BEGAN: self.seen[config]} if config in self.seen else {}

    def take_back(self, release: str, *, wanted: bool) -> None:
        self.taken_back[release] = wanted


@dataclass
class FakeRequests:
    """Answers every row alike, and lets the configuration that serves have measured that."""

    measurements: FakeMeasurements
    serving: str
    answer: Any = field(default_factory=lambda: ROW["answer"])
    failed: bool = False
    asked: int = 0

    def ask(self, _endpoint: str, row: Mapping[str, Any]) -> Reply:
        assert row == ROW["request"]
        self.asked += 1
        before = self.measurements.seen.get(self.serving, Period(0, 0))
        more = Period(before.requests + 1, before.errors + self.failed)
        self.measurements.seen[self.serving] = more
        return Reply(self.failed, None if self.failed else self.answer)


@dataclass
class FakeObjects:
    """The golden rows, and captured requests by their keys."""

    captured: dict[str, bytes] = field(default_factory=dict)
    golden: list[Any] = field(default_factory=lambda: [ROW])

    def files(self, _bucket: str, prefix: str) -> list[File]:
        return [File(key, len(body), written(BEGAN)) for key, body in self.captured.items() if key.startswith(prefix)]

    def get_newest(self, _bucket: str, key: str, *, limit: int) -> tuple[bytes, str]:
        return self.captured[key][:limit], "1"

    def answer(self, config: str, label: str, number: int, at: datetime) -> None:
        """A configuration has answered so many requests of users so, each of them another."""
        lines = [captured({"x": each}, {"label": label}, str(each), at) for each in range(number)]
        self.captured[place(label, at, config)] = "".join(f"{line}\n" for line in lines).encode()

    def get_json(self, _bucket: str, key: str) -> Any:
        assert key == "demo/iris/runs/demo-iris-b/evaluation/golden.json"
        return {"format": 1, "golden": self.golden}
