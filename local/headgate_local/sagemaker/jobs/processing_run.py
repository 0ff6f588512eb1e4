"""One processing job from its place to its end."""

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError
from headgate_local.sagemaker.jobs import container, failures
from headgate_local.sagemaker.jobs.channels import deliver
from headgate_local.sagemaker.jobs.failures import JobFailed
from headgate_local.sagemaker.jobs.mirror import Mirror
from headgate_local.sagemaker.jobs.runner import Cluster, Host, Job, Outcome, limits
from headgate_local.sagemaker.jobs.script import Script
from headgate_local.sagemaker.jobs.usage import UsageMetrics
from headgate_local.sagemaker.resources import LONGEST_REASON

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

LOG_GROUP = NAMESPACE = "/aws/sagemaker/ProcessingJobs"
ROOM = "/opt/ml/processing"
"""Where inputs and outputs must lie, so that they can be moved below a host's private root."""


def run(sagemaker: "SageMaker", name: str, job: Job) -> None:
    """Do the whole job, and see to its record."""
    record = sagemaker.processing_jobs.get(name)
    try:
        members = _attempt(sagemaker, record, job)
    except JobFailed as failure:
        members = _failed(str(failure))
    except Exception:
        logger.exception("Processing job %s failed for a reason of the local cloud's", name)
        members = _failed(failures.INTERNAL)
    sagemaker.events.processing_job(sagemaker.processing_jobs.change(name, ProcessingEndTime=time.time(), **members))


def _attempt(sagemaker: "SageMaker", record: Record, job: Job) -> Record:
    """Do the whole job; answers the members that say how it ended, or raises JobFailed."""
    if sagemaker.faults.take("aws:sagemaker:exhaust-capacity", record["ProcessingJobName"]):
        raise JobFailed(failures.NO_CAPACITY)
    with sagemaker.jobs.place(job) as got:
        if not got:
            return {"ProcessingJobStatus": "Stopped"}
        failures.check_volume_key(_resources(record).get("VolumeKmsKeyId"))
        with sagemaker.jobs.private_root() as root:
            return _process(sagemaker, record, job, root)


def _process(sagemaker: "SageMaker", record: Record, job: Job, root: Path) -> Record:
    name, every = record["ProcessingJobName"], container.Hosts.of(_resources(record)["InstanceCount"])
    roots = [root / hosts.current for hosts in every]
    for path in (ROOM, "/opt/ml/output", "/opt/ml/config", *(output["LocalPath"] for output in _outputs(record))):
        for folder in roots:
            Path(container.moved(path, folder)).mkdir(parents=True, exist_ok=True)
    storage = Storage(sagemaker.endpoint_url, record["RoleArn"])
    _download(storage, record, roots)
    began = int(time.time())
    hosts = [
        Host(hosts.current, _script(sagemaker, record, folder, hosts), f"{name}/{hosts.current}-{began}")
        for folder, hosts in zip(roots, every, strict=True)
    ]
    look = UsageMetrics(sagemaker, NAMESPACE, name)
    sagemaker.processing_jobs.change(name, ProcessingStartTime=time.time())
    with _mirrored(storage, record, roots):
        watch = limits(job, record["StoppingCondition"]["MaxRuntimeInSeconds"])
        outcome = sagemaker.jobs.execute(Cluster(hosts, record["RoleArn"], LOG_GROUP, look=look), watch)
    _upload(storage, record, roots)
    return _ending(outcome) | _message(root / outcome.host.name)


def _script(sagemaker: "SageMaker", record: Record, root: Path, hosts: container.Hosts) -> Script:
    """What a host runs; writes what AWS documents to find below /opt/ml/config."""
    config = Path(container.moved("/opt/ml/config", root))
    resources = {"current_host": hosts.current, "hosts": list(hosts.names)}
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    (config / "processingjobconfig.json").write_text(json.dumps(record))
    application = record["AppSpecification"]
    command = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]
    given = record.get("Environment", {})
    environment = container.base_environment(root, record["RoleArn"], sagemaker.endpoint_url, given)
    return Script(tuple(container.moved(part, root) for part in command), environment, str(root))


def _ending(outcome: Outcome) -> Record:
    if outcome.cause == "stopped":
        return {"ProcessingJobStatus": "Stopped"}
    if outcome.cause == "max-runtime":
        return _failed("ClientError: Job runtime exceeded MaxRuntimeInSeconds provided")
    if outcome.exit_code < 0:
        return _failed(failures.of_signal("process", -outcome.exit_code))
    if outcome.exit_code:
        return _failed(f"AlgorithmError: See job logs for more information, exit code: {outcome.exit_code}")
    return {"ProcessingJobStatus": "Completed"}


def _failed(reason: str) -> Record:
    return {"ProcessingJobStatus": "Failed", "FailureReason": reason[:LONGEST_REASON]}


def _message(root: Path) -> Record:
    """What the program left in /opt/ml/output/message."""
    path = root / "opt" / "ml" / "output" / "message"
    return {"ExitMessage": path.read_text(errors="replace")[:LONGEST_REASON]} if path.is_file() else {}


def _download(storage: Storage, record: Record, roots: list[Path]) -> None:
    try:
        for given in record.get("ProcessingInputs", []):
            s3 = given["S3Input"]
            deliver(storage, s3, [Path(container.moved(s3["LocalPath"], root)) for root in roots])
    except TransferError as error:
        raise failures.of_transfer("Data download failed", error) from error


@contextlib.contextmanager
def _mirrored(storage: Storage, record: Record, roots: list[Path]) -> Iterator[None]:
    """While this lasts, outputs that are to be uploaded continuously are."""
    wanted = [output for output in _outputs(record) if output["S3UploadMode"] == "Continuous"]
    mirrors = [
        Mirror(storage, Path(container.moved(output["LocalPath"], root)), output["S3Uri"], _output_key(record))
        for output in wanted
        for root in roots
    ]
    try:
        yield
    finally:
        for mirror in mirrors:
            mirror.abandon()


def _upload(storage: Storage, record: Record, roots: list[Path]) -> None:
    """Upload the outputs of all hosts; of two files of one name that of the earlier host stays."""
    key = _output_key(record)
    failures.check_key(key, "Failed to upload the processing outputs:")
    try:
        for output in _outputs(record):
            for root in reversed(roots):
                storage.upload(Path(container.moved(output["LocalPath"], root)), output["S3Uri"], key)
    except TransferError as error:
        raise failures.of_transfer("Failed to upload the processing outputs", error) from error


def _output_key(record: Record) -> str | None:
    return record.get("ProcessingOutputConfig", {}).get("KmsKeyId") or None


def _outputs(record: Record) -> list[Record]:
    return [output["S3Output"] for output in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _resources(record: Record) -> dict[str, Any]:
    resources: dict[str, Any] = record["ProcessingResources"]["ClusterConfig"]
    return resources
