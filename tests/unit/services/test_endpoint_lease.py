"""The endpoint's lease in use, on a real table of moto's: who waits, who is overtaken, who comes too late."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunStarted
from headgate.domain.errors import ConflictError, LeaseLostError
from headgate.domain.incidents import Incident
from headgate.domain.runs import Ending, Outcome
from headgate.services.runs import Runs
from headgate.services.take_endpoint import FREE, GRANTED, TakeEndpoint, take_endpoint

from .conftest import IRIS, FakeEndpoints, FakeTasks, deploy, settle, take

STOPPED = Ending(Outcome.FAILED, "ABORTED", "The run's execution was stopped by hand.")
Ask = Callable[..., str]


class Answers(FakeTasks):
    """Task tokens with what they were given back with, the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, Any] = {}

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        self.said.setdefault(token, output)
        return super().succeed(token, output)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def ask(ledger: Ledger, make_run: Any, answers: Answers) -> Ask:
    """Ask for the endpoint; the token is the run's name and the visit."""

    def ask(name: str, visit: int = 0) -> str:
        run = make_run(name)
        if ledger.add_run(run):
            ledger.write(IRIS, ledger.head(IRIS), RunStarted(run.run))
        command = TakeEndpoint(IRIS, run.run, f"{name}{visit}", visit)
        return take_endpoint(command, ledger=ledger, tasks=answers)

    return ask


def test_three_that_ask_at_once_are_one_that_goes_one_that_waits_and_one_overtaken(
    ask: Ask, ledger: Ledger, answers: Answers
) -> None:
    assert [ask(name) for name in "abdc"] == ["granted", "in line", "in line", "superseded"]
    assert answers.said["a0"] == GRANTED
    assert (answers.said["b0"]["outcome"], answers.said["b0"]["reason_code"]) == ("SUPERSEDED", "NEWER_VERSION")
    assert "demo-iris-d" in answers.said["b0"]["reason"]
    assert answers.said["c0"]["outcome"] == "SUPERSEDED"
    assert "d0" not in answers.said
    assert [ask(name, 1) for name in "bc"] == ["superseded", "superseded"]  # though who overtook them may be gone
    assert answers.said["b1"] == answers.said["b0"]


def test_an_incident_that_another_one_overtakes_is_told_so_and_not_to_drop_a_dataset(
    ask: Ask, ledger: Ledger, answers: Answers
) -> None:
    assert ask("a") == "granted"
    for number in (1, 2):
        name, at = f"demo-iris-20260101T00000{number}-0123abcd", f"2026-01-01T00:00:0{number}.000Z"
        ledger.add_incident(Incident(name, "demo", "iris", "errors", "errors", at, at))
        take_endpoint(TakeEndpoint(IRIS, name, f"i{number}", 0), ledger=ledger, tasks=answers)
    assert ask("b") == "superseded"
    assert (answers.said["i1"]["outcome"], answers.said["i1"]["reason_code"]) == ("SUPERSEDED", "NEWER_INCIDENT")
    assert "dataset" not in answers.said["i1"]["reason"]
    assert (answers.said["b0"]["reason_code"], "dataset" in answers.said["b0"]["reason"]) == ("ROLLBACK_FIRST", True)


def test_the_one_in_line_is_woken_by_the_settlement_before_it(
    plan: Any, ask: Ask, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, answers: Answers
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    assert ask("b") == "in line"
    assert settle(ledger, endpoints, 1, answers) == "IN_PROGRESS"
    assert "b0" not in answers.said
    endpoints.rest()
    assert settle(ledger, endpoints, 1, answers) == "PROMOTED"
    assert answers.said["b0"] == FREE
    assert ledger.lease(IRIS).holder is None
    assert ask("b") == "granted"
    assert (ledger.lease(IRIS).holder, ledger.lease(IRIS).waiting) == ("demo-iris-b", None)


def test_a_run_that_ends_gives_the_lease_back_and_wakes_who_waits(
    ask: Ask, ledger: Ledger, executions: Any, endpoints: FakeEndpoints, answers: Answers
) -> None:
    runs = Runs(ledger, executions, lambda: endpoints, lambda: answers, "now")
    assert [ask(name) for name in "ab"] == ["granted", "in line"]
    runs.end_failed(IRIS, "demo-iris-a", STOPPED)
    assert ledger.lease(IRIS).holder is None
    assert answers.said["b0"] == FREE
    runs.end_failed(IRIS, "demo-iris-b", STOPPED)  # it was stopped in line
    assert ledger.lease(IRIS).waiting is None
    assert ask("b") == "ended"


def test_a_promotion_that_wakes_after_its_lease_was_taken_over_changes_nothing(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    plan("b")  # a gave no sign of life for a whole term
    before = ledger.release(IRIS, 1), ledger.head(IRIS), ledger.lease(IRIS)
    with pytest.raises(LeaseLostError):
        deploy(ledger, endpoints, tasks, 1)
    settle(ledger, endpoints, 1)
    assert (ledger.release(IRIS, 1), ledger.head(IRIS), ledger.lease(IRIS)) == before
    assert (endpoints.state, endpoints.models, tasks.given) == (None, set(), [])


# Each is the moment before one call of a deployment at which its process sleeps too long.
@pytest.mark.parametrize("asleep_before", ["ensure", "ringing", "update", "wait_for_endpoint"])
@pytest.mark.parametrize("twice", [True, False])
def test_a_deployment_that_sleeps_too_long_in_between_stops_at_the_next_write_or_look(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, asleep_before: str, twice: bool
) -> None:
    """`twice`: the same task is invoked once more meanwhile; otherwise another run takes the lease over."""
    from .conftest import FakeAlarms

    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    settle(ledger, endpoints, 1)
    plan("b")
    slept: list[str] = []

    class Sleepy:
        def __init__(self, whom: Any) -> None:
            self.whom = whom

        def __getattr__(self, name: str) -> Any:
            if name == asleep_before and not slept:
                slept.append(name)
                if twice:
                    ledger.enter(IRIS, "demo-iris-b")
                else:
                    take(ledger, FakeTasks(), "demo-iris-c")
            return getattr(self.whom, name)

    ledger.add_run(replace(ledger.run(IRIS, "demo-iris-b"), run="demo-iris-c", order="9", release=None))  # type: ignore[type-var]
    with pytest.raises((LeaseLostError, ConflictError)):
        deploy(Sleepy(ledger), Sleepy(endpoints), tasks, 2, "late", Sleepy(FakeAlarms()))
    assert slept == [asleep_before]
    assert "late" not in tasks.given
    # SageMaker takes no fence: of a process that sleeps right before its call, the timeout of Lambda is the guard.
    assert endpoints.updates == (asleep_before in {"update", "wait_for_endpoint"})


def test_a_settlement_under_an_older_fence_writes_nothing(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()

    class Doubled:
        def describe(self, name: str) -> Any:
            ledger.enter(IRIS, "demo-iris-a")  # the same task, invoked once more, enters first
            return endpoints.describe(name)

        def scaling(self) -> Any:
            return endpoints.scaling()

    with pytest.raises(ConflictError):
        settle(ledger, Doubled(), 1)
    assert ledger.release(IRIS, 1).state == "DEPLOYING"  # type: ignore[union-attr]
    assert settle(ledger, endpoints, 1) == "PROMOTED"
