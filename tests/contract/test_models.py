"""Models: what their containers hold, what they pass on, and what is refused by name."""

import subprocess

import pytest
from botocore.exceptions import ClientError
from contract.live import serving, untar

LARGE = {"size": 2.5, "ward": "A"}


@pytest.fixture
def make(cloud, archives, role, name):
    """Makes a model whose container has these members too, or in the place of the archive's URL."""

    def create(data: dict | None = None, **members) -> str:
        container = {"Image": "any", **(data or {"ModelDataUrl": archives["up"]}), **members}
        cloud.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
        return name

    return create


@pytest.fixture
def deploy(cloud, settled, name):
    """Makes an endpoint of a model; answers its description once it has settled."""
    client = cloud.client("sagemaker")

    def create(model: str) -> dict:
        variant = {"VariantName": "main", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return settled(name)

    yield create
    settled(name)
    client.delete_endpoint(EndpointName=name)


@pytest.fixture
def unpacked(archives, get, put, bucket, name) -> str:
    """The files of the model ``up``, uncompressed; answers the prefix that they have in common."""
    for path, content in untar(get(archives["up"])).items():
        put(f"{name}/model/{path.removeprefix('./')}", content)
    return f"s3://{bucket}/{name}/model/"


def data_below(uri: str, **members: str) -> dict:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None", **members}
    return {"ModelDataSource": {"S3DataSource": source}}


def environment_of(pid: int) -> str:
    return subprocess.run(["ps", "eww", "-p", str(pid)], capture_output=True, text=True, check=True).stdout


def test_the_environment_of_a_container_is_given_to_its_process(cloud, make, deploy) -> None:
    before = serving(cloud)
    deploy(make(Environment={"GREETING": "from-the-model", "PATH": "/nowhere"}))
    (process,) = serving(cloud) - before
    shown = environment_of(process)
    assert "GREETING=from-the-model" in shown
    assert "PATH=/nowhere" not in shown


def test_a_model_package_gives_its_environment_and_the_model_has_the_last_word(
    cloud, archives, make, deploy, name
) -> None:
    client, before = cloud.client("sagemaker"), serving(cloud)
    client.create_model_package_group(ModelPackageGroupName=name)
    given = {"GREETING": "from-the-package", "SIZE": "from-the-package"}
    package = client.create_model_package(
        ModelPackageGroupName=name,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "any", "ModelDataUrl": archives["up"], "Environment": given}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    deploy(make({"ModelPackageName": package}, Environment={"GREETING": "from-the-model"}))
    (process,) = serving(cloud) - before
    shown = environment_of(process)
    assert "GREETING=from-the-model" in shown
    assert "SIZE=from-the-package" in shown


def test_uncompressed_model_data_is_served(make, deploy, ask, unpacked, name) -> None:
    assert deploy(make(data_below(unpacked)))["EndpointStatus"] == "InService"
    assert ask(name, LARGE)[0]["label"] == "yes"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Mode": "MultiModel"}, "Mode MultiModel"),
        ({"MultiModelConfig": {"ModelCacheSetting": "Disabled"}}, "MultiModelConfig"),
        ({"ImageConfig": {"RepositoryAccessMode": "Vpc"}}, "ImageConfig"),
        ({"InferenceSpecificationName": "other"}, "InferenceSpecificationName"),
        (
            {"AdditionalModelDataSources": [
                {"ChannelName": "draft", "S3DataSource": {
                    "S3Uri": "s3://contract/draft/", "S3DataType": "S3Prefix", "CompressionType": "None"}},
            ]},
            "AdditionalModelDataSources",
        ),
        ({"data": data_below("s3://contract/x/", CompressionType="Gzip")}, "S3Prefix with a CompressionType"),
        ({"data": data_below("s3://contract/x/", ManifestS3Uri="s3://contract/m")}, "ManifestS3Uri"),
    ],
)  # fmt: skip
def test_what_a_container_cannot_have_is_refused_by_name(make, members, said) -> None:
    with pytest.raises(ClientError, match=said) as refused:
        make(**members)
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"


@pytest.mark.parametrize(
    ("uri", "said"), [("s3://contract/no-model", "must end with a slash"), ("s3://contract/no-model/", "not find")]
)
def test_uncompressed_data_that_cannot_be_is_refused(make, uri, said) -> None:
    with pytest.raises(ClientError, match=said) as refused:
        make(data_below(uri))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_container_that_is_aimed_at_directly_is_refused(cloud, archives, role, name) -> None:
    with pytest.raises(ClientError, match="Mode Direct"):
        cloud.client("sagemaker").create_model(
            ModelName=name,
            Containers=[{"Image": "any", "ModelDataUrl": archives["up"]}],
            InferenceExecutionConfig={"Mode": "Direct"},
            ExecutionRoleArn=role,
        )


def test_a_serverless_variant_takes_no_model_data_source(cloud, make, unpacked, name) -> None:
    limits = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variant = {"VariantName": "main", "ModelName": make(data_below(unpacked)), "ServerlessConfig": limits}
    with pytest.raises(ClientError, match="not a ModelDataSource"):
        cloud.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
