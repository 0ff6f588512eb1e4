"""SageMaker's events on the default bus of EventBridge, in the shapes that AWS documents."""

import contextvars
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge

from headgate_local.sagemaker.resources import Record

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

    def endpoint(self, endpoint: Record) -> None:
        """The status is ``IN_SERVICE`` where the API says ``InService``, and numbers are floats."""
        detail = _times(endpoint, lambda seconds: float(int(seconds * 1000)))
        detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint["EndpointStatus"]).upper()
        detail["ProductionVariants"] = [_variant(variant) for variant in endpoint.get("ProductionVariants", [])]
        self._send("Endpoint", endpoint["EndpointArn"], detail, ENDPOINT)

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
        put = contextvars.copy_context().run
        self._thread.submit(put, eventbridge._put_events, {"Entries": [entry]}, allow_aws_source=True)


def _times(record: Record, form: Any) -> Record:
    return {
        name: form(value) if name.endswith("Time") and isinstance(value, float) else value
        for name, value in record.items()
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _variant(variant: Record) -> Record:
    counts = {
        name: float(value)
        for name, value in variant.items()
        if name in ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
    }
    return {"VariantName": variant["VariantName"], **counts}
