"""From the S3 event to the recorded run, through the real handlers."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.s3.models import s3_backends

from headgate.aws.ledger import Ledger, runs_of
from headgate.domain.names import Part, Project, dataset_id
from headgate.domain.runs import RUNNING

IRIS = Project("demo", "iris")
Invoke = Callable[[str, dict[str, Any]], Any]


def queued(*events: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": str(number),
                "eventSource": "aws:sqs",
                "body": event if isinstance(event, str) else json.dumps(event),
            }
            for number, event in enumerate(events)
        ]
    }


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


def test_a_poison_message_comes_back_and_the_others_do_not_wait(invoke: Invoke, example: Any, ledger: Ledger) -> None:
    answer = invoke("on_object_created", queued({"detail": "nonsense"}, example("s3-object-created")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert ledger.head(IRIS).active is not None


@pytest.mark.parametrize("key", ["ACME/iris/incoming/a.csv", "acme/../incoming/a.csv", "demo/my data/incoming/a.csv"])
def test_an_upload_that_belongs_to_nobody_is_recorded_as_rejected(
    invoke: Invoke, example: Any, aws: boto3.Session, key: str
) -> None:
    event = example("s3-object-created")
    event["detail"]["object"]["key"] = key
    invoke("on_object_created", queued(event, event))
    [run] = all_runs(aws)
    assert (run.tenant, run.state, run.reason_code) == ("_unknown", "REJECTED", "BAD_KEY")


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

    from headgate.aws.ledger import RunStarted

    run = make_run("0123456789")
    ledger.add_run(run)
    ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run), RunStarted(run.run))
    invoke("on_execution_ended", example("step-functions-execution-status-change"))
    closed = ledger.run(IRIS, run.run)
    assert closed is not None
    assert (closed.state, closed.reason_code) == ("FAILED", "ABORTED")
    assert ledger.head(IRIS).active is None
