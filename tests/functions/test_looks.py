"""Looks at a release that is tried or bakes, through the real handlers: metrics, captured answers and labels."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.capturing import captured, place

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleaseMoved, ReleasePlanned
from headgate.domain.incidents import Incident
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.rollout import Wishes
from headgate.domain.runs import Champion
from headgate.domain.trial import Trial, planned_trial

Invoke = Callable[[str, dict[str, Any]], Any]
IRIS = Project("demo", "iris")
RUN = "demo-iris-0123456789"
WISHES = Wishes(strategy="ab")
OF_SECOND = {"tenant": "demo", "project": "iris", "sequence": 2}


@pytest.fixture
def tried(invoke: Invoke, ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Any]) -> datetime:
    """Release 1 serves, and release 2 is tried beside it for ten minutes; since when."""
    since = datetime.now(UTC) - timedelta(minutes=10)
    ledger.add_run(make_run("0123456789"))
    invoke("take_endpoint", {"tenant": "demo", "project": "iris", "run": RUN, "visit": 0, "task_token": "token"})
    trial = planned_trial(WISHES, "demo-iris-r2", "ml.m5.large", "demo-iris-r1", 1, 100)
    assert isinstance(trial, Trial)
    facts = {"trial": {**trial.document(), "since": since.isoformat()}}
    release = Release(
        sequence=2, run=RUN, dataset="0123456789", holdout="0123456789", version="2", model_data_url="s3://artifacts/m",
        name="demo-iris-r2", endpoint="demo-iris", why="", state="PLANNED", at=since.isoformat(),
        instance_type="ml.m5.large", instance_count=1, capture_percent=100, rollout={"strategy": "ab"},
    )  # fmt: skip
    serves = replace(ledger.head(IRIS), active=RUN, champion=Champion(1, "1", "0123456789", "s3://artifacts/m"))
    planned = ledger.write(IRIS, replace(serves, next_release=3), ReleasePlanned(release))
    moved = ReleaseMoved(2, ReleaseState.PLANNED, ReleaseState.TRYING, since.isoformat(), facts=facts)
    ledger.write(IRIS, planned, moved)
    sagemaker = aws.client("sagemaker")
    role = aws.client("iam").get_role(RoleName="machine")["Role"]["Arn"]
    variants = []
    for variant, name in (("main", "demo-iris-r1"), (trial.variant, "demo-iris-r2")):
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role)
        machines = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        variants.append({"VariantName": variant, "ModelName": name, **machines})
    sagemaker.create_endpoint_config(EndpointConfigName=trial.config, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=IRIS.endpoint, EndpointConfigName=trial.config)
    moment = since + timedelta(minutes=5)
    for variant, labels in (("main", ["a", "b"] * 20), (trial.variant, ["a"] * 40)):
        lines = [
            captured({"x": number}, {"label": label}, f"{variant}-{number}", moment)
            for number, label in enumerate(labels)
        ]
        key = place("1", moment, variant=variant)
        aws.client("s3").put_object(Bucket="artifacts", Key=key, Body="\n".join(lines).encode())
    rows = "".join(f"{variant}-{number},a\n" for variant in ("main", trial.variant) for number in range(40))
    aws.client("s3").put_object(Bucket="data", Key="demo/iris/feedback/a.csv", Body=f"id,label\n{rows}".encode())
    return since


def test_a_trial_is_told_from_answers_and_labels(tried: datetime, invoke: Invoke, ledger: Ledger) -> None:
    answer = invoke("try_release", OF_SECOND)
    assert answer["outcome"] == "LATER"
    release = ledger.release(IRIS, 2)
    assert release is not None
    assert release.trial is not None
    assert release.trial["contest"]["tried"] == {"rows": 40, "wrong": 0}


def test_every_endpoint_that_answers_is_looked_at(tried: datetime, invoke: Invoke, aws: boto3.Session) -> None:
    invoke("on_monitoring_due", {})
    sqs = aws.client("sqs")
    told = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="monitor")["QueueUrl"])["Messages"]
    assert [json.loads(each["Body"]) for each in told] == [{"endpoint": IRIS.endpoint}]


def test_what_is_red_still_is_an_incident_anew_whose_answer_is_started(
    invoke: Invoke, ledger: Ledger, aws: boto3.Session
) -> None:
    name, later = "headgate-demo-iris-r2.errors", (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    watched = {"MetricName": "Errors", "Namespace": "AWS/SageMaker", "Statistic": "Sum", "Period": 60}
    rings = {"EvaluationPeriods": 1, "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold"}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **watched, **rings)
    aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="It rings.")
    incident = {"tenant": "demo", "project": "iris", "incident": "demo-iris-20260131T083012-0123abcd"}
    ledger.add_incident(Incident(**incident, alarm=name, kind="errors", at=later, seen_at=later))
    invoke("look_again", incident)
    assert [each.look for each in ledger.incidents(IRIS)].count(1) == 1
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    arn = next(each["stateMachineArn"] for each in machines if each["name"] == "headgate-respond")
    assert len(aws.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]) == 1


def test_a_window_of_a_release_that_is_gone_is_not_judged(invoke: Invoke) -> None:
    observation = {"tenant": "demo", "project": "iris", "release": 7, "number": 1, "time": 1}
    assert invoke("monitor_endpoint", observation) == {"decision": "NOTHING_SERVES"}
