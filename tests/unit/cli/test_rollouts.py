"""`headgate plan`: the planner on what the cloud says now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.cloudwatch import Measurements
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunStarted
from headgate.aws.sagemaker import Endpoints
from headgate.domain.errors import SettingsError
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.domain.runs import Champion
from headgate.services.plan_release import PlanRelease, plan_release
from headgate.services.take_endpoint import TakeEndpoint, take_endpoint
from headgate_cli.connection import Cloud
from headgate_cli.rollouts import planned_rollout

IRIS = Project("demo", "iris")
NOW = datetime.now(UTC).replace(minute=30)  # moto, as CloudWatch, tells of no requests long ago


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    outputs = {"LedgerTable": "ledger", "DataBucket": make_bucket("data"), "BakeSeconds": "90"}
    return Cloud(aws, "headgate", None, outputs)


@pytest.fixture
def serving(aws: boto3.Session) -> None:
    """The project's endpoint, on two instances."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::000000000000:role/x")
    variant = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=IRIS.endpoint, EndpointConfigName="c")


def settings(cloud: Cloud, text: str) -> None:
    cloud.client("s3").put_object(Bucket="data", Key=f"{IRIS.prefix}project.yaml", Body=text.encode())


def test_a_project_that_nobody_knows_begins_all_at_once(cloud: Cloud) -> None:
    document = planned_rollout(cloud, IRIS, NOW)
    assert (document["strategy"], document["guarded"], document["deployment"]) == ("all_at_once", False, None)
    assert "Nothing serves yet" in document["reason"]


@pytest.mark.usefixtures("serving")
def test_the_instances_that_serve_and_the_stacks_bake_decide(cloud: Cloud) -> None:
    document = planned_rollout(cloud, IRIS, NOW)
    assert (document["strategy"], document["stages"], document["bake_seconds"]) == ("canary", [1, 2], 90)
    names = [each["AlarmName"] for each in document["deployment"]["AutoRollbackConfiguration"]["Alarms"]]
    assert names == [f"headgate-demo-iris-r1-{what}" for what in ("errors", "latency", "verdict")]
    assert "More than 5 % of the requests to demo-iris-r1 fail." in document["alarms"]


@pytest.mark.usefixtures("serving")
def test_what_the_project_asks_for_counts(cloud: Cloud) -> None:
    settings(cloud, "endpoint: {rollout: {strategy: rolling, bake_minutes: 3, max_error_percent: 1}}")
    document = planned_rollout(cloud, IRIS, NOW)
    assert (document["strategy"], document["bake_seconds"]) == ("rolling", 180)
    assert "More than 1 %" in document["alarms"][0]


def test_settings_that_cannot_be_read_are_told(cloud: Cloud) -> None:
    settings(cloud, "endpoint: {rollout: {strategy: slowly}}")
    with pytest.raises(SettingsError, match=r"rollout\.strategy"):
        planned_rollout(cloud, IRIS, NOW)


@pytest.mark.parametrize(("hours_ago", "serverless"), [(0, True), (1, False)], ids=["an hour under way", "one over"])
def test_what_is_shown_is_what_the_release_then_does(
    cloud: Cloud, ledger: Ledger, make_run: Callable[..., Any], hours_ago: int, serverless: bool
) -> None:
    """A champion's endpoint that was deleted is made anew, with instances or without, as its traffic was."""
    text = "endpoint: {variant: auto, serverless: {memory_mb: 2048, max_concurrency: 5}}"
    settings(cloud, text)
    crowned = replace(ledger.head(IRIS), champion=Champion(1, "v1", "a", "s3://b/a.tar.gz"), next_release=2)
    run = make_run("b")
    ledger.add_run(run)
    ledger.write(IRIS, crowned, RunStarted(run.run))
    busy = {
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "EndpointName", "Value": IRIS.endpoint}, {"Name": "VariantName", "Value": "main"}],
        "Timestamp": NOW - timedelta(hours=hours_ago, minutes=10),
        "Value": 1001.0,
    }
    cloud.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[busy])
    shown = planned_rollout(cloud, IRIS, NOW)
    assert take_endpoint(TakeEndpoint(IRIS, run.run, "token", 0), ledger=ledger, tasks=NoTasks()) == "granted"
    asked = parse_settings(text.encode()).endpoint.model_dump()
    given = {"tenant": "demo", "project": "iris", "run": run.run, "dataset": "b", "holdout": "b", "version": "v2"}
    judged = {"model_data_url": "s3://b/b.tar.gz", "judged_against": 1, "why": "Better.", "endpoint": asked}
    endpoints = Endpoints(cloud.client("sagemaker"), lambda: Autoscaling(cloud.client("application-autoscaling")))
    release = plan_release(
        PlanRelease.parse({**given, **judged}),
        ledger=ledger,
        endpoints=endpoints,
        traffic=Measurements(cloud.client("cloudwatch")).traffic,
        bake_seconds=90,
        now=written(NOW),
    )
    assert (shown["release"], shown["serverless"]) == (release["name"], release["serverless"])
    assert (release["serverless"] is not None) is serverless


class NoTasks:
    """Whoever is told that the endpoint is theirs, hears it."""

    def succeed(self, _token: str, _output: object) -> bool:
        return True
