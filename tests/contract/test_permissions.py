"""IAM: a role without a permission is refused, on a direct call and in a state machine."""

import json

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION, statement
from contract.scalable import code_and_words

SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
PASS = {"Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}}


@pytest.fixture
def as_user(cloud, make_user):
    """A SageMaker client of a new user with these statements."""

    def client(*statements, service: str = "sagemaker"):
        return cloud.client(service, **make_user(*statements))

    return client


def denied(call, **arguments) -> str:
    code, words = code_and_words(call, **arguments)
    assert code == "AccessDeniedException", words
    return words


def test_without_the_action_a_job_is_refused(as_user, training_request, role) -> None:
    client = as_user(statement("sagemaker:DescribeTrainingJob"), statement("iam:PassRole"))
    assert "sagemaker:CreateTrainingJob" in denied(client.create_training_job, **training_request(""))


def test_without_pass_role_a_job_is_refused(as_user, training_request, role) -> None:
    client = as_user(statement("sagemaker:*"))
    assert f"iam:PassRole on resource: {role}" in denied(client.create_training_job, **training_request(""))


def test_passing_a_role_to_another_service_does_not_do(as_user, training_request, role) -> None:
    other = {"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
    client = as_user(statement("sagemaker:*"), statement("iam:PassRole", role, **other))
    assert "iam:PassRole" in denied(client.create_training_job, **training_request(""))


def test_with_both_a_job_runs(as_user, training_request, role, finished, name) -> None:
    client = as_user(
        statement("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{name}"),
        statement("iam:PassRole", role, **PASS),
    )
    client.create_training_job(**training_request(""))
    assert finished(name)["TrainingJobStatus"] == "Completed"
    assert "sagemaker:DescribeTrainingJob" in denied(client.describe_training_job, TrainingJobName=name)


def test_a_resource_bounds_the_action(as_user) -> None:
    client = as_user(statement("sagemaker:*", f"{SAGEMAKER}:model-package-group/mine-*"))
    client.create_model_package_group(ModelPackageGroupName=f"mine-{id(client)}")
    assert "CreateModelPackageGroup" in denied(client.create_model_package_group, ModelPackageGroupName="theirs")


def test_tagging_at_creation_needs_its_own_permission(as_user, name) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    client = as_user(statement("sagemaker:CreateModelPackageGroup"))
    message = denied(client.create_model_package_group, ModelPackageGroupName=name, Tags=tags)
    assert "sagemaker:AddTags" in message


def test_the_tags_of_a_resource_count_in_conditions(as_user, cloud, name) -> None:
    arn = cloud.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "tenant", "Value": "a"}]
    )["ModelPackageGroupArn"]
    for tenant, allowed in (("a", True), ("b", False)):
        condition = {"StringEquals": {"aws:ResourceTag/tenant": tenant}}
        client = as_user(statement("sagemaker:ListTags", arn, Condition=condition))
        if allowed:
            assert client.list_tags(ResourceArn=arn)["Tags"]
        else:
            assert "sagemaker:ListTags" in denied(client.list_tags, ResourceArn=arn)


def test_creating_an_endpoint_needs_its_configuration_too(as_user, make_config, archives, name) -> None:
    client = as_user(statement("sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint/*"))
    config = make_config({"main": archives["up"]})
    message = denied(client.create_endpoint, EndpointName=name, EndpointConfigName=config)
    assert f"endpoint-config/{config}" in message


def test_invoking_needs_the_endpoints_permission(as_user, endpoint) -> None:
    body = {"ContentType": "application/json", "Body": json.dumps({"instances": [{"size": 1, "ward": "A"}]})}
    other = as_user(statement("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/other"), service="sagemaker-runtime")
    assert "sagemaker:InvokeEndpoint" in denied(other.invoke_endpoint, EndpointName=endpoint, **body)
    own = as_user(
        statement("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/{endpoint}"), service="sagemaker-runtime"
    )
    assert own.invoke_endpoint(EndpointName=endpoint, **body)["Body"].read()


def test_a_batch_of_messages_needs_the_permission_of_one(cloud, as_user, name) -> None:
    url = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    batch = {"QueueUrl": url, "Entries": [{"Id": "0", "MessageBody": "{}"}]}
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    reader = as_user(statement("sqs:ReceiveMessage", queue), service="sqs")
    with pytest.raises(ClientError, match="not authorized to perform: sqs:SendMessage"):
        reader.send_message_batch(**batch)
    sender = as_user(statement("sqs:SendMessage", queue), service="sqs")
    assert [each["Id"] for each in sender.send_message_batch(**batch)["Successful"]] == ["0"]
