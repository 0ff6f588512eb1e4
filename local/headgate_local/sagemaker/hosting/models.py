"""Models: what the variants of an endpoint serve."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError, take_on, unpack
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

MODEL = Kind(
    noun="model",
    name="ModelName",
    arn="ModelArn",
    missing='Could not find model "{arn}".',
    exists='Cannot create already existing model "{arn}".',
    newest_first=True,
)


NOT_SUPPORTED = (
    "AdditionalModelDataSources",
    "AdditionalS3DataSource",
    "ContainerMetricsConfig",
    "ImageConfig",
    "InferenceSpecificationName",
    "MultiModelConfig",
)
DATA_NOT_SUPPORTED = ("ETag", "HubAccessConfig", "ManifestEtag", "ManifestS3Uri")


@dataclass(frozen=True)
class ModelData:
    """Where a model's files lie in S3."""

    uri: str
    packed: bool
    """Whether that is a tar archive."""
    by_prefix: bool
    """Whether those are all objects below the URI, and not one object."""

    def is_readable(self, storage: Storage) -> bool:
        """Whether there is something that the role may read."""
        try:
            return bool(storage.found(self.uri)) if self.by_prefix else storage.exists(self.uri)
        except TransferError:
            return False

    def fetch(self, storage: Storage, folder: Path) -> None:
        """Put the model's files into a folder; raises TransferError."""
        if self.packed:
            archive = folder.parent / "model.tar.gz"
            storage.download(self.uri, archive)
            unpack(archive, folder)
            archive.unlink()
        else:
            objects = storage.listed(self.uri) if self.by_prefix else [(self.uri, self.uri.rpartition("/")[2])]
            storage.download_all(objects, folder)


def create_model(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateModel; the model's data must be there and its role able to read it, as on AWS."""
    name = request["ModelName"]
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if len(containers) != 1:
        raise unsupported("models without a container or with several (inference pipelines)")
    if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        raise unsupported("models whose InferenceExecutionConfig has the Mode Direct")
    role = request.get("ExecutionRoleArn")
    if not role:
        raise invalid("ExecutionRoleArn is required.")
    take_on(role)
    _check_container(containers[0])
    container = resolved(sagemaker, containers[0])
    _check_container(container)
    data = data_of(container)
    if not data.is_readable(Storage(sagemaker.endpoint_url, role)):
        raise invalid(f"Could not find model data at {data.uri}, or the role {role} may not read it (s3:GetObject).")
    record = sagemaker.models.add(name, {"EnableNetworkIsolation": False, **request})
    return {"ModelArn": record["ModelArn"]}


def _check_container(container: Record) -> None:
    if container.get("Mode") == "MultiModel":
        raise unsupported("models of the Mode MultiModel")
    for feature in NOT_SUPPORTED:
        if container.get(feature):
            raise unsupported(f"{feature} of a model's container")
    for feature in DATA_NOT_SUPPORTED:
        if feature in container.get("ModelDataSource", {}).get("S3DataSource", {}):
            raise unsupported(f"{feature} of a ModelDataSource")


def resolved(sagemaker: "SageMaker", container: Record) -> Record:
    """A container as it runs: the one of its model package, which must be approved, with its own environment."""
    if "ModelPackageName" not in container:
        return container
    package = sagemaker.packages.get(container["ModelPackageName"])
    if package.get("ModelApprovalStatus", "Approved") != "Approved":
        raise invalid(f"Model package {package['ModelPackageArn']} is not approved for deployment.")
    packaged: Record = package["InferenceSpecification"]["Containers"][0]
    return {**packaged, "Environment": {**packaged.get("Environment", {}), **container.get("Environment", {})}}


def data_of(container: Record) -> ModelData:
    """Where the model of a resolved container lies."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri", "")
    if not uri:
        raise invalid("The container names no model data: give ModelDataUrl, ModelDataSource or ModelPackageName.")
    packed, by_prefix = source.get("CompressionType") != "None", source.get("S3DataType") == "S3Prefix"
    if packed and by_prefix:
        raise unsupported("model data of the S3DataType S3Prefix with a CompressionType other than None")
    if by_prefix and not uri.endswith("/"):
        raise invalid(f"The S3Uri of model data of the S3DataType S3Prefix must end with a slash; it is {uri}.")
    return ModelData(uri, packed, by_prefix)


def container_of(model: Record) -> Record:
    """The one container of a model."""
    container: Record = model.get("PrimaryContainer") or model["Containers"][0]
    return container
