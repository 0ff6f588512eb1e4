"""Lists: what can be filtered and sorted, and by what if the request does not say, is what the service model says."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION

from headgate_local.api.validation import model
from headgate_local.sagemaker import model_packages, operations
from headgate_local.sagemaker.operations import OPERATIONS

LISTS = [operation for operation in OPERATIONS if operation.startswith("List")]
SAMPLES: dict[str, Any] = {
    "timestamp": 1.0,
    "HyperParameterTuningJobName": "none",
    "ModelPackageGroupName": "none",
    "ResourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/none",
    "TrainingPlanArnEquals": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-plan/none",
}
MISSING = ("ValidationException", "ResourceNotFound")


def sample(name: str, shape: Any) -> Any:
    """A value that the service model allows for a member of a request."""
    if name in SAMPLES or shape.type_name in SAMPLES:
        return SAMPLES.get(name, SAMPLES.get(shape.type_name))
    return shape.enum[0] if getattr(shape, "enum", None) else {"integer": 50}.get(shape.type_name, "none")


def refusal(call: Callable[..., Any], request: dict[str, Any]) -> str | None:
    """The code of the error that a request is answered with, if any."""
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def documented(operation: str, member: str) -> str | None:
    """The default that the service model's words give to a member of a request."""
    shape = model().operation_model(operation).input_shape.members.get(member)
    text = re.sub("<[^>]+>", "", shape.documentation) if shape else ""
    found = re.search(r"The default is (\w+)", text)
    return found.group(1) if found else None


@pytest.mark.parametrize("operation", LISTS)
def test_no_filter_of_the_model_is_unknown(cloud, operation) -> None:
    shape = model().operation_model(operation).input_shape
    call = getattr(cloud.client("sagemaker"), re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())
    for name in shape.members.keys() - {"NextToken"}:
        request = {needed: sample(needed, shape.members[needed]) for needed in (*shape.required_members, name)}
        assert refusal(call, request) in (None, *MISSING)  # of a job or a group that there is not


@pytest.mark.aws
@pytest.mark.parametrize("operation", LISTS)
def test_every_way_to_sort_is_known(cloud, operation) -> None:
    sort = model().operation_model(operation).input_shape.members.get("SortBy")
    if sort is None or operation == "ListTrainingJobsForHyperParameterTuningJob":
        return
    call = getattr(cloud.client("sagemaker"), re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())
    for by in sort.enum:
        for order in ("Ascending", "Descending"):
            call(SortBy=by, SortOrder=order)


@pytest.fixture
def three(cloud, name, role, put, image) -> dict[str, list[str]]:
    """Three resources of several kinds, made in an order that is not that of their names; names by operation."""
    client = cloud.client("sagemaker")
    names = [f"{name}-{letter}" for letter in "bca"]
    archive = put(f"{name}/model.tar.gz", b"")
    variant = {"VariantName": "v", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    for each in names:
        client.create_model_package_group(ModelPackageGroupName=each)
        container = {"Image": image, "ModelDataUrl": archive}
        client.create_model(ModelName=each, PrimaryContainer=container, ExecutionRoleArn=role)
        client.create_endpoint_config(EndpointConfigName=each, ProductionVariants=[{**variant, "ModelName": each}])
    return names


KINDS = {
    "ListModelPackageGroups": ("ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    "ListModels": ("Models", "ModelName"),
    "ListEndpointConfigs": ("EndpointConfigs", "EndpointConfigName"),
}


@pytest.mark.aws
@pytest.mark.parametrize("operation", KINDS)
def test_lists_are_sorted_as_documented(cloud, three, name, operation) -> None:
    members, named = KINDS[operation]
    call = getattr(cloud.client("sagemaker"), re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())

    def letters(**request: Any) -> str:
        return "".join(each[named][-1] for each in call(NameContains=name, **request)[members])

    assert documented(operation, "SortBy") == "CreationTime"
    assert letters() == {"Ascending": "bca", "Descending": "acb"}[documented(operation, "SortOrder")]
    assert letters(SortBy="CreationTime", SortOrder="Ascending") == "bca"
    assert letters(SortBy="Name", SortOrder="Ascending") == "abc"
    assert letters(SortBy="Name", SortOrder="Descending") == "cba"


def test_defaults_of_all_kinds_are_those_of_the_model(cloud) -> None:
    kinds = {
        "ListTrainingJobs": operations.TRAINING,
        "ListProcessingJobs": operations.PROCESSING,
        "ListModels": operations.MODEL,
        "ListEndpointConfigs": operations.CONFIG,
        "ListEndpoints": operations.ENDPOINT,
        "ListModelPackageGroups": model_packages.GROUP,
        "ListModelPackages": model_packages.PACKAGE,
    }
    for operation, kind in kinds.items():
        assert kind.sorted_by == documented(operation, "SortBy"), operation
        assert kind.newest_first == (documented(operation, "SortOrder") == "Descending"), operation


@pytest.mark.aws
def test_times_filter(cloud, three, name) -> None:
    client = cloud.client("sagemaker")
    found = client.list_models(NameContains=name, SortOrder="Ascending")["Models"]
    middle = found[1]["CreationTime"]
    after = client.list_models(NameContains=name, CreationTimeAfter=middle)["Models"]
    before = client.list_models(NameContains=name, CreationTimeBefore=middle)["Models"]
    assert found[2]["ModelName"] in [each["ModelName"] for each in after]
    assert found[0]["ModelName"] in [each["ModelName"] for each in before]
    assert not {each["ModelName"] for each in after} & {found[0]["ModelName"]}


def test_a_page_token_goes_with_its_request(cloud, three, name) -> None:
    client = cloud.client("sagemaker")
    token = client.list_models(NameContains=name, MaxResults=1)["NextToken"]
    assert client.list_models(NameContains=name, MaxResults=2, NextToken=token)["Models"]
    with pytest.raises(ClientError, match="Invalid pagination token"):
        client.list_models(NameContains="other", NextToken=token)
    with pytest.raises(ClientError, match="Invalid pagination token"):
        client.list_endpoint_configs(NameContains="n", NextToken=token)


def test_groups_of_other_accounts_are_none(cloud, three) -> None:
    client = cloud.client("sagemaker")
    assert client.list_model_package_groups(CrossAccountFilterOption="SameAccount")["ModelPackageGroupSummaryList"]
    assert not client.list_model_package_groups(CrossAccountFilterOption="CrossAccount")["ModelPackageGroupSummaryList"]


def test_jobs_are_listed_by_status_and_warm_pool(cloud, train, name) -> None:
    train("")
    client = cloud.client("sagemaker")
    listed = client.list_training_jobs(NameContains=name, StatusEquals="Completed")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in listed] == [name]
    assert not client.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]
    assert not client.list_training_jobs(NameContains=name, WarmPoolStatusEquals="Available")["TrainingJobSummaries"]
