"""The adapter of endpoints against answers that the API reference gives, checked by botocore's model of them."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.sagemaker import Endpoints
from headgate.aws.trials import Trials
from headgate.domain.captures import Capture
from headgate.domain.errors import EndpointBusyError, NameTakenError
from headgate.domain.names import OWNER_TAG
from headgate.domain.rollout import Wishes, plan
from headgate.domain.serverless import capacity_of
from headgate.domain.trial import Trial, planned_trial

NAME = "demo-iris-r1"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/of-demo"
NETWORK = {"EnableNetworkIsolation": True, "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
ARN = "arn:aws:sagemaker:eu-central-1:123456789012"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = {OWNER_TAG: "ledger"}
VARIANT = {
    "VariantName": "main",
    "ModelName": NAME,
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
    "InitialVariantWeight": 1.0,
}


def unused() -> Autoscaling:
    """No call of SageMaker's own opens what scales."""
    raise AssertionError


@pytest.fixture
def endpoints(sagemaker: Stubber) -> Endpoints:
    return Endpoints(sagemaker.client, unused)


def exists(sagemaker: Stubber, operation: str, what: str) -> None:
    sagemaker.add_client_error(operation, "ValidationException", f'Cannot create already existing {what} "{ARN}".')


def describe_model(sagemaker: Stubber, url: str, environment: dict[str, str] | None = None) -> None:
    model = {"ModelName": NAME, "ModelArn": f"{ARN}:model/{NAME}", "CreationTime": MOMENT}
    container = {"ModelDataUrl": url, "Environment": environment or {}}
    sagemaker.add_response("describe_model", {**model, "PrimaryContainer": container}, {"ModelName": NAME})


def describe_config(sagemaker: Stubber, capture: dict[str, Any] | None = None, **changes: Any) -> None:
    config = {
        "EndpointConfigName": NAME,
        "EndpointConfigArn": f"{ARN}:endpoint-config/{NAME}",
        "CreationTime": MOMENT,
        "ProductionVariants": [{**VARIANT, **changes}],
        **({"DataCaptureConfig": capture} if capture else {}),
    }
    sagemaker.add_response("describe_endpoint_config", config, {"EndpointConfigName": NAME})


def ensure_model(endpoints: Endpoints, engine: str = "float32") -> None:
    given = {"model_data_url": "s3://ours/model.tar.gz", "role": f"{ARN}:role", "network": NETWORK, "tags": TAGS}
    endpoints.ensure_model(NAME, image="image", engine=engine, **given)


def ensure_config(endpoints: Endpoints, capture: Capture | None = None) -> None:
    endpoints.ensure_config(NAME, capacity=capacity_of(None, "ml.m5.large", 1), capture=capture, key=KEY, tags=TAGS)


def test_a_model_that_an_attempt_before_made_is_ours(sagemaker: Stubber, endpoints: Endpoints) -> None:
    exists(sagemaker, "create_model", "model")
    describe_model(sagemaker, "s3://ours/model.tar.gz")
    ensure_model(endpoints)


@pytest.mark.parametrize("engine", ["float32", "int8"])
def test_a_model_tells_its_server_which_format_to_load(sagemaker: Stubber, endpoints: Endpoints, engine: str) -> None:
    container = {
        "Image": "image",
        "ModelDataUrl": "s3://ours/model.tar.gz",
        "Environment": {"HEADGATE_FORMAT": engine},
    }
    asked = {
        "ModelName": NAME,
        "PrimaryContainer": container,
        "ExecutionRoleArn": f"{ARN}:role",
        **NETWORK,
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    sagemaker.add_response("create_model", {"ModelArn": f"{ARN}:model/{NAME}"}, asked)
    describe_model(sagemaker, "s3://ours/model.tar.gz", container["Environment"])
    ensure_model(endpoints, engine)


def test_a_model_of_that_name_with_another_engine_is_refused(sagemaker: Stubber, endpoints: Endpoints) -> None:
    exists(sagemaker, "create_model", "model")
    describe_model(sagemaker, "s3://ours/model.tar.gz", {"HEADGATE_FORMAT": "dynamic"})
    with pytest.raises(NameTakenError, match=f"model {NAME} exists already"):
        ensure_model(endpoints, "int8")


def test_a_model_of_that_name_with_another_archive_is_refused(sagemaker: Stubber, endpoints: Endpoints) -> None:
    exists(sagemaker, "create_model", "model")
    describe_model(sagemaker, "s3://another-stack/model.tar.gz")
    with pytest.raises(NameTakenError, match=f"model {NAME} exists already"):
        ensure_model(endpoints)


def test_a_configuration_that_an_attempt_before_made_is_ours(sagemaker: Stubber, endpoints: Endpoints) -> None:
    exists(sagemaker, "create_endpoint_config", "endpoint configuration")
    describe_config(sagemaker, VariantName="main")
    ensure_config(endpoints)


CAPTURED = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 25,
    "DestinationS3Uri": "s3://ours/_captured/demo/iris/demo-iris-r1",
    "KmsKeyId": KEY,
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {
        "CsvContentTypes": ["text/csv"],
        "JsonContentTypes": ["application/json", "application/jsonlines"],
    },
}


