from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded, RunStarted
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Head, Outcome, Run
from headgate_cli import following
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError
from headgate_cli.following import Follower, Progress
from headgate_cli.runs import RunRef

IRIS = Project("demo", "iris")
A, B = "aaaaaaaaaa", "bbbbbbbbbb"
BEGIN = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:"


class Histories:
    """Step Functions' histories, kept in memory by execution ARN."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}

    def get_paginator(self, operation: str) -> "Histories":
        assert operation == "get_execution_history"
        return self

    def paginate(self, executionArn: str, **_: Any) -> Iterator[dict[str, Any]]:
        if executionArn not in self.events:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "GetExecutionHistory")
        yield {"events": self.events[executionArn]}

    def add(self, machine: str, run: str, *steps: tuple[str, str]) -> None:
        keys = {"TaskStateEntered": "stateEnteredEventDetails", "TaskStateExited": "stateExitedEventDetails"}
        arn = MACHINE.replace("stateMachine", "execution") + f"{machine}:{run}"
        history = self.events.setdefault(arn, [])
        for kind, state in steps:
            at = BEGIN + timedelta(seconds=len(history))
            history.append({"type": kind, "timestamp": at, keys.get(kind, ""): {"name": state}})


@dataclass(frozen=True)
class CloudWithHistories(Cloud):
    """A cloud of moto's whose executions are the test's own."""

    histories: Histories = field(default_factory=Histories)

    def client(self, service: str) -> Any:
        return self.histories if service == "stepfunctions" else super().client(service)


@pytest.fixture
def histories() -> Histories:
    return Histories()


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, histories: Histories) -> Cloud:
    outputs = {
        "LedgerTable": "ledger",
        "TrainStateMachine": f"{MACHINE}train",
        "PromoteStateMachine": f"{MACHINE}promote",
    }
    return CloudWithHistories(aws, "headgate", None, outputs, histories)


@pytest.fixture
def start(ledger: Ledger, make_run: Callable[..., Run]) -> Callable[[str], Head]:
    def begin(dataset: str) -> Head:
        run = make_run(dataset)
        ledger.add_run(run)
        return ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run), RunStarted(run.run))

    return begin


@pytest.fixture
def end(ledger: Ledger) -> Callable[[str, Outcome], Head]:
    def close(dataset: str, outcome: Outcome) -> Head:
        ending = Ending(outcome, "WHY", "Because.")
        head = replace(ledger.head(IRIS), active=None)
        return ledger.write(IRIS, head, RunEnded(IRIS.run_id(dataset), ending, "2026-01-01T00:01:00.000Z"))

    return close


def look(cloud: Cloud, dataset: str = A) -> Progress:
    return Follower(cloud).look(RunRef(IRIS, dataset))


def test_a_dataset_that_nobody_saw_yet_is_arriving(cloud: Cloud) -> None:
    assert look(cloud) == Progress(RunRef(IRIS, A))


def test_a_waiting_run_names_the_one_it_waits_for(
    cloud: Cloud, ledger: Ledger, start: Callable[[str], Head], make_run: Callable[..., Run]
) -> None:
    start(A)
    ledger.add_run(make_run(B))
    progress = look(cloud, B)
    assert progress.waits
    assert f"demo-iris-{A}" in progress.note


def test_a_running_run_tells_its_stage(cloud: Cloud, start: Callable[[str], Head], histories: Histories) -> None:
    start(A)
    histories.add(
        "train",
        IRIS.run_id(A),
        ("TaskStateEntered", "Validate The Dataset"),
        ("TaskStateExited", "Validate The Dataset"),
        ("TaskStateEntered", "Train The Challenger"),
    )
    progress = look(cloud)
    assert progress.note == "Train The Challenger"
    assert [stage.name for stage in progress.stages] == ["validate", "train"]
    assert not progress.settled


def test_a_promotion_tells_what_its_own_machine_does(
    cloud: Cloud, start: Callable[[str], Head], histories: Histories
) -> None:
    start(A)
    histories.add("train", IRIS.run_id(A), ("TaskStateEntered", "Promote The Version"))
    histories.add("promote", IRIS.run_id(A), ("TaskStateEntered", "Put The Release In Service"))
    assert look(cloud).note == "Put The Release In Service"
    assert not look(cloud).waits


def test_a_version_that_waits_for_a_person_says_how_to_let_it_go_on(
    cloud: Cloud, start: Callable[[str], Head], histories: Histories, ledger: Ledger
) -> None:
    run = IRIS.run_id(A)
    start(A)
    ledger.wait_for_approval(IRIS, run, "arn:package", "token", 0)
    histories.add("train", run, ("TaskStateEntered", "Promote The Version"))
    histories.add("promote", run, ("TaskStateEntered", "Await Approval"))
    assert look(cloud).waits
    assert look(cloud).note == "waits for a person: headgate approve --project iris --tenant demo"


def test_a_closed_run_is_settled_when_its_execution_is_over(
    cloud: Cloud, start: Callable[[str], Head], end: Callable[[str, Outcome], Head], histories: Histories
) -> None:
    start(A)
    histories.add("train", IRIS.run_id(A), ("TaskStateEntered", "Close The Run"))
    end(A, Outcome.REJECTED)
    assert look(cloud).in_doubt
    assert not look(cloud).settled
    histories.add("train", IRIS.run_id(A), ("TaskStateExited", "Close The Run"), ("ExecutionSucceeded", ""))
    assert look(cloud).settled
    assert look(cloud).outcome == "REJECTED"


def test_a_superseded_run_is_settled_without_an_execution(
    cloud: Cloud, start: Callable[[str], Head], end: Callable[[str, Outcome], Head]
) -> None:
    start(A)
    end(A, Outcome.SUPERSEDED)
    looks = list(Follower(cloud).follow([RunRef(IRIS, A)], timeout=1))
    assert looks[-1][0].outcome == "SUPERSEDED"


def test_following_ends_with_the_time(cloud: Cloud) -> None:
    with pytest.raises(CommandError, match="goes on without you"):
        list(Follower(cloud).follow([RunRef(IRIS, A)], timeout=0))


def test_an_execution_that_ended_without_closing_its_run_is_reported(
    cloud: Cloud, start: Callable[[str], Head], histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_GRACE_SECONDS", 0)
    start(A)
    histories.add("train", IRIS.run_id(A), ("ExecutionAborted", ""))
    with pytest.raises(CommandError, match="ABORTED"):
        list(Follower(cloud).follow([RunRef(IRIS, A)], timeout=60))
