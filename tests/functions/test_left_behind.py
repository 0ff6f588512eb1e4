"""A run whose execution is over while its release is on the way: whoever comes by settles it, and wakes who waits."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from tests.dropping import queued

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunStarted
from headgate.domain.incidents import Incident
from headgate.domain.names import Project
from headgate.domain.runs import RUNNING, Head

Invoke = Callable[[str, dict[str, Any]], Any]
IRIS = Project("demo", "iris")
FIRST, SECOND = "demo-iris-0123456789", "demo-iris-abcdefabcd"
ARCHIVE = f"demo/iris/runs/{FIRST}/training/{FIRST}/output/model.tar.gz"


def of(run: str) -> dict[str, str]:
    return {"tenant": "demo", "project": "iris", "run": run, "dataset": run.rpartition("-")[2]}


@pytest.fixture
def left(invoke: Invoke, ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Any]) -> Ledger:
    """The first run has a release planned under the endpoint's lease, the second is next in line for the endpoint; the
    executions of both were stopped.
    """
    aws.client("s3").put_object(Bucket="artifacts", Key=ARCHIVE, Body=b"an archive")
    for run in (FIRST, SECOND):
        ledger.add_run(make_run(run.rpartition("-")[2]))
    ledger.write(IRIS, Head(active=FIRST, waiting=SECOND, waiting_order="2000"), RunStarted(FIRST))
    invoke("take_endpoint", {**of(FIRST), "visit": 0, "task_token": "first"})
    invoke("plan_release", {
        **of(FIRST), "holdout": "0123456789", "version": "1", "model_data_url": f"s3://artifacts/{ARCHIVE}",
        "judged_against": None, "why": "Better.", "endpoint": {"instance_type": "ml.m5.large", "instance_count": 1},
    })  # fmt: skip
    invoke("take_endpoint", {**of(SECOND), "visit": 0, "task_token": "second"})
    assert ledger.lease(IRIS).waiting is not None
    states = aws.client("stepfunctions")
    machine = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    for run in (FIRST, SECOND):
        arn = states.start_execution(stateMachineArn=machine, name=run, input="{}")["executionArn"]
        states.stop_execution(executionArn=arn)
    return ledger


def dropped(aws: boto3.Session, example: Any) -> dict[str, Any]:
    event = example("s3-object-created")
    event["detail"]["object"] |= {"version-id": "another", "sequencer": "2"}
    return queued(event)


@pytest.mark.parametrize("function", ["close_run", "on_execution_ended", "on_object_created", "reconcile"])
def test_whoever_comes_by_settles_the_release_and_wakes_who_waits(
    function: str, left: Ledger, invoke: Invoke, aws: boto3.Session, example: Any
) -> None:
    failure = {"error": "States.Timeout", "cause": "It took too long."}
    events = {
        "close_run": lambda: {**of(FIRST), "failure": failure},
        "on_execution_ended": lambda: queued(example("step-functions-execution-status-change")),
        "on_object_created": lambda: dropped(aws, example),
        "reconcile": lambda: example("scheduled-event"),
    }
    invoke(function, events[function]())
    first, release = left.run(IRIS, FIRST), left.release(IRIS, 1)
    assert first is not None
    assert release is not None
    assert (first.state, release.state) == ("FAILED", "FAILED")
    assert left.lease(IRIS).holder != FIRST
    second = left.run(IRIS, SECOND)
    assert second is not None
    assert second.state != RUNNING  # its execution is over, too


def test_an_incident_that_is_closed_wakes_who_waits_for_the_endpoint(
    invoke: Invoke, ledger: Ledger, make_run: Callable[..., Any]
) -> None:
    incident = {"tenant": "demo", "project": "iris", "incident": "demo-iris-20260131T083012-0123abcd"}
    ledger.add_run(make_run("abcdefabcd"))
    ledger.add_incident(Incident(**incident, alarm="a", kind="errors", at="2026-01-31T08:30:12.983Z", seen_at="2026"))
    invoke("take_endpoint", {**incident, "visit": 0, "task_token": "first"})
    invoke("take_endpoint", {**of(SECOND), "visit": 0, "task_token": "second"})
    invoke("close_incident", incident)
    assert ledger.lease(IRIS).holder != incident["incident"]
