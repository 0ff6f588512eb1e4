"""What people and others are told of an incident that ended, through the real handler."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleaseMoved, ReleasePlanned
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import Champion, Ending, Outcome

Invoke = Callable[[str, dict[str, Any]], Any]
IRIS = Project("demo", "iris")
RUN = "demo-iris-0123456789"


@pytest.fixture
def inbox(invoke: Invoke, aws: boto3.Session, ledger: Ledger, make_run: Callable[..., Any]) -> Callable[[], list[str]]:
    """Releases 2 and 3 are in the ledger, the third serves; the messages that people got."""
    for sequence, dataset in ((2, "0123456789"), (3, "abcdefabcd")):
        run = make_run(dataset)
        ledger.add_run(run)
        release = Release(
            sequence=sequence, run=run.run, dataset=dataset, holdout=dataset, version=str(sequence), why="",
            model_data_url="s3://artifacts/m", name=f"demo-iris-r{sequence}", endpoint="demo-iris", state="PLANNED",
            at="2026-01-31T08:30:12.983Z", instance_type="ml.m5.large", instance_count=1,
        )  # fmt: skip
        ledger.write(IRIS, replace(ledger.head(IRIS), next_release=sequence + 1), ReleasePlanned(release))
    serves = Ending(Outcome.PROMOTED, "SERVING", "It serves.")
    moved = ReleaseMoved(3, ReleaseState.PLANNED, ReleaseState.IN_SERVICE, "2026-01-31T08:30:15.983Z", ending=serves)
    ledger.write(IRIS, ledger.head(IRIS), moved)
    ledger.write(IRIS, replace(ledger.head(IRIS), champion=Champion(3, "3", "0123456789", "s3://artifacts/m")))
    sqs, sns = aws.client("sqs"), aws.client("sns")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    topic = sns.list_topics()["Topics"][0]["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:inbox")

    def received() -> list[str]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"])["Message"] for each in messages]

    return received


def ended(example: Any, **changes: Any) -> dict[str, Any]:
    event = example("dynamodb-stream-incident-ended")
    event["Records"][0]["dynamodb"]["NewImage"] |= changes
    return event


def test_a_rollback_is_told_to_people(invoke: Invoke, example: Any, inbox: Callable[[], list[str]]) -> None:
    assert invoke("on_incident_ended", ended(example)) == {"batchItemFailures": []}
    assert len(inbox()) == 1


@pytest.mark.parametrize("known", [True, False])
def test_what_a_retraining_may_cost_is_told_from_the_last_ones_record_where_there_is_one(
    known: bool, invoke: Invoke, example: Any, aws: boto3.Session, inbox: Callable[[], list[str]]
) -> None:
    if known:
        record = json.dumps({"cost": {"estimated_usd": 1.25}}).encode()
        aws.client("s3").put_object(Bucket="artifacts", Key=f"demo/iris/runs/{RUN}/experiment.json", Body=record)
    event = ended(example, action={"S": "retrain"}, outcome={"S": "RETRAINING_ASKED_FOR"})
    del event["Records"][0]["dynamodb"]["NewImage"]["rollback"]
    assert invoke("on_incident_ended", event) == {"batchItemFailures": []}
    [message] = inbox()
    assert ("1.25" in message) == known
