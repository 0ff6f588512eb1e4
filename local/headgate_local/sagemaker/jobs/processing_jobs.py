"""Processing jobs: containers between inputs that are downloaded and outputs that are uploaded."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import take_on
from headgate_local.sagemaker.jobs import processing_run, stopping
from headgate_local.sagemaker.jobs.processing_run import ROOM
from headgate_local.sagemaker.jobs.training_request import check_instances
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

KIND = Kind(
    noun="processing-job",
    name="ProcessingJobName",
    arn="ProcessingJobArn",
    status="ProcessingJobStatus",
    missing="Could not find requested job with name: {name}",
    exists_code="ResourceInUse",
    exists="Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
)


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateProcessingJob."""
    _check(request)
    name = request["ProcessingJobName"]
    record = sagemaker.processing_jobs.add(
        name,
        {
            **request,
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400, **request.get("StoppingCondition", {})},
            "ProcessingJobStatus": "InProgress",
        },
    )
    sagemaker.events.processing_job(record)
    sagemaker.pool.warm()  # while its data is fetched
    sagemaker.jobs.submit(sagemaker.processing_jobs, name, lambda job: processing_run.run(sagemaker, name, job))
    return {"ProcessingJobArn": record["ProcessingJobArn"]}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopProcessingJob."""
    jobs, tell = sagemaker.processing_jobs, sagemaker.events.processing_job
    record = stopping.stop(jobs, request["ProcessingJobName"], tell)
    sagemaker.jobs.stop(record["ProcessingJobArn"])
    return {}


def _check(request: Record) -> None:
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        raise unsupported("processing images with an entry point of their own: give ContainerEntrypoint")
    check_instances(request["ProcessingResources"]["ClusterConfig"], "processing")
    for given in request.get("ProcessingInputs", []):
        s3 = given.get("S3Input")
        if not s3 or given.get("AppManaged") or not _in_room(s3):
            raise unsupported(f"processing inputs other than S3Input with a LocalPath below {ROOM}")
        if s3.get("S3InputMode", "File") != "File" or s3.get("S3CompressionType", "None") != "None":
            raise unsupported("processing inputs in Pipe mode or with S3CompressionType Gzip")
    for wanted in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        s3 = wanted.get("S3Output")
        if not s3 or wanted.get("AppManaged") or not _in_room(s3):
            raise unsupported(f"processing outputs other than S3Output with a LocalPath below {ROOM}")
    take_on(request["RoleArn"])


def _in_room(s3: Record) -> bool:
    path: str = s3.get("LocalPath", "")
    return path.startswith(f"{ROOM}/") and ".." not in path.split("/")
