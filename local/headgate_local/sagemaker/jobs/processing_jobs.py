"""Processing jobs: a container between inputs that are downloaded and outputs that are uploaded at its end."""

import logging
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headgate_local.sagemaker.clients import Storage, TransferError, take_on
from headgate_local.sagemaker.errors import invalid, unsupported
from headgate_local.sagemaker.jobs import container
from headgate_local.sagemaker.jobs.runner import Container, Job, Outcome
from headgate_local.sagemaker.jobs.script import Script
from headgate_local.sagemaker.jobs.training_jobs import JobFailed
from headgate_local.sagemaker.resources import Kind, Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

KIND = Kind(
    noun="processing-job",
    name="ProcessingJobName",
    arn="ProcessingJobArn",
    status="ProcessingJobStatus",
    missing="Could not find requested job with name: {name}",
    exists_code="ResourceInUse",
    exists="Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
)
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
LONGEST_MESSAGE = 1024
ROOM = "/opt/ml/processing"
"""Where inputs and outputs must lie, so that they can be moved below the job's private root."""


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateProcessingJob."""
    _check(request)
    name = request["ProcessingJobName"]
    record = sagemaker.processing_jobs.add(
        name,
        {
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
            **request,
            "ProcessingJobStatus": "InProgress",
        },
    )
    sagemaker.events.processing_job(record)
    sagemaker.jobs.submit(record["ProcessingJobArn"], lambda job: _run(sagemaker, name, job))
    return {"ProcessingJobArn": record["ProcessingJobArn"]}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopProcessingJob."""

    def running(record: Record) -> None:
        status = record["ProcessingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            raise invalid(f"The request was rejected because the processing job is in status {status}.")

    name = request["ProcessingJobName"]
    record = sagemaker.processing_jobs.change(name, running, ProcessingJobStatus="Stopping")
    sagemaker.events.processing_job(record)
    sagemaker.jobs.stop(record["ProcessingJobArn"])
    return {}


def _check(request: Record) -> None:
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        raise unsupported("processing images with an entry point of their own: give ContainerEntrypoint")
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise unsupported("processing on more than one instance")
    for given in request.get("ProcessingInputs", []):
        s3 = given.get("S3Input")
        if not s3 or not _in_room(s3):
            raise unsupported(f"processing inputs other than S3Input with a LocalPath below {ROOM}")
        if s3.get("S3InputMode", "File") != "File" or s3.get("S3CompressionType", "None") != "None":
            raise unsupported("processing inputs in Pipe mode or with S3CompressionType Gzip")
    for wanted in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        s3 = wanted.get("S3Output")
        if not s3 or not _in_room(s3) or s3["S3UploadMode"] != "EndOfJob":
            raise unsupported(f"processing outputs other than S3Output below {ROOM}, uploaded EndOfJob")
    take_on(request["RoleArn"])


def _in_room(s3: Record) -> bool:
    path: str = s3.get("LocalPath", "")
    return path.startswith(f"{ROOM}/") and ".." not in path.split("/")


def _run(sagemaker: "SageMaker", name: str, job: Job) -> None:
    record = sagemaker.processing_jobs.get(name)
    try:
        with sagemaker.jobs.private_root() as root:
            members = _process(sagemaker, record, job, root)
    except JobFailed as failure:
        members = {"ProcessingJobStatus": "Failed", "FailureReason": str(failure)[:LONGEST_MESSAGE]}
    except Exception:
        logger.exception("Processing job %s failed for a reason of the local cloud's", name)
        reason = "InternalServerError: We encountered an internal error. Please try again."
        members = {"ProcessingJobStatus": "Failed", "FailureReason": reason}
    sagemaker.events.processing_job(sagemaker.processing_jobs.change(name, ProcessingEndTime=time.time(), **members))


def _process(sagemaker: "SageMaker", record: Record, job: Job, root: Path) -> Record:
    """Do the whole job; answers the members that say how it ended, or raises JobFailed."""
    if job.stopped.is_set():
        return {"ProcessingJobStatus": "Stopped"}
    for path in (ROOM, "/opt/ml/output", *(output["LocalPath"] for output in _outputs(record))):
        Path(container.moved(path, root)).mkdir(parents=True, exist_ok=True)
    storage = Storage(sagemaker.endpoint_url, record["RoleArn"])
    _download(storage, record, root)
    application = record["AppSpecification"]
    command = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]
    given = record.get("Environment", {})
    environment = container.base_environment(root, record["RoleArn"], sagemaker.endpoint_url, given)
    script = Script(tuple(container.moved(part, root) for part in command), environment, str(root))
    stream = f"{record['ProcessingJobName']}/{container.HOST}-{int(time.time())}"
    limit = record["StoppingCondition"]["MaxRuntimeInSeconds"]
    sagemaker.processing_jobs.change(record["ProcessingJobName"], ProcessingStartTime=time.time())
    outcome = sagemaker.jobs.execute(Container(script, limit, record["RoleArn"], LOG_GROUP, stream), job)
    _upload(storage, record, root)
    return _ending(outcome) | _message(root)


def _ending(outcome: Outcome) -> Record:
    if outcome.cause == "stopped":
        return {"ProcessingJobStatus": "Stopped"}
    if outcome.cause == "max-runtime":
        reason = "ClientError: Job runtime exceeded MaxRuntimeInSeconds provided"
        return {"ProcessingJobStatus": "Failed", "FailureReason": reason}
    if outcome.exit_code < 0:
        number = -outcome.exit_code
        killed = f"The process was killed by signal {number} ({signal.Signals(number).name})"
        reason = f"AlgorithmError: {killed}, exit code: {128 + number}"
        return {"ProcessingJobStatus": "Failed", "FailureReason": reason}
    if outcome.exit_code:
        reason = f"AlgorithmError: See job logs for more information, exit code: {outcome.exit_code}"
        return {"ProcessingJobStatus": "Failed", "FailureReason": reason}
    return {"ProcessingJobStatus": "Completed"}


def _message(root: Path) -> Record:
    """What the program left in /opt/ml/output/message."""
    path = root / "opt" / "ml" / "output" / "message"
    return {"ExitMessage": path.read_text(errors="replace")[:LONGEST_MESSAGE]} if path.is_file() else {}


def _download(storage: Storage, record: Record, root: Path) -> None:
    try:
        for given in record.get("ProcessingInputs", []):
            s3 = given["S3Input"]
            folder = Path(container.moved(s3["LocalPath"], root))
            if s3["S3DataType"] == "ManifestFile":
                storage.download_manifest(s3["S3Uri"], folder)
            else:
                storage.download_prefix(s3["S3Uri"], folder)
    except TransferError as error:
        raise JobFailed(f"ClientError: Data download failed:{error}") from error


def _upload(storage: Storage, record: Record, root: Path) -> None:
    kms_key = record.get("ProcessingOutputConfig", {}).get("KmsKeyId") or None
    try:
        for output in _outputs(record):
            storage.upload(Path(container.moved(output["LocalPath"], root)), output["S3Uri"], kms_key)
    except TransferError as error:
        raise JobFailed(f"ClientError: Failed to upload the processing outputs:{error}") from error


def _outputs(record: Record) -> list[Record]:
    return [output["S3Output"] for output in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]
