"""Every function takes an event as its caller sends it; what comes of it is what other tests show in depth."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.dropping import queued

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.incidents import Incident
from headgate.domain.names import Part, Project, dataset_id

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
RUN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
INCIDENT = {"tenant": "demo", "project": "roses", "incident": "demo-roses-20260131T083012-0123abcd"}
RELEASE = {"tenant": "demo", "project": "iris", "sequence": 1}
ARCHIVE = "demo/iris/runs/demo-iris-0123456789/training/demo-iris-0123456789/output/model.tar.gz"
GATE = {"min_improvement": 0.0, "min_test_rows": 20}
EVALUATION = {
    "metric": "auc",
    "rows": 119,
    "challenger": {"auc": 0.99},
    "champion": None,
    "trivial": {"auc": 0.5},
    "difference": {"against": "trivial", "estimate": 0.49, "low": 0.4, "high": 0.5},
    "parity": {"max_abs_error": 1e-7, "rows": 119},
}
TO_BE_PLANNED = {
    **RUN,
    "holdout": RUN["dataset"],
    "version": "1",
    "model_data_url": f"s3://artifacts/{ARCHIVE}",
    "judged_against": None,
    "why": "Better.",
    "endpoint": {"instance_type": "ml.m5.large", "instance_count": 1},
}
DELETION = {
    "RequestType": "Delete",
    "ResponseURL": "data:,",  # a place that takes the answer without a socket
    "LogicalResourceId": "TrainingCode",
    "RequestId": "request",
    "StackId": "stack",
}
TENANT = {
    "Tenant": "demo",
    "Standing": "ACTIVE",
    "LeavesOn": "",
    "Instances": "10",
    "Trials": "50",
    "Projects": "20",
    "MoneyPerMonth": "500",
    "StorageGigabytes": "500",
}
Event = Callable[[Callable[[str], dict[str, Any]]], dict[str, Any]]


PART = Part("demo/iris/incoming/gone.csv", "1", 1)
MANIFEST = {"bucket": "data", "name": "gone.csv", "parts": [asdict(PART)]}
GONE = {**RUN, "dataset": dataset_id("data", [PART])}


TO_BE_TRAINED = {
    **RUN,
    "tuning": {"strategy": "auto", "trials": 4},
    "hyperparameters": {"seed": "17"},
    "training": {"instance_count": 1, "spot": False},
    "training_instance_type": "ml.m5.large",
}
SEARCHED = {
    **RUN,
    "name": "demo-iris-0123",
    "shape": None,
    "tuning": {"searched": True},
    "cut_short": False,
    "defaults": {"model_data_url": f"s3://artifacts/{ARCHIVE}", "objective": 0.9},
}
SPEC = {
    "format": 1,
    "target": "species",
    "task": "binary",
    "classes": ["a", "b"],
    "positive": "a",
    "metric": "auc",
    "direction": "maximize",
    "seed": 17,
    "columns": [{"name": "length", "kind": "numeric"}],
}


PACKAGE = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/demo-iris/1"
TO_BE_APPROVED = {
    **TO_BE_PLANNED,
    "package": PACKAGE,
    "approval": {"mode": "manual", "expires_hours": 72, "remind_hours": 24},
    "visit": 0,
    "task_token": "token",
}


EVENTS: dict[str, Event] = {
    "await_approval": lambda _: TO_BE_APPROVED,
    "choose_winner": lambda _: SEARCHED,
    "close_incident": lambda _: INCIDENT,
    "close_run": lambda _: {**RUN, "outcome": "NOT_PROMOTED", "reason_code": "NOT_BETTER", "reason": "Not better."},
    "decide_response": lambda _: INCIDENT,
    "deploy_release": lambda _: {**RELEASE, "task_token": "token"},
    "judge_challenger": lambda _: {**RUN, "gate": GATE},
    "look_again": lambda _: INCIDENT,
    "monitor_endpoint": lambda _: queued({"endpoint": "demo-iris"}),
    "on_alarm": lambda example: queued(example("cloudwatch-alarm-state-change")),
    "on_compliance_due": lambda example: example("scheduled-event"),
    "on_endpoint_changed": lambda example: example("sagemaker-endpoint-state-change"),
    "on_execution_ended": lambda example: queued(example("step-functions-execution-status-change")),
    "on_incident_ended": lambda example: example("dynamodb-stream-incident-ended"),
    "on_monitoring_due": lambda example: example("scheduled-event"),
    "on_object_created": lambda example: queued(example("s3-object-created")),
    "on_retrain_requested": lambda example: queued(example("retrain-requested")),
    "on_retraining_due": lambda example: example("scheduled-event"),
    "on_run_ended": lambda example: example("dynamodb-stream-run-ended"),
    "on_version_changed": lambda example: example("sagemaker-model-package-state-change"),
    "plan_release": lambda _: TO_BE_PLANNED,
    "plan_rollback": lambda _: INCIDENT,
    "plan_training": lambda _: TO_BE_TRAINED,
    "publish_training_code": lambda _: DELETION,
    "register_tenant": lambda _: {**DELETION, "ResourceProperties": TENANT},
    "reconcile": lambda example: example("scheduled-event"),
    "register_version": lambda _: {**RUN, "model_data_url": f"s3://artifacts/{ARCHIVE}", "metrics": EVALUATION},
    "settle_release": lambda _: RELEASE,
    "take_endpoint": lambda _: {**RUN, "visit": 0, "task_token": "token"},
    "try_release": lambda _: RELEASE,
    "validate_dataset": lambda _: GONE,
    "watch_release": lambda _: RELEASE,
}


@pytest.fixture
def present(invoke: Any, ledger: Ledger, objects: Objects, make_run: Any) -> None:
    """What the events speak of: a run with its manifest and its evaluation, and its planned release."""
    iris = Project("demo", "iris")
    ledger.add_run(make_run(RUN["dataset"]))
    objects.put_json("artifacts", f"{iris.prefix}runs/{RUN['run']}/evaluation/evaluation.json", EVALUATION)
    objects.put_json("artifacts", f"{iris.prefix}datasets/{GONE['dataset']}/manifest.json", MANIFEST)
    folder = f"{iris.prefix}datasets/{RUN['dataset']}/"
    objects.put_json("artifacts", f"{folder}spec/spec.json", SPEC)
    objects.put_json("artifacts", f"{folder}report.json", {"split": {"train": 97}, "profile": []})
    objects.put_bytes("artifacts", ARCHIVE, b"an archive")
    metrics = {"model_data_url": TO_BE_PLANNED["model_data_url"], "metrics": EVALUATION}
    assert invoke("register_version", {**RUN, **metrics})["package"] == PACKAGE
    invoke("take_endpoint", {**RUN, "visit": 0, "task_token": "token"})
    invoke("plan_release", TO_BE_PLANNED)
    of_nothing = Incident(**INCIDENT, alarm="a", kind="errors", at="2026-01-31T08:30:12.983Z", seen_at="2026")
    ledger.add_incident(of_nothing)
    invoke("take_endpoint", {**INCIDENT, "visit": 0, "task_token": "token"})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_takes_the_event_that_its_caller_sends(
    function: str, present: None, invoke: Any, example: Callable[[str], dict[str, Any]]
) -> None:
    assert function in EVENTS, f"Add the event of {function} to this file."
    answer = invoke(function, EVENTS[function](example))
    json.dumps(answer)  # Lambda cannot return anything else
    if function.startswith("on_") and answer is not None:
        assert answer == {"batchItemFailures": []}


def test_there_is_no_event_of_a_function_that_is_gone() -> None:
    assert sorted(EVENTS) == FUNCTIONS
