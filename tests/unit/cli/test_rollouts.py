"""`headgate plan`: the planner on what the cloud says now."""

from collections.abc import Callable

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.errors import SettingsError
from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.rollouts import planned_rollout

IRIS = Project("demo", "iris")


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
    document = planned_rollout(cloud, IRIS)
    assert (document["strategy"], document["guarded"], document["deployment"]) == ("all_at_once", False, None)
    assert "Nothing serves yet" in document["reason"]


@pytest.mark.usefixtures("serving")
def test_the_instances_that_serve_and_the_stacks_bake_decide(cloud: Cloud) -> None:
    document = planned_rollout(cloud, IRIS)
    assert (document["strategy"], document["stages"], document["bake_seconds"]) == ("canary", [1, 2], 90)
    names = [each["AlarmName"] for each in document["deployment"]["AutoRollbackConfiguration"]["Alarms"]]
    assert names == [f"headgate-demo-iris-r1-{what}" for what in ("errors", "latency", "verdict")]
    assert "More than 5 % of the requests to demo-iris-r1 fail." in document["alarms"]


@pytest.mark.usefixtures("serving")
def test_what_the_project_asks_for_counts(cloud: Cloud) -> None:
    settings(cloud, "endpoint: {rollout: {strategy: rolling, bake_minutes: 3, max_error_percent: 1}}")
    document = planned_rollout(cloud, IRIS)
    assert (document["strategy"], document["bake_seconds"]) == ("rolling", 180)
    assert "More than 1 %" in document["alarms"][0]


def test_settings_that_cannot_be_read_are_told(cloud: Cloud) -> None:
    settings(cloud, "endpoint: {rollout: {strategy: slowly}}")
    with pytest.raises(SettingsError, match=r"rollout\.strategy"):
        planned_rollout(cloud, IRIS)