def test_a_configuration_says_how_much_is_captured_and_where(sagemaker: Stubber, endpoints: Endpoints) -> None:
    asked = {
        "EndpointConfigName": NAME,
        "ProductionVariants": [VARIANT],
        "DataCaptureConfig": CAPTURED,
        "KmsKeyId": KEY,
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}:endpoint-config/{NAME}"}, asked)
    describe_config(sagemaker, CAPTURED)
    ensure_config(endpoints, Capture(25, "s3://ours/_captured/demo/iris/demo-iris-r1", KEY))


def test_metrics_of_invocations_come_more_often_only_as_enhanced_ones(sagemaker: Stubber, endpoints: Endpoints) -> None:
    asked = {
        "EndpointConfigName": NAME,
        "ProductionVariants": [VARIANT],
        "MetricsConfig": {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10},
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}:endpoint-config/{NAME}"}, asked)
    describe_config(sagemaker)
    capacity = capacity_of(None, "ml.m5.large", 1)
    endpoints.ensure_config(NAME, capacity=capacity, capture=None, key=None, tags=TAGS, metrics_seconds=10)


@pytest.mark.parametrize("capture", [None, Capture(25, "s3://ours/_captured/demo/iris/demo-iris-r2", KEY)])
def test_a_configuration_of_that_name_that_captures_elsewhere_is_refused(
    sagemaker: Stubber, endpoints: Endpoints, capture: Capture | None
) -> None:
    exists(sagemaker, "create_endpoint_config", "endpoint configuration")
    describe_config(sagemaker, CAPTURED)
    with pytest.raises(NameTakenError, match="endpoint configuration"):
        ensure_config(endpoints, capture)


@pytest.mark.parametrize("other", [{"ModelName": "x"}, {"InstanceType": "ml.m5.xlarge"}, {"InitialInstanceCount": 3}])
def test_a_configuration_of_that_name_that_holds_something_else_is_refused(
    sagemaker: Stubber, endpoints: Endpoints, other: dict[str, Any]
) -> None:
    exists(sagemaker, "create_endpoint_config", "endpoint configuration")
    describe_config(sagemaker, **other)
    with pytest.raises(NameTakenError, match="endpoint configuration"):
        ensure_config(endpoints)


def test_an_endpoint_that_came_up_meanwhile_is_looked_at_again(sagemaker: Stubber, endpoints: Endpoints) -> None:
    exists(sagemaker, "create_endpoint", "endpoint")
    with pytest.raises(EndpointBusyError):
        endpoints.create("demo-iris", NAME, TAGS)


@pytest.mark.parametrize(("tags", "owner"), [({"team": "x", **TAGS}, "ledger"), ({"team": "x"}, None)])
def test_the_owner_of_an_endpoint_is_read_from_its_tags(
    sagemaker: Stubber, endpoints: Endpoints, tags: dict[str, str], owner: str | None
) -> None:
    arn = f"{ARN}:endpoint/demo-iris"
    listed = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    sagemaker.add_response("list_tags", listed, {"ResourceArn": arn})
    assert endpoints.owner(arn) == owner


