"""A watch over a release on a real ledger of moto's; what the instances measured is given."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.errors import EndpointBusyError
from headgate.domain.runs import Ending, Outcome
from headgate.domain.watch import PROBES
from headgate.services.settle_release import SettleRelease, settle_release
from headgate.services.watch_release import OVER, SOON, Watcher, WatchRelease, watch_release

from . import conftest
from .conftest import IRIS, NOW, FakeEndpoints, FakeTasks, deploy, serve
from .measured import BEGAN, FakeMeasurements, FakeObjects, FakeRequests

PROVING = "2026-01-01T00:10:05.000Z"
"""Soon after an endpoint came to rest (`conftest.LATER`)."""


LATER, COMING = {"outcome": "LATER", "seconds": 30}, {"outcome": "LATER", "seconds": 5}
settle = partial(conftest.settle, watched=False)


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
def watched(plan: Any, beforehand: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks) -> Watched:
    def road() -> None:
        plan("a")
        serve(ledger, endpoints, tasks, 1)
        plan("b", capture_percent=100)

    beforehand("watched", road, endpoints, tasks)
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
    serve(ledger, endpoints, tasks, 1)
    plan("b", capture_percent=100, rollout={"metrics_seconds": 10})
    measurements = FakeMeasurements()
    requests = FakeRequests(measurements, "demo-iris-r1")
    watched = ready(Watched(ledger, endpoints, tasks, measurements, requests, FakeObjects()))
    assert watched.look(70) == {"outcome": "LATER", "seconds": seconds}


def test_what_serves_is_asked_before_it_is_changed_unless_others_did(watched: Watched) -> None:
    assert (watched.look(), watched.look(), watched.requests.asked) == (SOON, SOON, PROBES)
    watched.endpoints.state, watched.measurements.seen = None, {}
    assert (watched.look(), watched.requests.asked) == (SOON, PROBES)  # IAM lets us ask by the endpoint's tag


def test_a_rollback_waits_for_no_requests_of_ours_and_is_compared_with_nothing(watched: Watched) -> None:
    key = {"pk": {"S": "demo#iris"}, "sk": {"S": "RELEASE#00000002"}}
    repeats = {"UpdateExpression": "SET repeats = :r", "ExpressionAttributeValues": {":r": {"N": "1"}}}
    watched.ledger._client.update_item(TableName="ledger", Key=key, **repeats)
    assert (watched.look(), watched.requests.asked) == (OVER, 0)


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
    watched.look(70)
    watched.endpoints.rest()
    settle(watched.ledger, watched.endpoints, 2)
    watched.ledger.keep_verdict(IRIS, 2, {"stand": "failed", "reason": "late"})
    assert watched.verdict["stand"] == "passed"
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


def on_probation(watched: Watched, kind: str) -> Watched:
    """A release serves that no watch has passed: of a serverless one none tells before it takes all requests, and of a
    guarded one no look came while it baked.
    """
    if kind == "guarded":
        ready(watched)
        watched.endpoints.rest()
        watched.requests.asked = 0
        return watched
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
    assert watched.look() == COMING
    watched.rest()
    return watched


@pytest.fixture(params=["serverless", "guarded"])
def proving(request: pytest.FixtureRequest, watched: Watched) -> Watched:
    return on_probation(watched, request.param)


def test_a_release_that_no_watch_has_passed_is_asked_by_ourselves_before_it_is_settled(proving: Watched) -> None:
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    assert (proving.look(600), proving.requests.asked) == (OVER, PROBES)
    assert (proving.verdict["stand"], proving.verdict["signals"]["errors"]["canary"]["requests"]) == ("passed", PROBES)
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "PROMOTED"
    assert proving.endpoints.updates == 1
    assert proving.look(610) == OVER


@pytest.mark.parametrize("trouble", ["fails", "answers otherwise"])
def test_a_release_that_does_badly_when_it_is_asked_goes_back_at_once(proving: Watched, trouble: str) -> None:
    proving.requests.failed = trouble == "fails"
    proving.requests.answer = {"value": 3.0}
    assert (proving.look(600), proving.verdict["stand"]) == (OVER, "failed")
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    proving.deploy()  # whoever deploys it again lets it be
    proving.rest()
    assert (proving.endpoints.state.config, proving.endpoints.updates) == ("demo-iris-r1", 2)  # type: ignore[union-attr]
    assert proving.endpoints.deployment is None  # nothing waits
    proving.deploy()
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "ROLLED_BACK"
    release = proving.ledger.release(IRIS, 2)
    assert (release.reason_code, proving.endpoints.updates) == ("WORSE_IN_SERVICE", 2)  # type: ignore[union-attr]


def test_a_release_in_service_that_nobody_can_tell_of_is_held(proving: Watched) -> None:
    proving.objects.golden = []
    assert proving.look(700)["outcome"] in ("SOON", "LATER")
    assert (proving.look(1300), proving.verdict["stand"]) == (OVER, "held")
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    proving.rest()
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "ROLLED_BACK"
    assert proving.ledger.release(IRIS, 2).reason_code == "HELD"  # type: ignore[union-attr]


def test_a_release_whose_watch_is_silent_does_not_stay(proving: Watched) -> None:
    """Nobody asked it either, for the watch is dead: it is given its time, and goes."""
    assert settle(proving.ledger, proving.endpoints, 2, now="2026-01-01T00:21:00.000Z") == "IN_PROGRESS"
    assert proving.verdict is None
    assert settle(proving.ledger, proving.endpoints, 2, now="2026-01-01T00:23:00.000Z") == "IN_PROGRESS"
    proving.rest()
    assert settle(proving.ledger, proving.endpoints, 2, now="2026-01-01T00:23:00.000Z") == "ROLLED_BACK"
    assert "Nobody asked it in time" in proving.ledger.release(IRIS, 2).reason  # type: ignore[union-attr, operator]


def test_a_release_whose_promotion_died_in_the_bake_goes_back_as_soon_as_it_serves(proving: Watched, runs: Any) -> None:
    """There is nobody left to ask it."""
    failure = Ending(Outcome.FAILED, "PROMOTION_FAILED", "A step failed.")
    run = proving.ledger.release(IRIS, 2).run  # type: ignore[union-attr]
    with pytest.raises(EndpointBusyError):
        runs.end_failed(IRIS, run, failure)
    proving.rest()
    assert proving.endpoints.state.config == "demo-iris-r1"  # type: ignore[union-attr]
    assert runs.end_failed(IRIS, run, failure).reason_code == "PROMOTION_FAILED"


def test_a_release_that_took_over_though_its_watch_condemned_it_goes_back(watched: Watched) -> None:
    """SageMaker's guard was deaf, or the word came when the bake was over."""
    ready(watched)
    watched.requests.failed = True
    assert watched.look(70) == LATER
    watched.endpoints.rest()
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "IN_PROGRESS"
    assert watched.look(610) == LATER
    watched.rest()
    assert settle(watched.ledger, watched.endpoints, 2, now=PROVING) == "ROLLED_BACK"
    release = watched.ledger.release(IRIS, 2)
    assert (release.reason_code, watched.endpoints.state.config) == ("WORSE_IN_SERVICE", "demo-iris-r1")  # type: ignore[union-attr]


