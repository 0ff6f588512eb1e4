"""The Model Registry, and tags."""

import pytest
from botocore.exceptions import ClientError
from contract.live import statement
from waiting import eventually


@pytest.fixture
def inference(image, put, name) -> dict:
    return {
        "Containers": [{"Image": image, "ModelDataUrl": put(f"{name}/model.tar.gz", b"")}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }


@pytest.fixture
def group(cloud, name) -> str:
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


@pytest.fixture
def register(cloud, group, inference):
    def make(**members) -> str:
        return cloud.client("sagemaker").create_model_package(
            ModelPackageGroupName=group, InferenceSpecification=inference, **members
        )["ModelPackageArn"]

    return make


@pytest.mark.aws
def test_versions_of_a_group_are_numbered(cloud, register, group) -> None:
    arns = [register() for _ in range(3)]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group}/{number}" for number in (1, 2, 3)]

    def completed() -> dict | None:
        found = cloud.client("sagemaker").describe_model_package(ModelPackageName=arns[1])
        return found if found["ModelPackageStatus"] == "Completed" else None

    package = eventually(completed)
    assert (package["ModelPackageGroupName"], package["ModelPackageVersion"]) == (group, 2)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_validation_that_would_not_take_place_is_refused_by_name(register, role) -> None:
    transform = {
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    profile = {"ProfileName": "p", "TransformJobDefinition": transform}
    with pytest.raises(ClientError, match="leave ValidationSpecification out"):
        register(ValidationSpecification={"ValidationRole": role, "ValidationProfiles": [profile]})


@pytest.mark.aws
def test_a_client_token_registers_once(register, name) -> None:
    first, again, other = (register(ClientToken=f"{name}-{token}") for token in "aab")
    assert first == again != other


@pytest.mark.aws
def test_a_version_is_approved_with_metadata(cloud, register, group) -> None:
    client = cloud.client("sagemaker")
    arn = register(CustomerMetadataProperties={"a": "1", "b": "2"})
    client.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="better",
        CustomerMetadataProperties={"a": "3"},
        CustomerMetadataPropertiesToRemove=["b"],
    )
    package = client.describe_model_package(ModelPackageName=arn)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Approved", "better")
    assert package["CustomerMetadataProperties"] == {"a": "3"}


@pytest.mark.aws
def test_versions_are_listed_by_approval_newest_first(cloud, register, group) -> None:
    client = cloud.client("sagemaker")
    arns = [register(ModelApprovalStatus=status) for status in ("Approved", "Rejected", "Approved")]
    found = client.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortOrder="Descending", SortBy="CreationTime"
    )["ModelPackageSummaryList"]
    assert [package["ModelPackageArn"] for package in found] == [arns[2], arns[0]]


@pytest.mark.aws
def test_a_group_with_versions_is_kept_and_an_empty_one_goes(cloud, register, group) -> None:
    client = cloud.client("sagemaker")
    arn = register()
    with pytest.raises(ClientError, match=r"\(ConflictException\)"):
        client.delete_model_package_group(ModelPackageGroupName=group)
    client.delete_model_package(ModelPackageName=arn)
    client.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_model_package_group(ModelPackageGroupName=group)


@pytest.mark.aws
def test_errors_are_those_of_aws(cloud, group, register) -> None:
    client = cloud.client("sagemaker")
    with pytest.raises(ClientError, match=r"\(ValidationException\).*Model Package Group already exists"):
        client.create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match=r"\(ValidationException\).*ModelPackage .*/9 does not exist"):
        client.describe_model_package(ModelPackageName=register().replace("/1", "/9"))


@pytest.mark.aws
def test_tags_are_added_replaced_listed_and_deleted(cloud, group) -> None:
    client = cloud.client("sagemaker")
    arn = client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["b", "never"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]


@pytest.mark.aws
def test_tags_that_only_aws_gives_are_refused(cloud, group, name) -> None:
    client, tags = cloud.client("sagemaker"), [{"Key": "AWS:createdBy", "Value": "me"}]
    arn = client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    for call in (
        lambda: client.add_tags(ResourceArn=arn, Tags=tags),
        lambda: client.create_model_package_group(ModelPackageGroupName=f"{name}-2", Tags=tags),
    ):
        with pytest.raises(ClientError, match=r"ValidationException.*aws: prefixed tag key names are not allowed"):
            call()


