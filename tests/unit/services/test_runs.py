"""Coalescing, de-duplication and the terminal record, on a real table of moto's."""

from collections.abc import Callable
from typing import Any

import pytest

from headgate.aws.ledger import Ledger, RunStarted
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome, Run
from headgate.services.close_run import failed
from headgate.services.execution_ended import ExecutionEnded, follow_up
from headgate.services.runs import end_run, request_start

NOW = "2026-01-01T00:00:01.000Z"
IRIS = Project("demo", "iris")
DONE = Ending(Outcome.PROMOTED, "SERVING", "Version 1 serves all requests.", "1", {"auc": 0.9})


@pytest.fixture
def arrive(ledger: Ledger, executions: Any) -> Callable[[Run], str]:
    def arrive(run: Run) -> str:
        ledger.add_run(run)
        return request_start(run, ledger=ledger, executions=executions, now=NOW)

    return arrive


@pytest.fixture
def end(ledger: Ledger, executions: Any) -> Callable[..., None]:
    def end(run: str, ending: Ending = DONE) -> None:
        end_run(IRIS, run, ending, ledger=ledger, executions=executions, now=NOW)

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
    def start(self, name: str, given: dict[str, str]) -> bool:
        raise Crash


def test_a_crash_between_record_and_start_is_mended_by_the_next_delivery(
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any
) -> None:
    run = make_run("a")
    ledger.add_run(run)
    with pytest.raises(Crash):
        request_start(run, ledger=ledger, executions=CrashingExecutions(), now=NOW)
    assert arrive(run) == "started"
    assert list(executions.given) == ["demo-iris-a"]


def test_a_crash_after_the_terminal_record_still_starts_what_waits(
    arrive: Any, make_run: Any, end: Any, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    with pytest.raises(Crash):
        end_run(IRIS, "demo-iris-a", DONE, ledger=ledger, executions=CrashingExecutions(), now=NOW)
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
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    event = ended_event("demo-iris-a", "ABORTED")
    answers = [follow_up(event, ledger=ledger, executions=executions, now=NOW) for _ in range(2)]
    assert answers == ["closed", "ended"]
    run = ledger.run(IRIS, "demo-iris-a")
    assert run is not None
    assert (run.state, run.reason_code) == ("FAILED", "ABORTED")
    assert state(ledger, "b") == "RUNNING"


def test_the_safety_net_leaves_a_closed_run_alone(
    arrive: Any, make_run: Any, end: Any, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    end("demo-iris-a", Ending(Outcome.FAILED, "TRAINING_FAILED", "Training failed: out of memory"))
    event = ended_event("demo-iris-a", "FAILED", error="RunFailed")
    assert follow_up(event, ledger=ledger, executions=executions, now=NOW) == "ended"


def test_the_safety_net_starts_what_a_dying_close_left_unstarted(
    arrive: Any, make_run: Any, ledger: Ledger, executions: Any
) -> None:
    arrive(make_run("a"))
    arrive(make_run("b"))
    with pytest.raises(Crash):
        end_run(IRIS, "demo-iris-a", DONE, ledger=ledger, executions=CrashingExecutions(), now=NOW)
    event = ended_event("demo-iris-a", "FAILED", error="RunNotClosed")
    assert follow_up(event, ledger=ledger, executions=executions, now=NOW) == "ended"
    assert "demo-iris-b" in executions.given


@pytest.mark.parametrize(
    ("error", "cause", "code", "reason"),
    [
        (
            "States.TaskFailed",
            '{"TrainingJobName": "j", "FailureReason": "AlgorithmError: exit code 1"}',
            "TRAINING_FAILED",
            "Training failed: AlgorithmError: exit code 1",
        ),
        (
            "States.TaskFailed",
            '{"ProcessingJobName": "j", "FailureReason": "InternalServerError"}',
            "EVALUATION_FAILED",
            "Evaluation failed: InternalServerError",
        ),
        (
            "States.TaskFailed",
            '{"ProcessingJobName": "j", "FailureReason": "AlgorithmError: exit code 1", "ExitMessage": "No holdout."}',
            "EVALUATION_FAILED",
            "Evaluation failed: No holdout.",
        ),
        ("KeyError", '{"errorMessage": "\'x\'", "errorType": "KeyError"}', "KeyError", "'x'"),
        ("States.Timeout", "", "States.Timeout", "The step ended with States.Timeout."),
        ("States.Runtime", "[1, 2]", "States.Runtime", "[1, 2]"),
    ],
)
def test_a_failure_is_told_in_words_a_person_can_use(error: str, cause: str, code: str, reason: str) -> None:
    ending = failed(error, cause)
    assert (ending.outcome, ending.reason_code, ending.reason) == (Outcome.FAILED, code, reason)
