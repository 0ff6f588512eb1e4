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
def second(invoke: Invoke, ledger: Ledger, make_run: Callable[..., Any]) -> Callable[..., datetime]:
    """Release 1 serves, and release 2 has gone so far, ten minutes ago; since when."""

    def gone_to(state: ReleaseState, **facts: Any) -> datetime:
        since = datetime.now(UTC) - timedelta(minutes=10)
        ledger.add_run(make_run("0123456789"))
        invoke("take_endpoint", {"tenant": "demo", "project": "iris", "run": RUN, "visit": 0, "task_token": "token"})
        release = Release(
            sequence=2, run=RUN, dataset="0123456789", holdout="0123456789", version="2",
            model_data_url="s3://artifacts/m", name="demo-iris-r2", endpoint="demo-iris", why="", state="PLANNED",
            at=since.isoformat(), instance_type="ml.m5.large", instance_count=1, capture_percent=100,
            rollout={"strategy": facts.pop("strategy")},
        )  # fmt: skip
        serves = replace(ledger.head(IRIS), active=RUN, champion=Champion(1, "1", "0123456789", "s3://artifacts/m"))
        planned = ledger.write(IRIS, replace(serves, next_release=3), ReleasePlanned(release))
        ledger.write(IRIS, planned, ReleaseMoved(2, ReleaseState.PLANNED, state, since.isoformat(), facts=facts))
        return since

    return gone_to


@pytest.fixture
def serving(aws: boto3.Session) -> Callable[..., None]:
    """The endpoint serves a configuration of models, by the names of their variants."""

    def serve(config: str, models: dict[str, str]) -> None:
        sagemaker = aws.client("sagemaker")
        role = aws.client("iam").get_role(RoleName="machine")["Role"]["Arn"]
        machines = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for name in models.values():
            sagemaker.create_model(ModelName=name, ExecutionRoleArn=role)
        variants = [{"VariantName": variant, "ModelName": name, **machines} for variant, name in models.items()]
        sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
        sagemaker.create_endpoint(EndpointName=IRIS.endpoint, EndpointConfigName=config)

    return serve


@pytest.fixture
def answered(aws: boto3.Session) -> Callable[..., None]:
    """A variant of a configuration answered so, and people told what would have been true."""

    def answer(moment: datetime, config: str, variant: str, labels: list[str], true: list[str]) -> None:
        names = [f"{config}-{variant}-{number}" for number in range(len(labels))]
        lines = [
            captured({"x": number}, {"label": label}, name, moment)
            for number, (name, label) in enumerate(zip(names, labels, strict=True))
        ]
        key = place("1", moment, config, variant)
        aws.client("s3").put_object(Bucket="artifacts", Key=key, Body="\n".join(lines).encode())
        rows = "".join(f"{name},{label}\n" for name, label in zip(names, true, strict=True))
        feedback = f"demo/iris/feedback/{config}-{variant}.csv"
        aws.client("s3").put_object(Bucket="data", Key=feedback, Body=f"id,label\n{rows}".encode())

    return answer


@pytest.fixture
def tried(second: Any, serving: Any, answered: Any) -> datetime:
    """Release 2 is tried beside release 1; since when."""
    trial = planned_trial(WISHES, "demo-iris-r2", "ml.m5.large", "demo-iris-r1", 1, 100)
    assert isinstance(trial, Trial)
    now = datetime.now(UTC) - timedelta(minutes=10)
    since: datetime = second(ReleaseState.TRYING, strategy="ab", trial={**trial.document(), "since": now.isoformat()})
    serving(trial.config, {"main": "demo-iris-r1", trial.variant: "demo-iris-r2"})
    for variant, labels in (("main", ["a", "b"] * 20), (trial.variant, ["a"] * 40)):
        answered(since + timedelta(minutes=5), "demo-iris-r1", variant, labels, ["a"] * 40)
    return since


def test_a_release_that_bakes_goes_back_by_the_labels_of_its_answers(
    second: Any, serving: Any, answered: Any, invoke: Invoke, ledger: Ledger
) -> None:
    plan = {"guarded": True, "stages": [0.5, 1.0], "bake_seconds": 900, "keep_seconds": 0, "limit_seconds": 3600}
    verdict = {"stand": "passed", "reason": "", "signals": {}, "at": ""}
    since = second(ReleaseState.DEPLOYING, strategy="canary", plan=plan, verdict=verdict)
    serving("demo-iris-r1", {"main": "demo-iris-r1"})
    _bakes(since)
    for config, true in (("demo-iris-r1", ["a", "b"]), ("demo-iris-r2", ["b", "a"])):
        answered(since + timedelta(minutes=5), config, "main", ["a", "b"] * 150, true * 150)
    invoke("watch_release", OF_SECOND)
    release = ledger.release(IRIS, 2)
    assert release is not None
    assert release.verdict is not None
    assert release.verdict["stand"] == "failed"
    assert release.verdict["reason"].startswith("wrong answers: 100.00% of 300")


def _bakes(since: datetime) -> None:
    """The endpoint is on its way to release 2, some of whose instances answer: moto knows no endpoint under way."""
    from moto.sagemaker.models import sagemaker_backends

    endpoint = sagemaker_backends["123456789012"]["eu-central-1"].endpoints[IRIS.endpoint]
    step = {"Status": "Baking", "StartTime": since.timestamp()}
    endpoint.endpoint_status = "Updating"
    endpoint.pending_deployment_summary = {
        "EndpointConfigName": "demo-iris-r2",
        "ProductionVariants": [{"VariantName": "main", "VariantStatus": [step]}],
    }


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