def test_tags_of_creation_are_kept(cloud, name) -> None:
    client = cloud.client("sagemaker")
    made = client.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "t", "Value": "v"}])
    assert client.list_tags(ResourceArn=made["ModelPackageGroupArn"])["Tags"] == [{"Key": "t", "Value": "v"}]


@pytest.mark.aws
def test_a_life_cycle_is_kept_and_changed(cloud, register) -> None:
    client = cloud.client("sagemaker")
    arn = register(ModelLifeCycle={"Stage": "Development", "StageStatus": "Approved"})
    client.update_model_package(ModelPackageArn=arn, ModelLifeCycle={"Stage": "Staging", "StageStatus": "Pending"})
    life_cycle = client.describe_model_package(ModelPackageName=arn)["ModelLifeCycle"]
    assert life_cycle == {"Stage": "Staging", "StageStatus": "Pending"}


@pytest.mark.aws
def test_further_inference_specifications_are_added(cloud, register, inference) -> None:
    client = cloud.client("sagemaker")
    arn = register()
    for name in ("one", "two"):
        added = [{"Name": name, "Containers": inference["Containers"]}]
        client.update_model_package(ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=added)
    found = client.describe_model_package(ModelPackageName=arn)["AdditionalInferenceSpecifications"]
    assert [each["Name"] for each in found] == ["one", "two"]


def test_many_versions_are_described_at_once(cloud, register) -> None:
    client = cloud.client("sagemaker")
    known = register()
    missing = known.replace("/1", "/9")
    answer = client.batch_describe_model_package(ModelPackageArnList=[known, missing])
    assert answer["ModelPackageSummaries"][known]["ModelApprovalStatus"] == "PendingManualApproval"
    assert answer["BatchDescribeModelPackageErrorMap"][missing]["ErrorCode"] == "ValidationException"


@pytest.mark.aws
@pytest.mark.parametrize(
    ("request_", "versions"),
    [
        ({}, [1, 2]),
        ({"ModelPackageType": "Versioned"}, [1, 2]),
        ({"ModelPackageType": "Both"}, [1, 2]),
        ({"ModelPackageType": "Unversioned"}, []),
        ({"SortBy": "Name", "SortOrder": "Descending"}, [2, 1]),
        ({"NameContains": "never"}, []),
    ],
)
def test_versions_of_a_group_are_listed(cloud, register, group, request_, versions) -> None:
    register(), register()
    found = cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=group, **request_)
    assert [package["ModelPackageVersion"] for package in found["ModelPackageSummaryList"]] == versions


def test_without_a_group_only_versions_that_are_asked_for_are_listed(cloud, register) -> None:
    client, arn = cloud.client("sagemaker"), register()
    assert not client.list_model_packages()["ModelPackageSummaryList"]
    pages = client.get_paginator("list_model_packages").paginate(ModelPackageType="Versioned")
    assert arn in [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]


def test_tags_of_a_request_are_conditions(cloud, make_user, name) -> None:
    tagged = {"StringEquals": {"aws:RequestTag/tenant": "a"}}
    keys = make_user(
        statement("sagemaker:CreateModelPackageGroup"),
        statement("sagemaker:AddTags", Condition=tagged),
    )
    user = cloud.client("sagemaker", **keys)
    with pytest.raises(ClientError, match=r"\(AccessDenied.*sagemaker:AddTags"):
        user.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "tenant", "Value": "b"}])
    user.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "tenant", "Value": "a"}])


def test_tags_of_a_resource_are_conditions(cloud, make_user, group) -> None:
    client = cloud.client("sagemaker")
    arn = client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    mine = {"StringEquals": {"aws:ResourceTag/tenant": "a"}}
    user = cloud.client("sagemaker", **make_user(statement("sagemaker:Describe*", Condition=mine)))
    with pytest.raises(ClientError, match="AccessDenied"):
        user.describe_model_package_group(ModelPackageGroupName=group)
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "tenant", "Value": "a"}])
    user.describe_model_package_group(ModelPackageGroupName=group)