def test_a_release_whose_way_back_fails_is_not_told_as_gone_but_sent_back_again(proving: Watched) -> None:
    """It serves on, whatever the ledger would say: no machines, or an archive that was gone for a while."""
    proving.requests.failed = True
    assert (proving.look(600), proving.verdict["stand"]) == (OVER, "failed")
    for serves in ("demo-iris-r2", "demo-iris-r2", "demo-iris-r1"):
        proving.endpoints.broken = frozenset({"demo-iris-r1"} - {serves})
        assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "IN_PROGRESS"
        proving.rest()
        assert proving.endpoints.state.config == serves  # type: ignore[union-attr]
    assert settle(proving.ledger, proving.endpoints, 2, now=PROVING) == "ROLLED_BACK"


def test_an_endpoint_that_is_deleted_to_be_made_anew_is_watched_when_it_is_there_again(watched: Watched) -> None:
    champion = watched.endpoints.state
    assert champion is not None
    watched.endpoints.state = replace(champion, status="Failed", failure_reason="The machines are gone.")
    with pytest.raises(EndpointBusyError):
        watched.deploy()
    assert watched.endpoints.state is None
    assert watched.look() == COMING
    watched.deploy()
    watched.endpoints.rest()
    watched.requests.serving = "demo-iris-r2"
    assert (watched.look(600), watched.verdict["stand"]) == (OVER, "passed")


def test_it_is_looked_at_often_only_while_it_proves_itself_or_goes_back(watched: Watched) -> None:
    """A history of Step Functions has no room for as many looks as a bake of hours would take."""

    def seconds() -> int:
        command = SettleRelease(IRIS, 2)
        told = {"ledger": watched.ledger, "endpoints": watched.endpoints, "tasks": watched.tasks, "owner": "ledger"}
        return int(settle_release(command, **told, now="2026-01-01T00:23:00.000Z")["seconds"])  # type: ignore[arg-type]

    ready(watched)
    assert seconds() == 30
    watched.endpoints.rest()
    assert [seconds(), seconds()] == [5, 5]
    assert watched.endpoints.state.target == "demo-iris-r1"  # type: ignore[union-attr]
