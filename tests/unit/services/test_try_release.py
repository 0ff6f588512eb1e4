"""A release tried beside the version that serves, on a real ledger of moto's and endpoints in memory."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.freezes import Freeze
from headgate.domain.incidents import Incident
from headgate.domain.trial import Trial
from headgate.services.deploy_release import Serving
from headgate.services.runs import Runs
from headgate.services.try_release import GO_ON, Trying, TryRelease, try_release

from .conftest import IRIS, NOW, OWNER, FakeArchives, FakeEndpoints, FakeTasks, deploy, serve, settle, take

SHADOW = {"strategy": "shadow"}
TRIED, SERVES, NEW = "demo-iris-r2-try", "demo-iris-r1", "demo-iris-r2"


@dataclass
class FakeTrials(FakeEndpoints):
    """Endpoints in which a version may be tried."""

    trial: Trial | None = None
    capture: Any = None

    def ensure_trial(self, trial: Trial, *, model: str, capture: Any, **_options: Any) -> None:
        assert {trial.before, model} <= self.models
        self.configs.add(trial.config)
        self.trial, self.capture = trial, capture

    def weights_of(self, config: str) -> dict[str, float]:
        trial = self.trial
        return {"main": 1.0} | ({trial.variant: trial.weight} if trial and config == trial.config else {})


@dataclass
class Tried:
    """The second release of a project, and what tries it."""

    ledger: Ledger
    endpoints: FakeTrials
    tasks: FakeTasks
    stand: str = "watching"
    looks: int = 0
    states: list[str] = field(default_factory=list)

    def step(self) -> dict[str, Any]:
        serving = Serving("image", "role", OWNER, FakeArchives(), "artifacts", "key")  # type: ignore[arg-type]

        def observe(_project: Any, release: Any, _trial: Trial) -> dict[str, Any]:
            self.looks += 1
            return {**release.trial, "stand": self.stand, "said": "It was seen."}

        return try_release(
            TryRelease(IRIS, 2),
            Trying(self.ledger, self.endpoints, self.tasks, serving, observe, NOW),  # type: ignore[arg-type]
        )

    def until(self, outcome: str) -> dict[str, Any]:
        """Step on, with the endpoint at rest between two steps, and note what it serves."""
        for _ in range(10):
            answer = self.step()
            if self.endpoints.state.in_progress:  # type: ignore[union-attr]
                self.endpoints.rest()
            self.states.append(self.endpoints.state.config)  # type: ignore[union-attr]
            if answer["outcome"] == outcome:
                return answer
        raise AssertionError(f"{outcome} never comes: {answer}")

    @property
    def release(self) -> Any:
        return self.ledger.release(IRIS, 2)


@pytest.fixture
def endpoints() -> FakeTrials:
    return FakeTrials()


@pytest.fixture
def served(plan: Any, beforehand: Any, ledger: Ledger, endpoints: FakeTrials, tasks: FakeTasks) -> Tried:
    def road() -> None:
        plan("a")
        serve(ledger, endpoints, tasks, 1)

    beforehand("served", road, endpoints, tasks)
    return Tried(ledger, endpoints, tasks)


@pytest.fixture
def tried(plan: Any, beforehand: Any, served: Tried) -> Tried:
    beforehand("tried", lambda: plan("b", capture_percent=100, rollout=SHADOW), served.endpoints, served.tasks)
    return served


def test_a_shadow_is_put_beside_what_serves_looked_at_and_taken_away(tried: Tried) -> None:
    assert tried.step()["outcome"] == "LATER"
    assert tried.release.state == "TRYING"
    assert tried.endpoints.deployment is None
    tried.endpoints.rest()
    assert tried.step() == {"outcome": "LATER", "seconds": 30}
    assert tried.endpoints.state.config == TRIED  # type: ignore[union-attr]
    tried.stand = "passed"
    ending = tried.until("NOT_PROMOTED")
    assert ending["reason_code"] == "SHADOW_REPORTED"
    assert "It was seen." in ending["reason"]
    assert tried.endpoints.state.config == SERVES  # type: ignore[union-attr]
    assert (tried.release.state, tried.release.outcome) == ("HELD", "NOT_PROMOTED")
    assert tried.ledger.lease(IRIS).holder is None
    assert tried.step() == ending


def test_what_both_answer_is_captured_where_the_monitor_of_what_serves_reads(tried: Tried) -> None:
    tried.step()
    assert tried.endpoints.capture.place == "s3://artifacts/_captured/demo/iris/demo-iris-r1"
    assert (tried.endpoints.trial.percent, tried.endpoints.trial.weight) == (100, 1.0)  # type: ignore[union-attr]


def test_a_shadow_that_did_well_takes_over_where_the_project_wants_that(plan: Any, served: Tried) -> None:
    plan("b", capture_percent=100, rollout={**SHADOW, "shadow_then": "promote"})
    served.stand = "passed"
    assert served.until("GO_ON") == GO_ON
    assert served.states[-1] == SERVES
    assert served.release.state == "PLANNED"
    assert served.step() == GO_ON
    deploy(served.ledger, served.endpoints, served.tasks, 2)
    assert served.endpoints.deployment is not None
    served.endpoints.rest()
    assert settle(served.ledger, served.endpoints, 2) == "PROMOTED"
    assert served.release.trial["stand"] == "passed"


@pytest.mark.parametrize(
    ("strategy", "stand", "code", "state"),
    [
        ("shadow", "failed", "SHADOW_WORSE", "FAILED"),
        ("shadow", "held", "SHADOW_HELD", "HELD"),
        ("ab", "failed", "AB_WORSE", "FAILED"),
        ("ab", "held", "AB_HELD", "HELD"),
    ],
)
def test_a_version_that_did_not_do_well_when_tried_never_takes_over(
    plan: Any, served: Tried, strategy: str, stand: str, code: str, state: str
) -> None:
    plan("b", rollout={"strategy": strategy, "shadow_then": "promote"})
    served.stand = stand
    assert served.until("NOT_PROMOTED")["reason_code"] == code
    assert (served.release.state, served.states[-1]) == (state, SERVES)


def test_the_winner_of_an_ab_test_takes_over_as_any_other_version_does(plan: Any, served: Tried) -> None:
    plan("b", capture_percent=100, rollout={"strategy": "ab", "trial_percent": 20})
    served.step()
    assert (served.endpoints.trial.variant, served.endpoints.trial.weight) == ("challenger", 0.25)  # type: ignore[union-attr]
    served.endpoints.rest()
    served.stand = "passed"
    assert served.until("GO_ON") == GO_ON
    assert (served.release.state, served.states[-1]) == ("PLANNED", SERVES)


@pytest.mark.parametrize(("stand", "silenced"), [("failed", 1), ("held", 0)])
def test_what_is_worse_in_an_ab_test_loses_its_requests_before_instances_have_to_come_up(
    plan: Any, served: Tried, stand: str, silenced: int
) -> None:
    plan("b", capture_percent=100, rollout={"strategy": "ab"})
    served.step()
    served.endpoints.rest()
    served.stand = stand
    assert served.step()["outcome"] == "LATER"
    assert (served.endpoints.silenced, served.endpoints.state.weights["challenger"]) == (silenced, 1.0 - silenced)  # type: ignore[union-attr]
    served.endpoints.rest()
    served.until("NOT_PROMOTED")
    assert (served.endpoints.silenced, served.endpoints.updates, served.states[-1]) == (silenced, 2, SERVES)


def test_weights_that_are_refused_hold_nothing_up(plan: Any, served: Tried) -> None:
    plan("b", capture_percent=100, rollout={"strategy": "ab"})
    served.stand, served.endpoints.refuses_weights = "failed", True
    assert served.until("NOT_PROMOTED")["reason_code"] == "AB_WORSE"
    assert served.states[-1] == SERVES


def test_a_shadow_that_does_not_come_up_is_an_ending(tried: Tried) -> None:
    tried.endpoints.broken = frozenset({TRIED})
    ending = tried.until("NOT_PROMOTED")
    assert ending["reason_code"] == "SHADOW_WORSE"
    assert "did not come up" in ending["reason"]
    assert (tried.looks, tried.states[-1], tried.endpoints.updates) == (0, SERVES, 1)


def test_the_last_word_stays(tried: Tried) -> None:
    tried.step()
    tried.ledger.keep_trial(IRIS, 2, {**tried.release.trial, "stand": "failed", "said": "Worse."})
    tried.ledger.keep_trial(IRIS, 2, {**tried.release.trial, "stand": "passed", "said": "late"})
    assert tried.release.trial["said"] == "Worse."


def test_a_rollback_does_not_wait_for_a_trial(tried: Tried) -> None:
    incident = "demo-iris-20260131T083012-0123abcd"
    tried.step()
    tried.endpoints.rest()
    tried.ledger.add_incident(Incident(incident, "demo", "iris", "a", "errors", NOW, NOW))
    from headgate.services.take_endpoint import TakeEndpoint, take_endpoint

    assert (
        take_endpoint(TakeEndpoint(IRIS, incident, "token-of-it", 0), ledger=tried.ledger, tasks=tried.tasks)
        == "in line"
    )
    ending = tried.until("NOT_PROMOTED")
    assert (ending["reason_code"], tried.looks, tried.states[-1]) == ("SHADOW_HELD", 0, SERVES)
    assert incident in ending["reason"]
    assert "token-of-it" in tried.tasks.given


def test_a_promotion_that_stops_leaves_no_trial_behind(tried: Tried, runs: Runs) -> None:
    """Whoever plans next finds it, or whoever ends its run."""
    tried.step()
    tried.endpoints.rest()
    assert settle(tried.ledger, tried.endpoints, 2) == "IN_PROGRESS"
    assert tried.endpoints.state.target == SERVES  # type: ignore[union-attr]
    tried.endpoints.rest()
    assert settle(tried.ledger, tried.endpoints, 2) == "FAILED"
    assert (tried.release.reason_code, tried.endpoints.state.config) == ("TRIAL_STOPPED", SERVES)  # type: ignore[union-attr]


def test_who_lost_the_endpoint_changes_nothing_more(tried: Tried, make_run: Any) -> None:
    tried.step()
    tried.endpoints.rest()
    other = make_run("c")
    tried.ledger.add_run(other)
    assert take(tried.ledger, tried.tasks, other.run) == "granted"
    before = tried.endpoints.updates
    assert tried.step()["outcome"] == "LATER"
    assert (tried.looks, tried.endpoints.updates) == (0, before)


def test_a_freeze_holds_a_trial_too(tried: Tried) -> None:
    from dataclasses import replace

    head = tried.ledger.head(IRIS)
    tried.ledger.write(IRIS, replace(head, freeze=Freeze("anna", "An audit.", NOW)))
    ending = tried.step()
    assert (ending["reason_code"], tried.release.state) == ("FROZEN", "HELD")
    assert tried.endpoints.updates == 0


def test_the_first_release_has_nothing_to_be_tried_beside(plan: Any, ledger: Ledger, tasks: FakeTasks) -> None:
    plan("a", rollout=SHADOW)
    tried = Tried(ledger, FakeTrials(), tasks)
    serving = Serving("image", "role", OWNER, FakeArchives(), "artifacts", "key")  # type: ignore[arg-type]
    world = Trying(ledger, tried.endpoints, tasks, serving, lambda *_: {}, NOW)  # type: ignore[arg-type]
    assert try_release(TryRelease(IRIS, 1), world) == GO_ON
