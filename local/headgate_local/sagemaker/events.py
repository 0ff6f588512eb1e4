"""SageMaker's events on the default bus of EventBridge, in the shapes that AWS documents."""

import contextvars
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge

from headgate_local.api.records import Record

logger = logging.getLogger("headgate.sagemaker")
TRAINING = (
    "TrainingJobName",
    "TrainingJobArn",
    "TrainingJobStatus",
    "SecondaryStatus",
    "FailureReason",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "ModelArtifacts",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "SecondaryStatusTransitions",
    "Tags",
)
PROCESSING = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingJobName",
    "ProcessingJobArn",
    "ProcessingJobStatus",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExitMessage",
    "FailureReason",
    "ProcessingStartTime",
    "ProcessingEndTime",
    "CreationTime",
    "LastModifiedTime",
    "Tags",
)
TUNING = (
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "TrainingJobDefinition",
    "TrainingJobDefinitions",
    "HyperParameterTuningJobStatus",
    "CreationTime",
    "LastModifiedTime",
    "TrainingJobStatusCounters",
    "ObjectiveStatusCounters",
    "Tags",
)
TRANSFORM = (
    "TransformJobName",
    "TransformJobArn",
    "TransformJobStatus",
    "FailureReason",
    "ModelName",
    "MaxConcurrentTransforms",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "CreationTime",
    "TransformStartTime",
    "TransformEndTime",
    "Tags",
)
MODEL = ("ModelName", "ModelArn", "PrimaryContainer", "ExecutionRoleArn", "CreationTime", "Tags")
CONFIG = ("EndpointConfigName", "EndpointConfigArn", "ProductionVariants", "CreationTime", "Tags")
ENDPOINT = (
    "EndpointName",
    "EndpointArn",
    "EndpointConfigName",
    "ProductionVariants",
    "EndpointStatus",
    "FailureReason",
    "CreationTime",
    "LastModifiedTime",
    "Tags",
)
PACKAGE = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "MetadataProperties",
    "ModelMetrics",
    "CustomerMetadataProperties",
    "LastModifiedTime",
)


class Events:
    """Sends events one after the other from a thread of its own: a target may take its time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sagemaker-events")

    def close(self) -> None:
        """End the thread; what waits has nobody to hear it any more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def training_job(self, job: Record) -> None:
        """Times are milliseconds as text."""
        detail = _times({"VpcConfig": {}} | job, lambda seconds: str(int(seconds * 1000)))
        transitions = [_times(step, _milliseconds) for step in job["SecondaryStatusTransitions"]]
        detail["SecondaryStatusTransitions"] = transitions
        self._send("Training Job", job["TrainingJobArn"], detail, TRAINING)

    def processing_job(self, job: Record) -> None:
        """Times are milliseconds."""
        self._send("Processing Job", job["ProcessingJobArn"], _times(job, _milliseconds), PROCESSING)

    def tuning_job(self, job: Record) -> None:
        """Times are milliseconds as text."""
        detail = _times(job, lambda seconds: str(int(seconds * 1000)))
        self._send("HyperParameter Tuning Job", job["HyperParameterTuningJobArn"], detail, TUNING)

    def transform_job(self, job: Record) -> None:
        """Times are ISO 8601."""
        self._send("Transform Job", job["TransformJobArn"], _times(job, _iso), TRANSFORM)

    def model(self, model: Record) -> None:
        """A model was made or deleted; which of them, the event does not say."""
        self._send("Model", model["ModelArn"], _times(model, _float_milliseconds), MODEL)

    def endpoint_config(self, config: Record) -> None:
        """An endpoint configuration was made or deleted; which of them, the event does not say."""
        self._send("Endpoint Config", config["EndpointConfigArn"], _times(config, _float_milliseconds), CONFIG)

    def endpoint(self, endpoint: Record) -> None:
        """The status is ``IN_SERVICE`` where the API says ``InService``, and numbers are floats."""
        detail = _times(endpoint, _float_milliseconds)
        detail["EndpointStatus"] = _upper(endpoint["EndpointStatus"])
        detail["ProductionVariants"] = [_variant(variant) for variant in endpoint.get("ProductionVariants", [])]
        self._send("Endpoint", endpoint["EndpointArn"], detail, ENDPOINT)

    def endpoint_deployment(self, endpoint: Record) -> None:
        """What a deployment does just now: the status in upper case, times in milliseconds."""
        detail: Record = _times_within(endpoint)
        detail["EndpointStatus"] = _upper(endpoint["EndpointStatus"])
        detail["ProductionVariants"] = [_deployed(variant) for variant in detail.get("ProductionVariants", [])]
        if pending := detail.get("PendingDeploymentSummary"):
            variants = [_deployed(variant) for variant in pending["ProductionVariants"]]
            detail["PendingDeploymentSummary"] = {**pending, "ProductionVariants": variants}
        self._send("Endpoint Deployment", endpoint["EndpointArn"], detail, (*ENDPOINT, "PendingDeploymentSummary"))

    def model_package(self, package: Record) -> None:
        """Times are ISO 8601."""
        self._send("Model Package", package["ModelPackageArn"], _times(package, _iso), PACKAGE)

    def _send(self, what: str, arn: str, detail: Record, members: tuple[str, ...]) -> None:
        detail["Tags"] = {tag["Key"]: tag["Value"] for tag in detail.get("Tags", [])}
        chosen = {name: detail[name] for name in members if detail.get(name) is not None}
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": f"SageMaker {what} State Change",
            "Detail": json.dumps(chosen),
            "Resources": [arn],
        }
        self._thread.submit(contextvars.copy_context().run, _put, entry)


def _put(entry: Record) -> None:
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # or nobody would hear that it is lost
        logger.exception("The event %s of %s could not be sent", entry["DetailType"], entry["Resources"])


def _times(record: Record, form: Any) -> Record:
    return {
        name: form(value) if name.endswith("Time") and isinstance(value, float) else value
        for name, value in record.items()
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _float_milliseconds(seconds: float) -> float:
    return float(int(seconds * 1000))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _variant(variant: Record) -> Record:
    counts = {
        name: float(value)
        for name, value in variant.items()
        if name in ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
    }
    return {"VariantName": variant["VariantName"], **counts}


DEPLOYED = ("VariantName", "CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")


def _deployed(variant: Record) -> Record:
    return {name: variant[name] for name in (*DEPLOYED, "VariantStatus") if name in variant}


def _times_within(value: Any) -> Any:
    if isinstance(value, dict):
        within = {name: _times_within(item) for name, item in value.items()}
        return _times(within, _milliseconds)
    return [_times_within(item) for item in value] if isinstance(value, list) else value


def _upper(status: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()