def test_an_endpoint_says_what_it_serves(sagemaker: Stubber, endpoints: Endpoints) -> None:
    described = {
        "EndpointName": "demo-iris",
        "EndpointArn": f"{ARN}:endpoint/demo-iris",
        "EndpointConfigName": NAME,
        "EndpointStatus": "InService",
        "CreationTime": MOMENT,
        "LastModifiedTime": MOMENT,
    }
    sagemaker.add_response("describe_endpoint", described, {"EndpointName": "demo-iris"})
    state = endpoints.describe("demo-iris")
    assert state is not None
    assert (state.status, state.config, state.arn) == ("InService", NAME, f"{ARN}:endpoint/demo-iris")
    sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "x".')
    assert endpoints.describe("x") is None


def test_an_endpoint_on_its_way_says_where_and_with_how_many_instances(
    sagemaker: Stubber, endpoints: Endpoints
) -> None:
    described = {
        "EndpointName": "demo-iris",
        "EndpointArn": f"{ARN}:endpoint/demo-iris",
        "EndpointConfigName": "before",
        "EndpointStatus": "Updating",
        "CreationTime": MOMENT,
        "LastModifiedTime": MOMENT,
        "ProductionVariants": [{"VariantName": "main", "DesiredInstanceCount": 3, "CurrentInstanceCount": 2}],
        "PendingDeploymentSummary": {"EndpointConfigName": NAME},
    }
    sagemaker.add_response("describe_endpoint", described, {"EndpointName": "demo-iris"})
    state = endpoints.describe("demo-iris")
    assert state is not None
    assert (state.config, state.target, state.instances) == ("before", NAME, 3)
    assert datetime.fromisoformat(state.modified_at) == MOMENT
    assert state.modified_at.endswith("Z")


def test_an_update_hands_over_the_deployment_where_there_is_one(sagemaker: Stubber, endpoints: Endpoints) -> None:
    request = {"EndpointName": "demo-iris", "EndpointConfigName": NAME, "RetainAllVariantProperties": True}
    answer = {"EndpointArn": f"{ARN}:endpoint/demo-iris"}
    deployment = plan(Wishes(), "ml.m5.large", 2).deployment(["alarm"])
    assert deployment is not None
    sagemaker.add_response("update_endpoint", answer, {**request, "DeploymentConfig": deployment})
    endpoints.update("demo-iris", NAME, deployment)
    sagemaker.add_response("update_endpoint", answer, request)
    endpoints.update("demo-iris", NAME, None)


@pytest.mark.parametrize("operation", ["create_endpoint", "update_endpoint"])
def test_a_quota_that_others_use_up_is_waited_for_and_told_if_that_does_not_help(
    sagemaker: Stubber, endpoints: Endpoints, operation: str
) -> None:
    """Each release in its bake has two fleets, and a rollback is not to be lost for that."""
    sagemaker.add_client_error(operation, "ResourceLimitExceeded", "The limit of ml.m5.large is 4 Instances.")
    change = endpoints.create if operation == "create_endpoint" else endpoints.update
    with pytest.raises(EndpointBusyError, match=r"is 4 Instances\. .*Service Quotas"):
        change("demo-iris", NAME, {})


def test_a_variant_loses_its_requests_unless_the_endpoint_moves_or_sagemaker_will_not(
    sagemaker: Stubber, endpoints: Endpoints
) -> None:
    asked = {
        "EndpointName": "demo-iris",
        "DesiredWeightsAndCapacities": [{"VariantName": "challenger", "DesiredWeight": 0.0}],
    }
    operation, arn = "update_endpoint_weights_and_capacities", "arn:aws:sagemaker:eu-central-1:000000000000:endpoint/x"
    sagemaker.add_response(operation, {"EndpointArn": arn}, asked)
    sagemaker.add_client_error(operation, "ValidationException", 'Cannot update in-progress endpoint "x".')
    sagemaker.add_client_error(operation, "ValidationException", "No such weight.")
    assert endpoints.silence("demo-iris", "challenger")
    with pytest.raises(EndpointBusyError):
        endpoints.silence("demo-iris", "challenger")
    assert not endpoints.silence("demo-iris", "challenger")


def test_the_template_lets_nobody_change_an_endpoint_of_another_ledger(template: dict[str, Any]) -> None:
    *_, policy = template["Resources"]["DeployRelease"]["Properties"]["Policies"]
    changing = {"sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"}
    [statement] = [each for each in policy["Statement"] if changing & set(each["Action"])]
    assert set(statement["Action"]) == changing
    assert statement["Condition"] == {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG}": {"Ref": "Ledger"}}}


