"""What is seen of a trial: metrics of both versions and their captured answers, at given times."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.capturing import captured, place

from headgate.domain.moments import written
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.rollout import Wishes
from headgate.domain.trial import Trial, planned_trial
from headgate.domain.watch import Period, Usual
from headgate.domain.window import File
from headgate.services.observe_trial import observe_trial
from headgate.services.watch_release import Watcher

from .conftest import IRIS, NOW

BEGAN = datetime.fromisoformat(NOW)
TRIAL = planned_trial(Wishes(strategy="shadow"), "demo-iris-r2", "ml.m5.large", "demo-iris-r1", 1, 100)
assert isinstance(TRIAL, Trial)


@dataclass
class FakeMeasurements:
    """What the variants measured in every minute of the trial."""

    minutes: dict[str, Period] = field(default_factory=dict)

    def usual(self, _endpoint: str, config: str, _start: Any, _end: Any, variant: str) -> Usual | None:
        assert config == "demo-iris-r2-try"
        return Usual(2_000, 4_000) if variant in self.minutes else None

    def periods(
        self, _endpoint: str, _config: str, _limits: Any, start: datetime, end: datetime, seconds: int, variant: str
    ) -> dict[datetime, Period]:
        assert seconds == 60
        times = range(int((end - start).total_seconds()) // 60)
        return {start + timedelta(minutes=at): self.minutes[variant] for at in times if variant in self.minutes}


@dataclass
class FakeObjects:
    """Captured answers by the key of their file."""

    bodies: dict[str, bytes] = field(default_factory=dict)

    def files(self, _bucket: str, prefix: str) -> list[File]:
        return [File(key, len(body), written(BEGAN)) for key, body in self.bodies.items() if key.startswith(prefix)]

    def get_newest(self, _bucket: str, key: str, *, limit: int) -> tuple[bytes, str]:
        return self.bodies[key][:limit], "1"

    def answer(self, variant: str, labels: list[str], hour: int = 0) -> None:
        at = BEGAN + timedelta(hours=hour)
        ids = f"{variant}-" if not hour else f"{variant}-{hour}-"
        lines = [
            captured({"x": number}, {"label": label}, f"{ids}{number}", at + timedelta(seconds=number))
            for number, label in enumerate(labels)
        ]
        self.bodies[place("1", at, variant=variant)] = "\n".join(lines).encode()


@dataclass
class Seen:
    """A release that is tried, and looks at it."""

    release: Release
    measurements: FakeMeasurements
    objects: FakeObjects

    trial: Trial = TRIAL

    def look(self, minutes: float) -> dict[str, Any]:
        watcher = Watcher(None, None, self.measurements, None, self.objects, "artifacts", "data")  # type: ignore[arg-type]
        now = (BEGAN + timedelta(minutes=minutes)).isoformat()
        found = observe_trial(IRIS, self.release, self.trial, watcher, now)
        self.release = replace(self.release, trial=found)
        return found


@pytest.fixture
def seen() -> Seen:
    assert isinstance(TRIAL, Trial)
    known = dict.fromkeys(("run", "dataset", "holdout", "version", "model_data_url", "why"), "x")
    release = Release(
        sequence=2, name="demo-iris-r2", endpoint="demo-iris", state=ReleaseState.TRYING, at=NOW,
        instance_type="ml.m5.large", instance_count=1, trial=TRIAL.document(), **known,
    )  # fmt: skip
    seen = Seen(release, FakeMeasurements(), FakeObjects())
    assert seen.look(0)["stand"] == "watching"
    return seen


GOOD = Period(20, 0, 50.0, 99.0)


@pytest.mark.parametrize(
    ("tried", "otherwise", "after", "stand"),
    [
        (GOOD, 0, 30, "watching"),
        (GOOD, 5, 60, "passed"),
        (Period(20, 12, 50.0, 99.0), 0, 10, "failed"),
        (Period(20, 0, 0.0, 10.0), 0, 30, "failed"),
        (GOOD, 150, 10, "failed"),
        (Period(0, 0), 0, 60, "held"),
    ],
    ids=["goes on", "does well", "fails", "is slow", "disagrees", "is not asked"],
)
def test_what_a_shadow_comes_to(seen: Seen, tried: Period, otherwise: int, after: int, stand: str) -> None:
    seen.measurements.minutes = {"main": GOOD, "shadow": tried}
    seen.objects.answer("main", ["yes"] * 300)
    seen.objects.answer("shadow", ["no"] * otherwise + ["yes"] * (300 - otherwise))
    found = seen.look(after)
    assert found["stand"] == stand, found["said"]
    assert found["since"] == written(BEGAN)
    assert found["agreement"]["otherwise"] == otherwise
    assert found["latency"]["tried"] == {"median": 2_000, "slowest": 4_000}


def test_a_shadow_whose_answers_nobody_kept_is_held(seen: Seen) -> None:
    seen.measurements.minutes = {"main": GOOD, "shadow": GOOD}
    found = seen.look(60)
    assert (found["stand"], found["agreement"]["rows"]) == ("held", 0)
    assert "too few to tell" in found["said"]


def test_the_version_that_serves_in_trouble_ends_the_trial(seen: Seen) -> None:
    seen.measurements.minutes = {"main": Period(20, 5, 50.0, 99.0), "shadow": Period(20, 5, 50.0, 99.0)}
    found = seen.look(10)
    assert found["stand"] == "held"
    assert "fails itself" in found["said"]


def in_ab_test(seen: Seen, labels: int = 0) -> None:
    wishes = Wishes(strategy="ab", ab_labels=labels)
    trial = planned_trial(wishes, "demo-iris-r2", "ml.m5.large", "demo-iris-r1", 1, 100)
    assert isinstance(trial, Trial)
    seen.trial, seen.release = trial, replace(seen.release, trial=trial.document() | {"since": NOW})
    seen.measurements.minutes = {"main": GOOD, "challenger": GOOD}


@pytest.mark.parametrize(
    ("wrong", "after", "labels", "stand"),
    [
        (10, 60, 0, "passed"),
        (160, 10, 0, "failed"),
        (78, 10, 0, "watching"),
        (78, 10, 300, "held"),
        (78, 1440, 0, "held"),
    ],
    ids=["wins", "loses", "goes on", "enough labels", "time is up"],
)
def test_what_an_ab_test_comes_to(seen: Seen, wrong: int, after: int, labels: int, stand: str) -> None:
    in_ab_test(seen, labels)
    seen.objects.answer("main", ["no"] * 80 + ["yes"] * 220)
    seen.objects.answer("challenger", ["no"] * wrong + ["yes"] * (300 - wrong))
    rows = [f"{variant}-{number}#1,yes" for variant in ("main", "challenger") for number in range(300)]
    seen.objects.bodies["demo/iris/feedback/1.csv"] = "\n".join(["id,label", *rows]).encode()
    found = seen.look(after)
    assert found["stand"] == stand, found["said"]
    assert found["contest"]["tried"] == {"rows": 300, "wrong": wrong}
    assert found["contest"]["serving"] == {"rows": 300, "wrong": 80}


def test_labels_of_an_ab_test_find_their_answers_however_many_came_since(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_ab_test(seen)
    seen.objects.answer("main", ["yes"] * 300)
    seen.objects.answer("challenger", ["no"] * 100)
    rows = [f"{variant}-{number}#1,yes" for variant in ("main", "challenger") for number in range(50)]
    seen.objects.bodies["demo/iris/feedback/1.csv"] = "\n".join(["id,label", *rows]).encode()
    before = seen.look(60)["contest"]
    assert (before["tried"]["rows"], before["serving"]["rows"]) == (50, 50)
    monkeypatch.setattr("headgate.services.captured._MOST_BYTES", max(map(len, seen.objects.bodies.values())))
    for hour in (2, 4):
        seen.objects.answer("main", ["yes"] * 250, hour)
        seen.objects.answer("challenger", ["no"] * 250, hour)
        assert seen.look(60 * (hour + 1))["contest"] == before
