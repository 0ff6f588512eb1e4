"""Transform jobs: a model answers all rows of the objects under a prefix (batch inference)."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs import stopping, transform_run
from headgate_local.sagemaker.jobs.json_path import PathError
from headgate_local.sagemaker.jobs.training_request import check_instances
from headgate_local.sagemaker.jobs.transform_records import DEFAULT_PAYLOAD, Format
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

KIND = Kind(
    noun="transform-job",
    name="TransformJobName",
    arn="TransformJobArn",
    status="TransformJobStatus",
    missing="Could not find requested job with name: {name}",
    exists_code="ResourceInUse",
    exists="Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    newest_first=True,
)
LARGEST = 100
"""MaxPayloadInMB times MaxConcurrentTransforms, as on AWS."""


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateTransformJob."""
    _check(request)
    sagemaker.models.get(request["ModelName"])
    name = request["TransformJobName"]
    record = sagemaker.transform_jobs.add(name, {**request, "TransformJobStatus": "InProgress"})
    sagemaker.events.transform_job(record)
    sagemaker.jobs.submit(sagemaker.transform_jobs, name, lambda job: transform_run.run(sagemaker, name, job))
    return {"TransformJobArn": record["TransformJobArn"]}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopTransformJob."""
    record = stopping.stop(sagemaker.transform_jobs, request["TransformJobName"], sagemaker.events.transform_job)
    sagemaker.jobs.stop(record["TransformJobArn"])
    return {}


def _check(request: Record) -> None:
    for member in ("DataCaptureConfig", "Environment", "ModelClientConfig"):
        if request.get(member):
            raise unsupported(f"transform jobs with {member}")
    given = request["TransformInput"]
    if given.get("SplitType", "None") not in ("None", "Line"):
        raise unsupported(f"transform jobs with SplitType {given['SplitType']}")
    if given["DataSource"]["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise unsupported(f"transform jobs on S3DataType {given['DataSource']['S3DataSource']['S3DataType']}")
    payload, concurrent = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD), request.get("MaxConcurrentTransforms") or 1
    if payload > LARGEST or payload * concurrent > LARGEST:
        raise invalid(f"MaxPayloadInMB times MaxConcurrentTransforms must not be greater than {LARGEST}.")
    check_instances(request["TransformResources"], "transform")
    try:
        data = Format.of(request)
    except PathError as error:
        raise invalid(f"DataProcessing: {error}") from error
    kind = data.content_type.partition(";")[0].strip().lower()
    known = ("text/csv", "application/json", "application/jsonlines", "application/x-ndjson")
    if (data.processes or not data.input_filter.selects_all) and kind not in known:
        raise invalid(f"DataProcessing needs a ContentType of CSV or JSON: one of {', '.join(known)}.")
