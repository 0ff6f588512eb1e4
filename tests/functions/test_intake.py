"""From the S3 event to the recorded run, through the real handlers."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends
from tests.dropping import SORTED, queued

from headgate.aws.ledger import Ledger, runs_of
from headgate.aws.s3 import Objects
from headgate.domain.names import Part, Project, dataset_id, owner_of
from headgate.domain.runs import RUNNING

IRIS = Project("demo", "iris")
Invoke = Callable[[str, dict[str, Any]], Any]


def all_runs(aws: boto3.Session) -> list[Any]:
    return runs_of(aws.client("dynamodb").scan(TableName="ledger")["Items"])


def test_a_dropped_file_is_recorded_with_its_manifest_and_started_once(
    invoke: Invoke, example: Any, ledger: Ledger, objects: Any, aws: boto3.Session
) -> None:
    event = example("s3-object-created")
    assert invoke("on_object_created", queued(event, event, event)) == {"batchItemFailures": []}
    item = event["detail"]["object"]
    part = Part(item["key"], item["version-id"], item["size"])
    dataset = dataset_id(event["detail"]["bucket"]["name"], [part])
    run = ledger.run(IRIS, f"demo-iris-{dataset}")
    assert run is not None
    assert (run.state, run.name) == (RUNNING, "flowers of May+June 100%.csv")
    manifest = objects.get_json("artifacts", f"demo/iris/datasets/{dataset}/manifest.json")
    assert manifest["parts"] == [{"key": item["key"], "version_id": item["version-id"], "size": 5}]
    machine = aws.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"] for execution in executions] == [run.run]


def test_two_deliveries_at_once_are_one_run(
    invoke: Invoke, example: Any, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second does all its work while the first has written nothing but the manifest."""
    event, put = example("s3-object-created"), Objects.put_json
    inside: list[Any] = []

    def put_and_let_the_other_go_first(self: Objects, *given: Any) -> None:
        put(self, *given)
        if not inside:
            inside.append(None)
            inside.append(invoke("on_object_created", queued(event)))

    monkeypatch.setattr(Objects, "put_json", put_and_let_the_other_go_first)
    assert invoke("on_object_created", queued(event)) == {"batchItemFailures": []} == inside[1]
    [run] = all_runs(aws)
    assert run.state == RUNNING


@pytest.mark.parametrize("change", [{"detail-type": "Object Created", "version": "7"}, {"new": {"deep": [1, 2]}}])
def test_what_an_event_says_beside_what_is_read_changes_nothing(
    invoke: Invoke, example: Any, aws: boto3.Session, change: dict[str, Any]
) -> None:
    event = example("s3-object-created")
    event["detail"]["object"]["checksum-type"] = "unknown"
    assert invoke("on_object_created", queued({**event, **change})) == {"batchItemFailures": []}
    assert len(all_runs(aws)) == 1


def test_an_event_replayed_after_all_is_over_changes_nothing(
    invoke: Invoke, example: Any, aws: boto3.Session, ledger: Ledger
) -> None:
    """From an archive, a day later or out of the dead letters: the run has ended, and keeps its ending."""
    event = example("s3-object-created")
    invoke("on_object_created", queued(event))
    [run] = all_runs(aws)
    given = {"tenant": "demo", "project": "iris", "run": run.run, "outcome": "NOT_PROMOTED"}
    invoke("close_run", {**given, "reason_code": "NOT_BETTER", "reason": "Not better."})
    [closed] = all_runs(aws)
    invoke("on_object_created", queued({**event, "time": "2026-11-13T12:00:00Z"}, event))
    assert all_runs(aws) == [closed]
    assert ledger.head(IRIS).active is None


def test_a_folder_becomes_one_dataset_when_its_marker_arrives(
    invoke: Invoke, example: Any, objects: Any, aws: boto3.Session
) -> None:
    event = example("s3-object-created")
    event["detail"]["bucket"]["name"] = "data"
    s3 = aws.client("s3")
    for name in ("part-1.csv", "part-0.csv", ".hidden", "_SUCCESS"):
        key = f"demo/iris/incoming/may/{name}"
        s3.put_object(Bucket="data", Key=key, Body=b"old")
        version = s3.put_object(Bucket="data", Key=key, Body=b"a,b\n")["VersionId"]
        event["detail"]["object"] = {"key": key, "size": 4, "version-id": version, "sequencer": "1"}
        invoke("on_object_created", queued(event))
    late = "demo/iris/incoming/may/part-0.csv"
    s3.put_object(Bucket="data", Key=late, Body=b"written after the marker")
    s3_backends["123456789012"]["aws"].buckets["data"].keys[late].last_modified += timedelta(seconds=2)
    invoke("on_object_created", queued(event))  # the marker's event, once more
    [run] = all_runs(aws)
    assert run.name == "may"
    manifest = objects.get_json("artifacts", f"demo/iris/datasets/{run.dataset}/manifest.json")
    assert [part["key"].rpartition("/")[2] for part in manifest["parts"]] == ["part-0.csv", "part-1.csv"]
    assert [part["size"] for part in manifest["parts"]] == [4, 4]


