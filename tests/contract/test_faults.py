"""What faults on order do: to calls, limits, keys and events of every service."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from contract.endings import begin, ended
from contract.live import REGION, statement
from contract.rehearsal import code_and_status
from waiting import eventually


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("internal-error", ("InternalFailure", 500)),
        ("throttle-error", ("ThrottlingException", 400)),
        ("unavailable-error", ("ServiceUnavailable", 503)),
    ],
)
def test_calls_of_sagemaker_are_refused_as_ordered(cloud, order, state, action, expected) -> None:
    client = cloud.client("sagemaker")
    experiment = order(
        f"aws:fis:inject-api-{action}", service="sagemaker", operations="ListModels,ListEndpoints", count="2"
    )
    assert code_and_status(client.list_models) == expected
    client.list_endpoint_configs()
    assert code_and_status(client.list_endpoints) == expected
    client.list_models()
    assert state(experiment) == "completed"


@pytest.mark.parametrize(
    ("service", "call", "expected"),
    [
        ("s3", "list_buckets", ("SlowDown", 503)),
        ("dynamodb", "list_tables", ("ThrottlingException", 400)),
        ("sns", "list_topics", ("Throttling", 400)),
        ("cloudformation", "list_stacks", ("ThrottlingException", 400)),
        ("lambda", "list_functions", ("TooManyRequestsException", 429)),
        ("sqs", "list_queues", ("ThrottlingException", 400)),
        ("cloudwatch", "list_metrics", ("ThrottlingException", 400)),
    ],
)
def test_every_service_can_be_struck(cloud, order, service, call, expected) -> None:
    experiment = order("aws:fis:inject-api-throttle-error", service=service)
    assert code_and_status(getattr(cloud.client(service), call)) == expected
    cloud.client("fis").stop_experiment(id=experiment)
    getattr(cloud.client(service), call)()


def test_only_resources_of_that_name_are_struck(cloud, order, name) -> None:
    client = cloud.client("sagemaker")
    order("aws:fis:inject-api-internal-error", f"{name}-b*", service="sagemaker", operations="CreateModelPackageGroup")
    client.create_model_package_group(ModelPackageGroupName=f"{name}-a")
    assert code_and_status(lambda: client.create_model_package_group(ModelPackageGroupName=f"{name}-b1"))[1] == 500


def test_a_call_can_be_made_to_wait(cloud, order) -> None:
    order("aws:fis:inject-api-delay", service="sagemaker", operations="ListModels", delaySeconds="0.4", count="1")
    started = time.monotonic()
    cloud.client("sagemaker").list_models()
    assert time.monotonic() - started >= 0.4


def test_an_invocation_can_be_struck(cloud, order, name) -> None:
    order("aws:fis:inject-api-unavailable-error", name, service="sagemaker", operations="InvokeEndpoint")
    runtime = cloud.client("sagemaker-runtime")
    assert code_and_status(lambda: runtime.invoke_endpoint(EndpointName=name, Body=b"1")) == ("ServiceUnavailable", 503)
    assert code_and_status(lambda: runtime.invoke_endpoint(EndpointName=f"{name}-x", Body=b"1")) == (
        "ValidationError",
        400,
    )


def test_a_limit_is_exceeded_where_the_model_knows_it(cloud, order, name) -> None:
    client = cloud.client("sagemaker")
    order("aws:sagemaker:exceed-resource-limit", name)
    create = lambda: client.create_model_package_group(ModelPackageGroupName=name)  # noqa: E731
    assert code_and_status(create) == ("ResourceLimitExceeded", 400)
    assert (
        code_and_status(lambda: client.describe_model_package_group(ModelPackageGroupName=name))[0]
        == "ValidationException"
    )


def test_an_update_of_a_model_package_conflicts(cloud, order, name) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    container = {"Image": "any", "ModelDataUrl": "s3://contract/model.tar.gz"}
    inference = {"Containers": [container], "SupportedContentTypes": ["a/b"], "SupportedResponseMIMETypes": ["a/b"]}
    made = client.create_model_package(ModelPackageGroupName=name, InferenceSpecification=inference)["ModelPackageArn"]
    order("aws:sagemaker:update-conflict", f"{name}/*", count="1")
    approve = lambda: client.update_model_package(ModelPackageArn=made, ModelApprovalStatus="Approved")  # noqa: E731
    assert code_and_status(approve) == ("ConflictException", 400)
    approve()


def test_a_key_is_disabled_until_the_experiment_stops(cloud, order, state) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    experiment = order("aws:kms:disable-key", key["Arn"])
    assert code_and_status(lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"1"))[0] == "DisabledException"
    cloud.client("fis").stop_experiment(id=experiment)
    assert state(experiment) == "stopped"
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"1")


def test_a_fault_ends_with_its_time(cloud, order, state) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    experiment = order("aws:kms:disable-key", key, duration="PT0.3S")
    eventually(lambda: state(experiment) == "completed")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]


@pytest.fixture
def register(cloud, name) -> Callable[[], str]:
    """Registers a version, of which an event tells; answers its ARN."""
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    container = {"Image": "any", "ModelDataUrl": "s3://contract/model.tar.gz"}
    inference = {"Containers": [container], "SupportedContentTypes": ["a/b"], "SupportedResponseMIMETypes": ["a/b"]}
    return lambda: client.create_model_package(ModelPackageGroupName=name, InferenceSpecification=inference)[
        "ModelPackageArn"
    ]


def versions(events: list[dict[str, Any]]) -> list[int]:
    """The numbers of the versions that events tell of, in their order."""
    return [event["detail"]["ModelPackageVersion"] for event in events]


def test_events_are_lost(order, heard, register, name) -> None:
    order("aws:events:drop-events", f"{name}/*", count="1")
    register(), register()
    eventually(lambda: versions(heard(name)) == [2])


def test_events_are_doubled(order, heard, register, name) -> None:
    order("aws:events:duplicate-events", f"{name}/*", detailType="SageMakerModelPackage*", count="1")
    register(), register()
    told = eventually(lambda: len(found := heard(name)) == 3 and found)
    assert versions(told) == [1, 1, 2]
    assert told[0]["id"] == told[1]["id"]


def test_events_overtake_each_other(order, heard, register, name) -> None:
    order("aws:events:reorder-events", f"{name}/*", count="1")
    register(), register(), register()
    eventually(lambda: versions(heard(name)) == [2, 1, 3])


def test_events_come_late(order, heard, register, name) -> None:
    order("aws:events:delay-events", f"{name}/*", delaySeconds="0.5", count="1")
    register(), register()
    eventually(lambda: versions(heard(name)) == [2, 1])


def test_only_events_of_that_type_are_struck(order, heard, register, name) -> None:
    order("aws:events:drop-events", f"{name}/*", detailType="SageMakerEndpoint*")
    register()
    eventually(lambda: versions(heard(name)) == [1])


def test_events_of_other_services_are_struck_too(cloud, order, heard, name) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    order("aws:events:drop-events", name, count="1")
    for key in ("lost", "told"):
        s3.put_object(Bucket=name, Key=key, Body=b"1")
    eventually(lambda: [event["detail"]["object"]["key"] for event in heard(name)] == ["told"])


def test_what_a_state_machine_calls_is_struck_and_its_retries_answer(cloud, order, make_role, name) -> None:
    client = cloud.client("stepfunctions")
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    register = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModelPackageGroup",
        "Arguments": {"ModelPackageGroupName": name},
        "Retry": retry,
        "End": True,
    }
    role = make_role(statement("sagemaker:CreateModelPackageGroup"), service="states.amazonaws.com")
    order("aws:fis:inject-api-throttle-error", name, service="sagemaker", count="1")
    execution = begin(cloud, name, role, {"Register": register})
    over = ended(cloud, execution)
    assert over["status"] == "SUCCEEDED", over
    history = client.get_execution_history(executionArn=execution)["events"]
    (failed,) = [event["taskFailedEventDetails"] for event in history if event["type"] == "TaskFailed"]
    assert "Rate exceeded" in failed["cause"]
