"""Models: what the variants of an endpoint serve."""

from typing import TYPE_CHECKING

from headgate_local.sagemaker.clients import Storage, take_on
from headgate_local.sagemaker.errors import invalid, unsupported
from headgate_local.sagemaker.resources import Kind, Record

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


def create_model(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateModel; the model's data must be there and its role able to read it, as on AWS."""
    name = request["ModelName"]
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if len(containers) != 1:
        raise unsupported("models without a container or with several (inference pipelines)")
    role = request.get("ExecutionRoleArn")
    if not role:
        raise invalid("ExecutionRoleArn is required.")
    take_on(role)
    uri = data_url(sagemaker, containers[0])
    if not Storage(sagemaker.endpoint_url, role).exists(uri):
        raise invalid(f"Could not find model data at {uri}, or the role {role} may not read it (s3:GetObject).")
    record = sagemaker.models.add(name, {"EnableNetworkIsolation": False, **request})
    return {"ModelArn": record["ModelArn"]}


def data_url(sagemaker: "SageMaker", container: Record) -> str:
    """Where a container's model archive lies; follows a model package, which must be approved."""
    if "ModelPackageName" in container:
        package = sagemaker.packages.get(container["ModelPackageName"])
        if package.get("ModelApprovalStatus", "Approved") != "Approved":
            raise invalid(f"Model package {package['ModelPackageArn']} is not approved for deployment.")
        container = package["InferenceSpecification"]["Containers"][0]
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    if source.get("CompressionType") == "None":
        raise unsupported("uncompressed model data")
    uri: str = container.get("ModelDataUrl") or source.get("S3Uri", "")
    if not uri:
        raise invalid("The container names no model data: give ModelDataUrl, ModelDataSource or ModelPackageName.")
    return uri


def container_of(model: Record) -> Record:
    """The one container of a model."""
    container: Record = model.get("PrimaryContainer") or model["Containers"][0]
    return container
