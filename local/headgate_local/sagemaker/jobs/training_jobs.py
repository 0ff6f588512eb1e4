"""Training jobs, in the script mode of SageMaker's framework images."""

import logging
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate_local.sagemaker.clients import Storage, TransferError, pack, take_on, unpack
from headgate_local.sagemaker.errors import invalid, unsupported
from headgate_local.sagemaker.jobs import container
from headgate_local.sagemaker.jobs.runner import Container, Job, Outcome
from headgate_local.sagemaker.jobs.script import Script
from headgate_local.sagemaker.resources import Kind, Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

KIND = Kind(
    noun="training-job",
    name="TrainingJobName",
    arn="TrainingJobArn",
    status="TrainingJobStatus",
    missing="Requested resource not found.",
    exists_code="ResourceInUse",
    exists="Training job names must be unique within an AWS account and region, and a training job with this name "
    "already exists ({arn})",
)
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LONGEST_REASON = 1024
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading the training code and input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}


class JobFailed(Exception):
    """Raised when a job cannot go on; the message is its FailureReason."""


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateTrainingJob."""
    _check(request)
    name = request["TrainingJobName"]
    prefix = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    record = sagemaker.training_jobs.add(
        name,
        {
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
            **request,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [],
            "ModelArtifacts": {"S3ModelArtifacts": f"{prefix}/{name}/output/model.tar.gz"},
        },
    )
    _move(sagemaker, name, "InProgress", "Starting")
    sagemaker.jobs.submit(record["TrainingJobArn"], lambda job: _run(sagemaker, name, job))
    return {"TrainingJobArn": record["TrainingJobArn"]}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopTrainingJob."""
    name = request["TrainingJobName"]

    def running(record: Record) -> None:
        status = record["TrainingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            raise invalid(f"The request was rejected because the training job is in status {status}.")

    record = sagemaker.training_jobs.change(name, running)
    if record["TrainingJobStatus"] == "InProgress":
        _move(sagemaker, name, "Stopping", "Stopping")
    sagemaker.jobs.stop(record["TrainingJobArn"])
    return {}


def _check(request: Record) -> None:
    """Refuse what would otherwise be ignored, and a role that could not be taken on."""
    hyperparameters = request.get("HyperParameters", {})
    if not {"sagemaker_program", "sagemaker_submit_directory"} <= hyperparameters.keys():
        raise unsupported(
            "training images without script mode: give the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory"
        )
    if "ResourceConfig" not in request or "AlgorithmSpecification" not in request:
        raise invalid("AlgorithmSpecification and ResourceConfig are required.")
    if request["ResourceConfig"].get("InstanceCount", 1) != 1 or "InstanceGroups" in request["ResourceConfig"]:
        raise unsupported("training on more than one instance")
    if "CheckpointConfig" in request:
        raise unsupported("CheckpointConfig")
    if request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
        raise unsupported("OutputDataConfig.CompressionType NONE")
    for channel in request.get("InputDataConfig", []):
        container.source(channel)
    take_on(request["RoleArn"])


def _run(sagemaker: "SageMaker", name: str, job: Job) -> None:
    record = sagemaker.training_jobs.get(name)
    try:
        with sagemaker.jobs.private_root() as root:
            status, secondary = _train(sagemaker, record, job, root)
        _finish(sagemaker, name, status, secondary)
    except JobFailed as failure:
        _finish(sagemaker, name, "Failed", "Failed", str(failure)[:LONGEST_REASON])
    except Exception:
        logger.exception("Training job %s failed for a reason of the local cloud's", name)
        reason = "InternalServerError: We encountered an internal error. Please try again."
        _finish(sagemaker, name, "Failed", "Failed", reason)


def _train(sagemaker: "SageMaker", record: Record, job: Job, root: Path) -> tuple[str, str]:
    """Do the whole job; answers its status and secondary status, or raises JobFailed."""
    name = record["TrainingJobName"]
    if job.stopped.is_set():
        return "Stopped", "Stopped"
    files = container.TrainingFiles(root)
    storage = Storage(sagemaker.endpoint_url, record["RoleArn"])
    _move(sagemaker, name, "InProgress", "Downloading")
    _download(storage, record, files)
    script = _script(sagemaker, record, files, root)
    limit = record["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
    stream = f"{name}/{container.HOST}-{int(time.time())}"
    sagemaker.training_jobs.change(name, TrainingStartTime=time.time())
    _move(sagemaker, name, "InProgress", "Training")
    outcome = sagemaker.jobs.execute(Container(script, limit, record["RoleArn"], LOG_GROUP, stream), job)
    if outcome.cause == "itself" and outcome.exit_code != 0:
        raise JobFailed(_failure(outcome, files, script))
    _move(sagemaker, name, "InProgress", "Uploading")
    _upload(storage, record, files)
    endings = {"itself": ("Completed", "Completed"), "stopped": ("Stopped", "Stopped")}
    return endings.get(outcome.cause, ("Stopped", "MaxRuntimeExceeded"))


def _download(storage: Storage, record: Record, files: container.TrainingFiles) -> None:
    try:
        submitted = container.decoded_hyperparameters(record["HyperParameters"])["sagemaker_submit_directory"]
        archive = files.ml / "sourcedir.tar.gz"
        storage.download(submitted, archive)
        unpack(archive, files.code)
        archive.unlink()
        for channel in record.get("InputDataConfig", []):
            source, folder = container.source(channel), files.data / channel["ChannelName"]
            folder.mkdir()
            if source["S3DataType"] == "ManifestFile":
                storage.download_manifest(source["S3Uri"], folder)
            else:
                storage.download_prefix(source["S3Uri"], folder)
    except TransferError as error:
        raise JobFailed(f"ClientError: Data download failed:{error}") from error


def _script(sagemaker: "SageMaker", record: Record, files: container.TrainingFiles, root: Path) -> Script:
    hyperparameters = container.decoded_hyperparameters(record["HyperParameters"])
    config = files.write_config(record)
    given = record.get("Environment", {})
    environment = container.base_environment(root, record["RoleArn"], sagemaker.endpoint_url, given)
    environment |= files.environment(record, config, record["TrainingJobArn"])
    arguments = container.program_arguments(hyperparameters, root)
    program = hyperparameters["sagemaker_program"]
    if not (files.code / program).is_file():
        raise JobFailed(f"AlgorithmError: The submitted archive does not hold {program}, exit code: 1")
    return Script(("python3", program, *arguments), environment, str(files.code))


def _failure(outcome: Outcome, files: container.TrainingFiles, script: Script) -> str:
    """A FailureReason as AWS makes it: from /opt/ml/output/failure, else from the end of the log."""
    if outcome.exit_code < 0:
        number = -outcome.exit_code
        reason = f"The training process was killed by signal {number} ({signal.Signals(number).name})"
        return f"AlgorithmError: {reason}, exit code: {128 + number}"
    written = files.output / "failure"
    if written.is_file():
        reason = written.read_text(errors="replace")[: LONGEST_REASON - 50]
    else:
        lines = list(outcome.tail)
        starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call")]
        trace = "\n".join(lines[starts[-1] + 1 :] if starts else lines[-5:]).replace('"', "'")[-600:]
        command = " ".join(script.command)[:200]
        reason = f'ExecuteUserScriptError:\nExitCode {outcome.exit_code}\nErrorMessage "{trace}"\nCommand "{command}"'
    return f"AlgorithmError: {reason}, exit code: {outcome.exit_code}"


def _upload(storage: Storage, record: Record, files: container.TrainingFiles) -> None:
    target = record["ModelArtifacts"]["S3ModelArtifacts"].removesuffix("model.tar.gz")
    kms_key = record["OutputDataConfig"].get("KmsKeyId") or None
    try:
        for folder, archive in ((files.model, "model.tar.gz"), (files.output_data, "output.tar.gz")):
            if any(folder.iterdir()):
                pack(folder, files.ml / archive)
                storage.upload(files.ml / archive, target + archive, kms_key)
    except TransferError as error:
        raise JobFailed(f"ClientError: Artifact upload failed:{error}") from error


def _move(sagemaker: "SageMaker", name: str, status: str, secondary: str, **members: Any) -> None:
    """Enter the next secondary status; a job that is being stopped keeps saying so until its end."""
    record = sagemaker.training_jobs.get(name)
    if record["TrainingJobStatus"] == "Stopping" and status == "InProgress":
        return
    now = time.time()
    transitions = [dict(step) for step in record["SecondaryStatusTransitions"]]
    if transitions:
        transitions[-1].setdefault("EndTime", now)
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]})
    if status in ("Completed", "Failed", "Stopped"):
        transitions[-1]["EndTime"] = now
    record = sagemaker.training_jobs.change(
        name,
        TrainingJobStatus=status,
        SecondaryStatus=secondary,
        SecondaryStatusTransitions=transitions,
        **members,
    )
    sagemaker.events.training_job(record)


def _finish(sagemaker: "SageMaker", name: str, status: str, secondary: str, reason: str | None = None) -> None:
    record, now = sagemaker.training_jobs.get(name), time.time()
    seconds = round(now - record["TrainingStartTime"]) if "TrainingStartTime" in record else 0
    _move(
        sagemaker,
        name,
        status,
        secondary,
        TrainingEndTime=now,
        TrainingTimeInSeconds=seconds,
        BillableTimeInSeconds=seconds,
        FailureReason=reason,
    )
