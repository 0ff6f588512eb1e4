"""What the suite asks of AWS as well: free of charge, and taken away again; and how it is told where to run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from contract.conformance import BUCKET, ROLE
from contract.live import KEYS, REGION, Cloud, make_role, start_cloud, statement

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = {
    "describe_endpoint": {"EndpointName": "nobody"},
    "describe_endpoint_config": {"EndpointConfigName": "nobody"},
    "describe_model": {"ModelName": "nobody"},
    "describe_model_package_group": {"ModelPackageGroupName": "nobody"},
    "describe_processing_job": {"ProcessingJobName": "nobody"},
    "describe_transform_job": {"TransformJobName": "nobody"},
    "delete_endpoint": {"EndpointName": "nobody"},
    "delete_endpoint_config": {"EndpointConfigName": "nobody"},
    "delete_model": {"ModelName": "nobody"},
}


@pytest.mark.aws
@pytest.mark.parametrize("operation", UNKNOWN)
def test_what_is_not_there_is_refused(cloud, operation) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(cloud.client("sagemaker"), operation)(**UNKNOWN[operation])
    assert refused.value.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.fixture
def model(cloud, name, role, put, image) -> str:
    container = {"Image": image, "ModelDataUrl": put(f"{name}/model.tar.gz", b""), "Environment": {"A": "1"}}
    tags = [{"Key": "made-by", "Value": "tests"}]
    cloud.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags)
    return name


@pytest.mark.aws
def test_a_model_goes_from_its_making_to_its_deletion(cloud, model, role, image) -> None:
    client = cloud.client("sagemaker")
    described = client.describe_model(ModelName=model)
    assert described["ExecutionRoleArn"] == role
    assert (described["PrimaryContainer"]["Image"], described["PrimaryContainer"]["Environment"]) == (image, {"A": "1"})
    assert client.list_tags(ResourceArn=described["ModelArn"])["Tags"] == [{"Key": "made-by", "Value": "tests"}]
    assert [each["ModelName"] for each in client.list_models(NameContains=model)["Models"]] == [model]
    with pytest.raises(ClientError, match="already existing model"):
        client.create_model(ModelName=model, PrimaryContainer=described["PrimaryContainer"], ExecutionRoleArn=role)
    client.delete_model(ModelName=model)
    with pytest.raises(ClientError, match="Could not find model"):
        client.describe_model(ModelName=model)


@pytest.mark.aws
def test_a_configuration_goes_from_its_making_to_its_deletion(cloud, model) -> None:
    client = cloud.client("sagemaker")
    variant = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    client.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    (described,) = client.describe_endpoint_config(EndpointConfigName=model)["ProductionVariants"]
    assert {member: described[member] for member in variant} == variant
    with pytest.raises(ClientError, match="already existing endpoint configuration"):
        client.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    client.delete_endpoint_config(EndpointConfigName=model)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.describe_endpoint_config(EndpointConfigName=model)


@pytest.mark.aws
def test_a_configuration_needs_a_model(cloud, name) -> None:
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    with pytest.raises(ClientError, match="Could not find model"):
        cloud.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of the suite against AWS, whose requests come to nothing unless an endpoint is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADGATE_", "PYTEST_"))}
    nowhere = {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--cloud", "aws", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=kept | nowhere | environment, capture_output=True, text=True, check=False
    )


def test_against_aws_the_marked_tests_are_chosen_and_no_others() -> None:
    listed = run("--collect-only", "tests/contract")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    chosen = re.findall(r"^tests/contract/(\w+)\.py::(\w+)", listed.stdout, re.MULTILINE)
    assert ("test_conformance", "test_a_configuration_needs_a_model") in chosen
    assert ("test_registry", "test_versions_of_a_group_are_numbered") in chosen
    assert {test for module, test in chosen if module == "test_training_jobs"} == {"test_an_unknown_job_is_not_found"}
    assert "test_stopping" not in {module for module, _ in chosen}


def test_without_a_bucket_and_a_role_nothing_is_asked_of_aws() -> None:
    refused = run("tests/contract/test_registry.py", **{BUCKET: "mine"})
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--cloud aws needs these environment variables:\n  {ROLE}: the ARN of a role" in refused.stderr
    assert BUCKET not in refused.stderr


@pytest.fixture
def account(tmp_path) -> Iterator[Cloud]:
    """A local cloud that stands for an account: all but what AWS would answer is as it will be there."""
    cloud = start_cloud(tmp_path)
    yield cloud
    cloud.stop()


def everything(account: Cloud, bucket: str) -> list[str]:
    """The names of all that is in an account."""
    lists = {
        "list_model_package_groups": ("sagemaker", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
        "list_models": ("sagemaker", "Models", "ModelName"),
        "list_endpoint_configs": ("sagemaker", "EndpointConfigs", "EndpointConfigName"),
        "describe_alarms": ("cloudwatch", "MetricAlarms", "AlarmName"),
        "list_objects_v2": ("s3", "Contents", "Key"),
    }
    found = []
    for operation, (service, members, name) in lists.items():
        where = {"Bucket": bucket} if service == "s3" else {}
        pages = account.client(service).get_paginator(operation).paginate(**where)
        found += [each[name] for page in pages for each in page.get(members, [])]
    return found


def test_what_the_tests_make_in_an_account_they_take_away(account, tmp_path) -> None:
    account.client("s3").create_bucket(Bucket="given", CreateBucketConfiguration={"LocationConstraint": REGION})
    keys = {name.upper(): value for name, value in KEYS.items()}
    given = {BUCKET: "given", ROLE: make_role(account, statement("s3:GetObject"))}
    against = run("tests/contract", f"--basetemp={tmp_path / 'inner'}", AWS_ENDPOINT_URL=account.url, **given, **keys)
    assert against.returncode == 0, against.stdout + against.stderr
    assert everything(account, "given") == []