def test_what_a_marker_says_of_other_places_is_not_heeded(
    invoke: Invoke, example: Any, objects: Any, aws: boto3.Session
) -> None:
    event = example("s3-object-created")
    event["detail"]["bucket"]["name"] = "data"
    theirs = {"bucket": "data", "parts": [{"key": "globex/iris/incoming/may.csv", "version_id": "1", "size": 1}]}
    files = {
        "globex/iris/incoming/may.csv": b"a,b\n",
        "demo/iris/incoming/may/a.csv": b"a,b\n",
        "demo/iris/incoming/may/manifest.json": json.dumps({**theirs, "kms": "theirs", "role": "admin"}).encode(),
    }
    for key, body in files.items():
        version = aws.client("s3").put_object(Bucket="data", Key=key, Body=body)["VersionId"]
    marker = "demo/iris/incoming/may/manifest.json"
    event["detail"]["object"] = {"key": marker, "size": 4, "version-id": version, "sequencer": "1"}
    invoke("on_object_created", queued(event))
    [run] = all_runs(aws)
    manifest = objects.get_json("artifacts", f"demo/iris/datasets/{run.dataset}/manifest.json")
    assert (manifest["bucket"], [part["key"] for part in manifest["parts"]]) == (
        "data",
        ["demo/iris/incoming/may/a.csv"],
    )


@pytest.mark.parametrize("attributes", [SORTED, {}], ids=["sorted", "as the rule brings it"])
def test_a_poison_message_comes_back_and_the_others_do_not_wait(
    invoke: Invoke, example: Any, ledger: Ledger, attributes: dict[str, Any]
) -> None:
    nobodys = example("s3-object-created")
    nobodys["detail"]["object"]["key"] = 7
    messages = queued({"detail": "nonsense"}, nobodys, example("s3-object-created"))
    for record in messages["Records"]:
        record["messageAttributes"] = attributes
    answer = invoke("on_object_created", messages)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}
    assert (ledger.head(IRIS).active is not None) == (attributes is SORTED)


@pytest.mark.parametrize(
    ("key", "tenant"),
    [
        ("ACME/iris/incoming/a.csv", "unknown"),
        ("acme/../incoming/a.csv", "acme"),
        ("demo/my data/incoming/a.csv", "demo"),
        ("demo/iris/incoming/a\n\u001b[2J.csv", "demo"),
        ("unknown/iris/incoming/a.csv", "unknown"),
    ],
)
def test_an_upload_that_belongs_to_no_project_is_recorded_in_its_tenants_name(
    invoke: Invoke, example: Any, ledger: Ledger, aws: boto3.Session, key: str, tenant: str
) -> None:
    event = example("s3-object-created")
    event["detail"]["object"]["key"] = key
    invoke("on_object_created", queued(event, event))
    [run] = all_runs(aws)
    assert (run.tenant, run.state, run.reason_code) == (tenant, "REJECTED", "BAD_KEY")
    assert run.name.isprintable()
    # By its name alone, which is what the notification gives to ask with.
    owner = owner_of(run.run)
    assert owner is not None
    assert ledger.run(owner, run.run) == run


def test_a_run_that_is_there_keeps_its_manifest(
    invoke: Invoke, example: Any, ledger: Ledger, objects: Any, make_run: Any
) -> None:
    event = example("s3-object-created")
    item = event["detail"]["object"]
    dataset = dataset_id(event["detail"]["bucket"]["name"], [Part(item["key"], item["version-id"], item["size"])])
    place = f"demo/iris/datasets/{dataset}/manifest.json"
    objects.put_json("artifacts", place, {"parts": ["those of another dataset with the same id"]})
    ledger.add_run(make_run(dataset))
    invoke("on_object_created", queued(event))
    assert objects.get_json("artifacts", place) == {"parts": ["those of another dataset with the same id"]}
    assert ledger.head(IRIS).active == f"demo-iris-{dataset}"


@pytest.mark.parametrize("key", ["demo/iris/project.yaml", "demo/iris/incoming/", "demo/iris/incoming/x.csv.tmp"])
def test_what_is_no_data_leaves_no_record(invoke: Invoke, example: Any, aws: boto3.Session, key: str) -> None:
    event = example("s3-object-created")
    event["detail"]["object"]["key"] = key
    invoke("on_object_created", queued(event))
    assert all_runs(aws) == []


def test_an_execution_stopped_by_hand_is_closed_by_the_safety_net(
    invoke: Invoke, example: Any, ledger: Ledger, make_run: Any
) -> None:
    from dataclasses import replace

    from headgate.aws.ledger_changes import RunStarted

    run = make_run("0123456789")
    ledger.add_run(run)
    ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run), RunStarted(run.run))
    event = example("step-functions-execution-status-change")
    assert invoke("on_execution_ended", queued(event, event)) == {"batchItemFailures": []}
    closed = ledger.run(IRIS, run.run)
    assert closed is not None
    assert (closed.state, closed.reason_code) == ("FAILED", "ABORTED")
    assert ledger.head(IRIS).active is None


def test_an_execution_ended_that_cannot_be_followed_up_comes_back(invoke: Invoke, example: Any) -> None:
    event = example("step-functions-execution-status-change")
    answer = invoke("on_execution_ended", queued({"detail": "nonsense"}, event))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_an_upload_closes_a_run_whose_end_nobody_told(
    invoke: Invoke, example: Any, ledger: Ledger, aws: boto3.Session
) -> None:
    event = example("s3-object-created")
    invoke("on_object_created", queued(event))
    first = ledger.head(IRIS).active
    client = aws.client("stepfunctions")
    machine = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    [execution] = client.list_executions(stateMachineArn=machine)["executions"]
    client.stop_execution(executionArn=execution["executionArn"])
    event["detail"]["object"] |= {"version-id": "another", "sequencer": "2"}
    invoke("on_object_created", queued(event))
    closed = ledger.run(IRIS, str(first))
    assert closed is not None
    assert (closed.state, closed.reason_code) == ("FAILED", "ABORTED")
    assert ledger.head(IRIS).active not in (None, first)
