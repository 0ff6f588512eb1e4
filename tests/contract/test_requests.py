"""How requests are checked and refused, whatever the operation."""

import json

import pytest
from botocore.exceptions import ClientError
from contract.live import KEYS, REGION


@pytest.fixture
def unchecked(cloud):
    return cloud.unchecked("sagemaker")


@pytest.mark.aws
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"ModelPackageGroupName": "no spaces"},
            "1 validation error detected: Value 'no spaces' at 'modelPackageGroupName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {},
            "1 validation error detected: Value null at 'modelPackageGroupName' failed to satisfy constraint: Member "
            "must not be null",
        ),
        (
            {"ModelPackageGroupName": "a" * 64},
            f"2 validation errors detected: Value '{'a' * 64}' at 'modelPackageGroupName' failed to satisfy "
            "constraint: Member must have length less than or equal to 63; ",
        ),
        (
            {"ModelPackageGroupName": "a", "Tags": [{"Key": "k"}]},
            "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member "
            "must not be null",
        ),
    ],
)
def test_a_malformed_request_is_refused_in_the_words_of_aws(unchecked, request_, message) -> None:
    with pytest.raises(ClientError) as refused:
        unchecked.create_model_package_group(**request_)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"].startswith(message)


def test_enumerations_and_ranges_are_checked(unchecked) -> None:
    with pytest.raises(ClientError, match=r"'status' at 'sortBy'.*enum value set: \[Name, CreationTime, Status\]"):
        unchecked.list_training_jobs(SortBy="status")
    with pytest.raises(ClientError, match=r"'0' at 'maxResults'.*greater than or equal to 1"):
        unchecked.list_training_jobs(MaxResults=0)


def test_a_wrong_type_is_a_serialization_error(unchecked) -> None:
    with pytest.raises(
        ClientError, match=r"\(SerializationException\).*maxResults must be of type integer, not string"
    ):
        unchecked.list_training_jobs(MaxResults="many")


def test_an_operation_that_is_not_there_says_so_and_names_itself(cloud) -> None:
    with pytest.raises(ClientError, match="does not know ListNotebookInstances") as refused:
        cloud.client("sagemaker").list_notebook_instances()
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"


@pytest.mark.aws
def test_lists_are_filtered_sorted_and_paged(cloud, name) -> None:
    client = cloud.client("sagemaker")
    names = [f"{name}-{number:02}" for number in range(12)]
    for each in names:
        client.create_model_package_group(ModelPackageGroupName=each)
    pages = client.get_paginator("list_model_package_groups").paginate(
        NameContains=name, SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 5}
    )
    found = [[group["ModelPackageGroupName"] for group in page["ModelPackageGroupSummaryList"]] for page in pages]
    assert found == [names[11:6:-1], names[6:1:-1], names[1::-1]]


def test_a_page_token_of_somebody_else_is_refused(cloud) -> None:
    with pytest.raises(ClientError, match="Invalid pagination token"):
        cloud.client("sagemaker").list_models(NextToken="xx")


def test_a_body_that_is_no_json_object_is_refused(cloud) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.httpsession import URLLib3Session

    for body in (b"{", b"[]"):
        headers = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", f"{cloud.url}/", headers=headers, data=body)
        keys = Credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"])
        SigV4Auth(keys, "sagemaker", REGION).add_auth(request)
        response = URLLib3Session().send(request.prepare())
        assert (response.status_code, json.loads(response.content)["__type"]) == (400, "SerializationException")


def test_a_job_can_be_deleted_once_it_has_ended(cloud, train, training_request, name) -> None:
    client = cloud.client("sagemaker")
    train("")
    client.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        client.describe_training_job(TrainingJobName=name)
    client.create_training_job(**training_request("import time; time.sleep(60)"))  # its name is free again
    with pytest.raises(ClientError, match=r"\(ResourceInUse\)"):
        client.delete_training_job(TrainingJobName=name)
    client.stop_training_job(TrainingJobName=name)


def test_a_configuration_and_its_models_can_be_deleted_while_they_serve(cloud, endpoint, ask) -> None:
    client = cloud.client("sagemaker")
    config = client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    for variant in client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]:
        client.delete_model(ModelName=variant["ModelName"])
    client.delete_endpoint_config(EndpointConfigName=config)
    assert client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"] == config
    assert ask(endpoint, {"size": 1.0, "ward": "A"})
