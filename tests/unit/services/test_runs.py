"""Coalescing, de-duplication and the terminal record, on a real table of moto's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleasePlanned, RunStarted
from headgate.domain.errors import ConflictError, EndpointBusyError
from headgate.domain.failures import Stop
from headgate.domain.names import Project
from headgate.domain.releases import EndpointState, Release, ReleaseState
from headgate.domain.runs import Ending, Outcome, Run
from headgate.services.close_run import CloseRun, close_run
from headgate.services.execution_ended import ExecutionEnded, follow_up
from headgate.services.runs import Runs

from .conftest import NOW, FakeEndpoints

IRIS = Project("demo", "iris")
DONE = Ending(Outcome.PROMOTED, "SERVING", "Version 1 serves all requests.", "1", {"auc": 0.9})


@pytest.fixture
def arrive(ledger: Ledger, runs: Runs) -> Callable[[Run], str]:
    def arrive(run: Run) -> str:
        ledger.add_run(run)
        return runs.request_start(run)

    return arrive


@pytest.fixture
def end(runs: Runs) -> Callable[..., None]:
    def end(run: str, ending: Ending = DONE) -> None:
        runs.end(IRIS, run, ending)

    return end


def state(ledger: Ledger, name: str) -> str:
    run = ledger.run(IRIS, f"demo-iris-{name}")
    assert run is not None
    return run.state


def test_a_first_dataset_starts(arrive: Any, make_run: Any, ledger: Ledger, executions: Any) -> None:
    assert arrive(make_run("a")) == "started"
    assert executions.given == {
        "demo-iris-a": {"tenant": "demo", "project": "iris", "run": "demo-iris-a", "dataset": "a"}
    }
    assert state(ledger, "a") == "RUNNING"


def test_an_event_delivered_again_starts_nothing_new(
    arrive: Any, make_run: Any, executions: Any, ledger: Ledger
) -> None:
    assert [arrive(make_run("a")) for _ in range(3)] == ["started"] * 3
    assert list(executions.given) == ["demo-iris-a"]
    assert ledger.head(IRIS).revision == 1


def test_newest_waits_and_the_passed_over_are_superseded(
    arrive: Any, make_run: Any, end: Any, ledger: Ledger, executions: Any
) -> None:
    assert [arrive(make_run(name)) for name in "abdc"] == ["started", "waiting", "waiting", "superseded"]
    end("demo-iris-a")
    assert [state(ledger, name) for name in "abdc"] == ["PROMOTED", "SUPERSEDED", "RUNNING", "SUPERSEDED"]
    assert list(executions.given) == ["demo-iris-a", "demo-iris-d"]
    end("demo-iris-d")
    assert ledger.head(IRIS).active is None


def test_a_terminal_record_never_changes(arrive: Any, make_run: Any, end: Any, ledger: Ledger) -> None:
    arrive(make_run("a"))
    end("demo-iris-a")
    end("demo-iris-a", Ending(Outcome.FAILED, "X", "too late"))
    run = ledger.run(IRIS, "demo-iris-a")
    assert run is not None
    assert (run.state, run.reason, run.version, run.metrics) == ("PROMOTED", DONE.reason, "1", {"auc": 0.9})
    assert arrive(make_run("a")) == "ended"


class Crash(Exception):
    """The process dies here."""


class CrashingExecutions:
    def stopped(self, name: str) -> None:
        raise AssertionError(name)

    def start(self, name: str, given: dict[str, str]) -> bool:
        raise Crash


def test_a_crash_between_record_and_start_is_mended_by_the_next_delivery(
    arrive: Any, make_run: Any, ledger: Ledger, runs: Runs, executions: Any
) -> None:
    run = make_run("a")
    ledger.add_run(run)
    with pytest.raises(Crash):
        replace(runs, executions=CrashingExecutions()).request_start(run)
    assert arrive(run) == "started"
    assert list(executions.given) == ["demo-iris-a"]


def test_a_crash_after_the_terminal_record_still_starts_what_waits(
    arrive: Any, make_run: Any, end: Any, runs: Runs, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    with pytest.raises(Crash):
        replace(runs, executions=CrashingExecutions()).end(IRIS, "demo-iris-a", DONE)
    end("demo-iris-a")
    assert list(executions.given) == ["demo-iris-a", "demo-iris-b"]
    assert state(ledger, "b") == "RUNNING"


def test_a_writer_that_read_before_another_wrote_is_refused(make_run: Any, ledger: Ledger) -> None:
    ledger.add_run(make_run("a"))
    stale = ledger.head(IRIS)
    ledger.write(IRIS, stale, RunStarted("demo-iris-a"))
    with pytest.raises(ConflictError):
        ledger.write(IRIS, stale)


def ended_event(run: str, status: str, **detail: str) -> ExecutionEnded:
    given = f'{{"tenant": "demo", "project": "iris", "run": "{run}", "dataset": "a"}}'
    return ExecutionEnded.parse({"detail": {"input": given, "status": status, **detail}})


def test_the_safety_net_closes_what_the_machine_could_not(
    arrive: Any, make_run: Any, ledger: Ledger, runs: Runs
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    event = ended_event("demo-iris-a", "ABORTED")
    answers = [follow_up(event, runs=runs) for _ in range(2)]
    assert answers == ["closed", "ended"]
    run = ledger.run(IRIS, "demo-iris-a")
    assert run is not None
    assert (run.state, run.reason_code) == ("FAILED", "ABORTED")
    assert state(ledger, "b") == "RUNNING"


def test_the_safety_net_leaves_a_closed_run_alone(arrive: Any, make_run: Any, end: Any, runs: Runs) -> None:
    arrive(make_run("a"))
    end("demo-iris-a", Ending(Outcome.FAILED, "TRAINING_FAILED", "Training failed: out of memory"))
    event = ended_event("demo-iris-a", "FAILED", error="RunFailed")
    assert follow_up(event, runs=runs) == "ended"


def test_the_safety_net_starts_what_a_dying_close_left_unstarted(
    arrive: Any, make_run: Any, runs: Runs, executions: Any
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    with pytest.raises(Crash):
        replace(runs, executions=CrashingExecutions()).end(IRIS, "demo-iris-a", DONE)
    event = ended_event("demo-iris-a", "FAILED", error="RunNotClosed")
    assert follow_up(event, runs=runs) == "ended"
    assert "demo-iris-b" in executions.given


@pytest.fixture
def deploying(arrive: Any, make_run: Any, ledger: Ledger, endpoints: FakeEndpoints) -> Release:
    """Run a, whose release is on its way; run b waits behind it."""
    arrive(make_run("a"))
    arrive(make_run("b"))
    release = Release(
        sequence=1,
        run="demo-iris-a",
        dataset="a",
        holdout="a",
        version="7",
        model_data_url="s3://b/a.tar.gz",
        name="demo-iris-r1",
        endpoint="demo-iris",
        why="Better.",
        state=ReleaseState.DEPLOYING,
        at=NOW,
        instance_type="ml.m5.large",
        instance_count=1,
    )
    assert ledger.claim_endpoint(IRIS)
    ledger.write(IRIS, replace(ledger.head(IRIS), next_release=2), ReleasePlanned(release))
    endpoints.state, endpoints.goal = EndpointState("Creating", release.name), release.name
    return release


@pytest.mark.usefixtures("deploying")
@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_a_promotion_that_happened_is_told_by_the_safety_net_too(
    ledger: Ledger, runs: Runs, executions: Any, endpoints: FakeEndpoints, status: str
) -> None:
    event = ended_event("demo-iris-a", status, error="RunNotClosed")
    with pytest.raises(EndpointBusyError):  # the queue brings the event again
        follow_up(event, runs=runs)
    assert state(ledger, "a") == "RUNNING"
    endpoints.rest()
    assert [follow_up(event, runs=runs) for _ in range(2)] == ["closed", "ended"]
    run = ledger.run(IRIS, "demo-iris-a")
    assert run is not None
    assert (run.state, run.reason_code, run.version) == ("PROMOTED", "SERVING", "7")
    assert ledger.head(IRIS).champion.sequence == 1  # type: ignore[union-attr]
    assert list(executions.given) == ["demo-iris-a", "demo-iris-b"]  # b started when the champion was known


FAILED_PROMOTION = {
    "tenant": "demo",
    "project": "iris",
    "run": "demo-iris-a",
    "outcome": "FAILED",
    "reason_code": "PROMOTION_FAILED",
    "failure": {"error": "AccessDeniedError", "cause": '{"errorMessage": "AWS refused.", "stackTrace": ["x"]}'},
    "version": "7",
    "metrics": {"auc": 0.9},
}


@pytest.mark.usefixtures("deploying")
def test_a_promotion_that_failed_after_its_version_began_to_serve_is_promoted(
    ledger: Ledger, runs: Runs, endpoints: FakeEndpoints
) -> None:
    command = CloseRun.parse(FAILED_PROMOTION)
    with pytest.raises(EndpointBusyError):
        close_run(command, runs=runs)
    endpoints.rest()
    assert [close_run(command, runs=runs)["outcome"] for _ in range(2)] == ["PROMOTED"] * 2
    run = ledger.run(IRIS, "demo-iris-a")
    assert run is not None
    assert (run.state, run.version, run.metrics) == ("PROMOTED", "7", {"auc": 0.9})


@pytest.mark.usefixtures("deploying")
@pytest.mark.parametrize("serving", [None, EndpointState("InService", "demo-iris-r0")])
def test_a_promotion_that_never_reached_the_endpoint_fails_with_its_own_words(
    ledger: Ledger, runs: Runs, endpoints: FakeEndpoints, serving: EndpointState | None
) -> None:
    endpoints.state = serving
    close_run(CloseRun.parse(FAILED_PROMOTION), runs=runs)
    run, release = ledger.run(IRIS, "demo-iris-a"), ledger.release(IRIS, 1)
    assert run is not None
    assert release is not None
    assert (run.state, run.reason_code) == ("FAILED", "PROMOTION_FAILED")
    assert run.reason == release.reason == "The version could not be put in service: AWS refused."
    assert release.state == "FAILED"


@pytest.mark.parametrize("status", ["FAILED", "SUCCEEDED"])
def test_a_lost_event_is_made_good_by_the_next_upload(
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any, status: str
) -> None:
    arrive(make_run("a"))
    executions.over["demo-iris-a"] = Stop(status, "RunNotClosed", "The ledger could not be written.")
    arrive(make_run("b"))
    assert [state(ledger, name) for name in "ab"] == ["FAILED", "RUNNING"]
    assert list(executions.given) == ["demo-iris-a", "demo-iris-b"]


def test_an_event_that_comes_again_closes_a_run_whose_execution_is_over(
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    executions.over["demo-iris-a"] = Stop("ABORTED", "", "")
    arrive(make_run("a"))
    assert state(ledger, "a") == "FAILED"
    assert ledger.head(IRIS).active is None


@pytest.mark.usefixtures("deploying")
def test_an_upload_does_not_wait_for_the_endpoint_of_a_run_left_behind(
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any, endpoints: FakeEndpoints
) -> None:
    executions.over["demo-iris-a"] = Stop("ABORTED", "", "")
    assert arrive(make_run("c")) == "waiting"
    assert state(ledger, "a") == "RUNNING"
    endpoints.rest()
    assert arrive(make_run("d")) == "waiting"  # it is the one that waits, and so the one that starts
    assert [state(ledger, name) for name in "abcd"] == ["PROMOTED", "SUPERSEDED", "SUPERSEDED", "RUNNING"]