@pytest.mark.parametrize(("owner", "left"), [("ledger", 0), ("another", 1)])
def test_only_our_own_releases_are_taken_away(aws: boto3.Session, owner: str, left: int) -> None:
    client = aws.client("sagemaker")
    tags = [{"Key": "headgate:ledger", "Value": owner}]
    client.create_model(ModelName="r1", ExecutionRoleArn="arn:aws:iam::000000000000:role/x", Tags=tags)
    variant = {"VariantName": "main", "ModelName": "r1", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="r1", ProductionVariants=[variant], Tags=tags)
    for _ in range(2):  # what is gone stays gone
        Endpoints(client, unused).remove("r1", "ledger")
    assert len(client.list_models()["Models"]) == left
    assert len(client.list_endpoint_configs()["EndpointConfigs"]) == left


TRIED = "demo-iris-r2-try"
TRIAL = planned_trial(Wishes(strategy="shadow"), "demo-iris-r2", "ml.m5.large", NAME, 2, 100)


def describe_trial(sagemaker: Stubber, shadow: str) -> None:
    about = {"EndpointConfigName": TRIED, "EndpointConfigArn": f"{ARN}:endpoint-config/{TRIED}", "CreationTime": MOMENT}
    variants = {"ProductionVariants": [VARIANT], "ShadowProductionVariants": [{**VARIANT, "ModelName": shadow}]}
    sagemaker.add_response("describe_endpoint_config", about | variants, {"EndpointConfigName": TRIED})


def ensure_trial(sagemaker: Stubber) -> None:
    assert isinstance(TRIAL, Trial)
    capture = Capture(100, "s3://b/captured", KEY)
    Trials(sagemaker.client, unused).ensure_trial(
        TRIAL, model="demo-iris-r2", instance_type="ml.c5.large", capture=capture, key=KEY, tags=TAGS
    )


def test_a_shadow_stands_beside_the_variant_that_serves_as_it_is(sagemaker: Stubber) -> None:
    describe_config(sagemaker)
    shadow = {
        "VariantName": "shadow", "ModelName": "demo-iris-r2", "InstanceType": "ml.c5.large",
        "InitialInstanceCount": 2, "InitialVariantWeight": 1.0,
    }  # fmt: skip
    asked = {
        "EndpointConfigName": TRIED,
        "ProductionVariants": [VARIANT],
        "ShadowProductionVariants": [shadow],
        "DataCaptureConfig": ANY,
        "KmsKeyId": KEY,
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}:endpoint-config/{TRIED}"}, asked)
    describe_trial(sagemaker, "demo-iris-r2")
    ensure_trial(sagemaker)


@pytest.mark.parametrize("shadow", ["demo-iris-r2", "another-model"])
def test_a_trial_of_that_name_is_ours_if_it_tries_the_same(sagemaker: Stubber, shadow: str) -> None:
    describe_config(sagemaker)
    exists(sagemaker, "create_endpoint_config", "endpoint configuration")
    describe_trial(sagemaker, shadow)
    with pytest.raises(NameTakenError) if shadow != "demo-iris-r2" else nullcontext():
        ensure_trial(sagemaker)


def test_in_an_ab_test_both_answer_by_weight(sagemaker: Stubber) -> None:
    trial = planned_trial(Wishes(strategy="ab", trial_percent=20), "demo-iris-r2", "ml.m5.large", NAME, 4, 100)
    assert isinstance(trial, Trial)
    # Its machine has disks of its own, which encrypt themselves: no key may be named.
    beside = {**VARIANT, "VariantName": "challenger", "ModelName": "demo-iris-r2", "InitialVariantWeight": 0.25}
    beside["InstanceType"] = "ml.g5.xlarge"
    variants = {"ProductionVariants": [VARIANT, beside]}
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    describe_config(sagemaker)
    made = {"EndpointConfigArn": f"{ARN}:endpoint-config/{TRIED}"}
    sagemaker.add_response("create_endpoint_config", made, {"EndpointConfigName": TRIED, **variants, "Tags": tags})
    about = {"EndpointConfigName": TRIED, "CreationTime": MOMENT, **made}
    sagemaker.add_response("describe_endpoint_config", about | variants, {"EndpointConfigName": TRIED})
    Trials(sagemaker.client, unused).ensure_trial(
        trial, model="demo-iris-r2", instance_type="ml.g5.xlarge", capture=None, key=KEY, tags=TAGS
    )
