"""Models and endpoint configurations: what an endpoint is made of."""

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
CONFIG = Kind(
    noun="endpoint-config",
    name="EndpointConfigName",
    arn="EndpointConfigArn",
    missing='Could not find endpoint configuration "{arn}".',
    exists='Cannot create already existing endpoint configuration "{arn}".',
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


def create_config(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateEndpointConfig."""
    for feature in ("ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig"):
        if request.get(feature):
            raise unsupported(feature)
    if request.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise unsupported("DataCaptureConfig")
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise invalid("Production variant names must be unique within an endpoint configuration.")
    variants = []
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise unsupported("variants without a model (inference components)")
        sagemaker.models.get(variant["ModelName"])
        if "InitialInstanceCount" not in variant and "ServerlessConfig" not in variant:
            raise invalid(f"Variant {variant['VariantName']} needs InitialInstanceCount or ServerlessConfig.")
        variants.append({"InitialVariantWeight": 1.0, **variant})
    name = request["EndpointConfigName"]
    record = sagemaker.configs.add(name, {**request, "ProductionVariants": variants})
    return {"EndpointConfigArn": record["EndpointConfigArn"]}
