"""A watch over a release on a real ledger of moto's; what the instances measured is given."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.runtime import Reply
from headgate.domain.watch import PROBES, Period, Usual
from headgate.services.watch_release import OVER, SOON, Watcher, WatchRelease, watch_release

from .conftest import IRIS, NOW, FakeEndpoints, FakeTasks, deploy, settle

ROW = {"request": {"x": 1.0}, "answer": {"value": 2.0}}
BEGAN = datetime.fromisoformat(NOW)
PROVING = "2026-01-01T00:10:05.000Z"
"""Soon after an endpoint came to rest (`conftest.LATER`)."""


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

    def written(self, _bucket: str, prefix: str) -> list[tuple[str, int, datetime]]:
        return [(key, len(body), BEGAN) for key, body in self.captured.items() if key.startswith(prefix)]

    def get_bytes(self, _bucket: str, key: str) -> bytes:
        return self.captured[key]

    def answer(self, config: str, label: str, number: int, at: datetime) -> None:
        """A configuration has answered so many requests of users so, each of them another."""
        told = {"data": json.dumps({"predictions": [{"label": label}]}), "encoding": "JSON"}
        about = {"inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        asked = [{"data": json.dumps({"instances": [{"x": each}]}), "encoding": "JSON"} for each in range(number)]
        lines = [
            json.dumps({"captureData": {"endpointInput": each, "endpointOutput": told}, "eventMetadata": about})
            for each in asked
        ]
        key = f"_captured/demo/iris/{config}/demo-iris/main/{at:%Y/%m/%d/%H}/{label}.jsonl"
        self.captured[key] = "".join(f"{line}\n" for line in lines).encode()

    def get_json(self, _bucket: str, key: str) -> Any:
        assert key == "demo/iris/runs/demo-iris-b/evaluation/golden.json"
        return {"format": 1, "golden": self.golden}


LATER = {"outcome": "LATER", "seconds": 30}


@dataclass
class Watched:
    """The second release of a project, and what watches it."""

    ledger: Ledger
    endpoints: FakeEndpoints
    tasks: FakeTasks
    measurements: FakeMeasurements
    requests: FakeRequests
    objects: FakeObjects

    def look(self, after: float = 0.0) -> dict[str, Any]:
        watcher = Watcher(
            self.ledger, self.endpoints, self.measurements, self.requests, self.objects, "artifacts", "data"
        )  # type: ignore[arg-type]
        now = (BEGAN + timedelta(seconds=after)).isoformat()
        return watch_release(WatchRelease(IRIS, 2), watcher, now=now)

    def deploy(self) -> None:
        deploy(self.ledger, self.endpoints, self.tasks, 2)

    def bake(self) -> None:
        assert self.endpoints.state is not None
        self.endpoints.state = replace(self.endpoints.state, baking_since=NOW)
        self.requests.serving = "demo-iris-r2"

    def rest(self) -> None:
        """The endpoint comes to rest; without instances it stays without."""
        assert self.endpoints.state is not None
        serverless = self.endpoints.state.serverless
        self.endpoints.rest()
        self.endpoints.state = replace(self.endpoints.state, serverless=serverless)

    @property
    def verdict(self) -> Any:
        release = self.ledger.release(IRIS, 2)
        assert release is not None
        return release.verdict


@pytest.fixture
def watched(plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks) -> Watched:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    assert settle(ledger, endpoints, 1) == "PROMOTED"
    plan("b", capture_percent=100)
    measurements = FakeMeasurements()
    return Watched(ledger, endpoints, tasks, measurements, FakeRequests(measurements, "demo-iris-r1"), FakeObjects())


def ready(watched: Watched) -> Watched:
    """The watch saw what is usual, and the release takes requests."""
    assert watched.look() == SOON
    watched.deploy()
    watched.bake()
    return watched


@pytest.mark.parametrize(("before", "seconds"), [(10, 10), (60, 30)])
def test_looks_come_as_often_as_both_versions_publish_their_metrics(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, before: int, seconds: int
) -> None:
    plan("a", rollout={"metrics_seconds": before})
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    assert settle(ledger, endpoints, 1) == "PROMOTED"
    plan("b", capture_percent=100, rollout={"metrics_seconds": 10})
    measurements = FakeMeasurements()
    requests = FakeRequests(measurements, "demo-iris-r1")
    watched = ready(Watched(ledger, endpoints, tasks, measurements, requests, FakeObjects()))
    assert watched.look(70) == {"outcome": "LATER", "seconds": seconds}


def test_what_serves_is_asked_before_it_is_changed_unless_others_did(watched: Watched) -> None:
    assert watched.look() == SOON
    assert watched.requests.asked == PROBES
    assert watched.look() == SOON
    assert watched.requests.asked == PROBES


def test_a_good_release_passes_and_is_watched_until_it_is_settled(watched: Watched) -> None:
    ready(watched)
    assert watched.look(70) == LATER
    assert watched.verdict["stand"] == "passed"
    assert watched.verdict["signals"]["errors"]["canary"] == {"requests": PROBES, "hits": 0}
    assert watched.measurements.taken_back == {"demo-iris-r2": False}
    assert watched.look(590) == LATER  # the end of the bake changes nothing
    watched.endpoints.rest()
    assert watched.look(601) == OVER
    assert settle(watched.ledger, watched.endpoints, 2) == "PROMOTED"
    assert "No verdict" not in str(watched.ledger.release(IRIS, 2).reason)  # type: ignore[union-attr]


@pytest.mark.parametrize("trouble", ["fails", "answers otherwise"])
def test_a_bad_release_is_taken_back_and_that_is_its_ending(watched: Watched, trouble: str) -> None:
    ready(watched)
    watched.requests.failed = trouble == "fails"
    watched.requests.answer = {"value": 3.0}
    assert watched.look(70) == LATER
    assert watched.measurements.taken_back == {"demo-iris-r2": True}
    assert watched.verdict["stand"] == "failed"
    watched.measurements.taken_back.clear()
    assert watched.look(75) == LATER  # it is said until SageMaker has heard it
    assert watched.measurements.taken_back == {"demo-iris-r2": True}
    watched.endpoints.broken = frozenset({"demo-iris-r2"})  # SageMaker turns it back
    watched.endpoints.rest()
    assert settle(watched.ledger, watched.endpoints, 2) == "ROLLED_BACK"
    release = watched.ledger.release(IRIS, 2)
    assert release is not None
    assert release.reason_code == "WORSE_IN_SERVICE"
    assert watched.verdict["reason"] in str(release.reason)
    assert watched.look(80) == OVER


def test_a_release_that_nobody_can_tell_of_is_held(watched: Watched) -> None:
    ready(watched)
    watched.measurements.seen.clear()  # no metric arrives
    watched.requests.serving = "elsewhere"
    assert watched.look(70) == LATER
    assert watched.verdict is None
    assert watched.look(560) == LATER
    assert (watched.verdict["stand"], watched.measurements.taken_back) == ("held", {"demo-iris-r2": True})
    watched.endpoints.broken = frozenset({"demo-iris-r2"})  # SageMaker turns it back
    watched.endpoints.rest()
    assert settle(watched.ledger, watched.endpoints, 2) == "ROLLED_BACK"
    assert watched.ledger.release(IRIS, 2).reason_code == "HELD"  # type: ignore[union-attr]


def test_the_last_word_stays(watched: Watched) -> None:
    ready(watched)
    watched.requests.failed = True
    watched.look(70)
    said = watched.verdict
    watched.ledger.keep_verdict(IRIS, 2, {"stand": "passed", "reason": "late"})
    assert watched.verdict == said


def test_a_settled_release_gets_no_verdict(watched: Watched) -> None:
    ready(watched)
    watched.endpoints.rest()
    settle(watched.ledger, watched.endpoints, 2)
    watched.ledger.keep_verdict(IRIS, 2, {"stand": "failed", "reason": "late"})
    assert watched.verdict is None
    assert "No verdict came" in str(watched.ledger.release(IRIS, 2).reason)  # type: ignore[union-attr]
    assert watched.look(70) == OVER


def test_a_release_that_answers_users_otherwise_is_taken_back(watched: Watched) -> None:
    ready(watched)
    for at, config in ((BEGAN - timedelta(minutes=5), "demo-iris-r1"), (BEGAN, "demo-iris-r2")):
        watched.objects.answer(config, "no" if config == "demo-iris-r1" else "yes", 300, at)
    assert watched.look(60) == LATER
    assert watched.verdict["stand"] == "failed"
    assert "answers yes" in watched.verdict["reason"]
    assert watched.verdict["signals"]["answers yes"]["canary"] == {"requests": 300, "hits": 300}
    assert watched.measurements.taken_back == {"demo-iris-r2": True}


def test_a_release_that_answers_users_alike_passes(watched: Watched) -> None:
    ready(watched)
    for at, config in ((BEGAN - timedelta(minutes=5), "demo-iris-r1"), (BEGAN, "demo-iris-r2")):
        watched.objects.answer(config, "yes", 300, at)
    watched.look(60)
    assert watched.verdict["stand"] == "passed"
    assert watched.verdict["signals"]["answers yes"]["serving"] == {"requests": 300, "hits": 300}


def on_probation(watched: Watched) -> Watched:
    """A serverless release took all requests over from one, for nothing takes them bit by bit."""
    command = {"memory_mb": 2048, "max_concurrency": 5}
    assert watched.endpoints.state is not None
    watched.endpoints.state = replace(watched.endpoints.state, serverless=True)
    key = {"pk": {"S": "demo#iris"}, "sk": {"S": "RELEASE#00000002"}}
    watched.ledger._client.update_item(
        TableName="ledger",
        Key=key,
        UpdateExpression="SET serverless = :s",
        ExpressionAttributeValues={":s": {"M": {name: {"N": str(value)} for name, value in command.items()}}},
    )
    watched.deploy()
    assert watched.look() == SOON  # it is on its way
    watched.rest()
    return watched


def test_a_serverless_release_is_asked_by_ourselves_before_it_is_settled(watched: Watched) -> None:
    on_probation(watched)
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    assert (watched.look(600), watched.requests.asked) == (OVER, PROBES)
    assert (watched.verdict["stand"], watched.verdict["signals"]["errors"]["canary"]["requests"]) == ("passed", PROBES)
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "PROMOTED"
    assert watched.look(610) == OVER


@pytest.mark.parametrize("trouble", ["fails", "answers otherwise"])
def test_a_serverless_release_that_does_badly_goes_back_at_once(watched: Watched, trouble: str) -> None:
    on_probation(watched)
    watched.requests.failed = trouble == "fails"
    watched.requests.answer = {"value": 3.0}
    assert (watched.look(600), watched.verdict["stand"]) == (OVER, "failed")
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    watched.deploy()  # whoever deploys it again lets it be
    watched.rest()
    assert (watched.endpoints.state.config, watched.endpoints.updates) == ("demo-iris-r1", 2)  # type: ignore[union-attr]
    watched.deploy()
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "ROLLED_BACK"
    release = watched.ledger.release(IRIS, 2)
    assert (release.reason_code, watched.endpoints.updates) == ("WORSE_IN_SERVICE", 2)  # type: ignore[union-attr]


def test_a_serverless_release_that_nobody_can_tell_of_is_held(watched: Watched) -> None:
    on_probation(watched)
    watched.objects.golden = []
    assert watched.look(700) == SOON
    assert (watched.look(1300), watched.verdict["stand"]) == (OVER, "held")
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    watched.rest()
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "ROLLED_BACK"
    assert watched.ledger.release(IRIS, 2).reason_code == "HELD"  # type: ignore[union-attr]


def test_a_serverless_release_whose_watch_is_silent_does_not_stay(watched: Watched) -> None:
    on_probation(watched)
    assert settle(watched.ledger, watched.endpoints, 2, now="2026-01-01T00:21:00.000Z") == "IN_PROGRESS"
    assert watched.verdict is None
    assert settle(watched.ledger, watched.endpoints, 2, now="2026-01-01T00:23:00.000Z") == "IN_PROGRESS"
    watched.rest()
    assert settle(watched.ledger, watched.endpoints, 2, now="2026-01-01T00:23:00.000Z") == "ROLLED_BACK"
    assert "Nobody asked it in time" in watched.ledger.release(IRIS, 2).reason  # type: ignore[union-attr, operator]
