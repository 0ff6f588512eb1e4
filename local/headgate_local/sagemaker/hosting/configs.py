"""Endpoint configurations: the variants of an endpoint, and how their requests are captured and measured."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.hosting.models import container_of
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

CONFIG = Kind(
    noun="endpoint-config",
    name="EndpointConfigName",
    arn="EndpointConfigArn",
    missing='Could not find endpoint configuration "{arn}".',
    exists='Cannot create already existing endpoint configuration "{arn}".',
    newest_first=True,
)
FREQUENCIES = (10, 30, 60, 120, 180, 240, 300)
NOT_SUPPORTED = ("AsyncInferenceConfig", "ExplainerConfig")
NO_SHADOWS = ("ml.inf1.",)
"""Instance types of endpoints that have no shadow variant (developer guide: shadow-tests-create)."""
VARIANTS_NOT_SUPPORTED = ("InstancePools", "CapacityReservationConfig", "AcceleratorType", "CoreDumpConfig")


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateEndpointConfig."""
    for feature in NOT_SUPPORTED:
        if request.get(feature):
            raise unsupported(feature)
    _check_metrics(request.get("MetricsConfig", {}))
    shadows = request.get("ShadowProductionVariants", [])
    if shadows and (len(shadows) > 1 or len(request["ProductionVariants"]) > 1):
        raise invalid("With a shadow variant there must be one production variant and one shadow variant.")
    every = [*request["ProductionVariants"], *shadows]
    if shadows and any(variant.get("InstanceType", "").startswith(NO_SHADOWS) for variant in every):
        raise invalid("Endpoints on Inf1 instances have no shadow variant.")
    names = [variant["VariantName"] for variant in every]
    if len(set(names)) < len(names):
        raise invalid("Production variant names must be unique within an endpoint configuration.")
    for variant in every:
        _check_variant(sagemaker, variant)
    serverless = [variant for variant in every if "ServerlessConfig" in variant]
    if serverless and len(every) > 1:
        raise invalid("Serverless endpoints have one variant, and no shadow variant.")
    capture = request.get("DataCaptureConfig")
    if serverless and capture and capture.get("EnableCapture", True):
        raise invalid("Serverless endpoints do not support data capture.")
    members = {
        member: [{"InitialVariantWeight": 1.0, **variant} for variant in variants]
        for member, variants in (
            ("ProductionVariants", request["ProductionVariants"]),
            ("ShadowProductionVariants", shadows),
        )
        if variants
    }
    record = sagemaker.configs.add(request["EndpointConfigName"], {**request, **members})
    return {"EndpointConfigArn": record["EndpointConfigArn"]}


def _check_metrics(wanted: Record) -> None:
    if wanted.get("EnableDetailedObservability"):
        raise unsupported("MetricsConfig.EnableDetailedObservability")
    frequency = wanted.get("MetricPublishFrequencyInSeconds", FREQUENCIES[0])
    if frequency not in FREQUENCIES:
        known = ", ".join(str(each) for each in FREQUENCIES)
        raise invalid(f"MetricPublishFrequencyInSeconds must be one of {known}, not {frequency}.")


def _check_variant(sagemaker: "SageMaker", variant: Record) -> None:
    name = variant["VariantName"]
    for feature in VARIANTS_NOT_SUPPORTED:
        if variant.get(feature):
            raise unsupported(f"{feature} of a variant")
    if variant.get("EnableSSMAccess"):
        raise unsupported("EnableSSMAccess of a variant")
    if variant.get("ManagedInstanceScaling", {}).get("Status") == "ENABLED":
        raise unsupported("ManagedInstanceScaling of a variant")
    if variant.get("RoutingConfig", {}).get("RoutingStrategy") == "PREFIX_AWARE":
        raise unsupported("the RoutingStrategy PREFIX_AWARE")
    if "ModelName" not in variant:
        raise unsupported("variants without a model (inference components)")
    model = sagemaker.models.get(variant["ModelName"])
    if "ServerlessConfig" not in variant:
        for member in ("InitialInstanceCount", "InstanceType"):
            if member not in variant:
                raise invalid(f"Variant {name} needs {member}, or a ServerlessConfig.")
        return
    for member in ("InitialInstanceCount", "InstanceType"):
        if member in variant:
            raise invalid(f"Variant {name} has a ServerlessConfig, so it must not have {member}.")
    if "ModelDataSource" in container_of(model):
        raise invalid(f"Variant {name} is serverless: its model must have a ModelDataUrl, not a ModelDataSource.")
    check_serverless(name, variant["ServerlessConfig"])


def check_serverless(variant: str, wanted: Record) -> None:
    """Raise AWS's refusal of a ServerlessConfig."""
    if wanted["MemorySizeInMB"] % 1024:
        raise invalid(
            f"MemorySizeInMB of variant {variant} must be a multiple of 1024, not {wanted['MemorySizeInMB']}."
        )
    if wanted.get("ProvisionedConcurrency", 0) > wanted["MaxConcurrency"]:
        raise invalid(f"ProvisionedConcurrency of variant {variant} must not be larger than its MaxConcurrency.")
