"""One training job from its place to its end: attempts, each on new hosts, until one is the last."""

import hashlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate_local.api.records import Record
from headgate_local.faults.book import Fault
from headgate_local.sagemaker.jobs import failures, warm_pools
from headgate_local.sagemaker.jobs.failures import InternalError, JobFailed
from headgate_local.sagemaker.jobs.runner import GRACE, Job
from headgate_local.sagemaker.jobs.training_hosts import TrainingHosts
from headgate_local.sagemaker.jobs.training_record import enter
from headgate_local.sagemaker.resources import LONGEST_REASON

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

RETRY = 1.0
"""Seconds until instances are looked for again: after an interruption, an internal error, or when there were none."""
ORDERED = "AlgorithmError: The job failed by order (aws:sagemaker:fail-training-job), exit code: 1"
ENDINGS = {
    "itself": ("Completed", "Completed"),
    "stopped": ("Stopped", "Stopped"),
    "max-runtime": ("Stopped", "MaxRuntimeExceeded"),
    "max-wait": ("Stopped", "MaxWaitTimeExceeded"),
}
"""Status and secondary status by the cause of a job's end."""


def run(sagemaker: "SageMaker", name: str, job: Job) -> None:
    """Do the whole job, and see to its record."""
    record = sagemaker.training_jobs.get(name)
    training = _Training(sagemaker, record, job)
    healthy, reason = True, None
    try:
        status, secondary = ENDINGS[training.to_its_end()]
    except JobFailed as failure:
        status, secondary, reason = "Failed", "Failed", str(failure)[:LONGEST_REASON]
    except InternalError:
        status, secondary, reason, healthy = "Failed", "Failed", failures.INTERNAL, False
    sagemaker.warm_pools.leave(sagemaker.training_jobs.get(name), healthy=healthy)
    training.finish(status, secondary, reason)
    sagemaker.jobs.readings.end(name)
    if "TuningJobArn" not in record:  # a tuning job forgets those of its jobs when it has learnt from them
        sagemaker.jobs.readings.forget(name)


class _Training:
    """A job on its way. ``billable`` is how long it had instances, in seconds."""

    def __init__(self, sagemaker: "SageMaker", record: Record, job: Job) -> None:
        self._sagemaker, self._record, self._job = sagemaker, record, job
        self._name = record["TrainingJobName"]
        self._spot = record["EnableManagedSpotTraining"]
        stopping = record["StoppingCondition"]
        self._runtime = float(stopping["MaxRuntimeInSeconds"])
        """Seconds of training that are left, over all attempts."""
        self._wait_ends = record["CreationTime"] + stopping.get("MaxWaitTimeInSeconds", float("inf"))
        self._pool: warm_pools.Pool | None = None
        self._training_since = float("inf")
        """By time.monotonic(), in the first attempt; what came before is not billed."""
        self._billable = 0.0
        self._grace = GRACE
        """Seconds that programs have when they are told to end."""

    def to_its_end(self) -> str:
        """Attempt after attempt; answers the cause of the end, or raises JobFailed or InternalError."""
        retries = self._record.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while True:
            try:
                cause = self._attempt()
            except InternalError:
                retries -= 1
                if retries < 0:
                    raise
                cause = self._wait()
            else:
                if cause == "interrupted":
                    self._enter("Interrupted")
                    cause = self._wait()
            if cause:
                return self._tell_ending(cause)
            self._enter("Starting")

    def finish(self, status: str, secondary: str, reason: str | None) -> None:
        """Write the end of the job into its record, with its times if it came to train."""
        record, now = self._sagemaker.training_jobs.get(self._name), time.time()
        trained = billed = None
        if began := record.get("TrainingStartTime"):
            trained = max(1, round(now - began))
            billed = max(1, round(self._billable)) if self._spot else trained
        enter(
            self._sagemaker,
            self._name,
            status,
            secondary,
            TrainingEndTime=now,
            TrainingTimeInSeconds=trained,
            BillableTimeInSeconds=billed,
            FailureReason=reason,
        )

    def _enter(self, secondary: str, **members: Any) -> None:
        enter(self._sagemaker, self._name, "InProgress", secondary, **members)

    def _tell_ending(self, cause: str) -> str:
        """As on AWS a job whose wait is over is stopped first."""
        if cause == "max-wait":
            enter(self._sagemaker, self._name, "Stopping", "Stopping")
        return cause

    def _wait(self) -> str | None:
        """Wait before looking for instances again; a cause if the job ends meanwhile."""
        if self._job.stopped.wait(max(0.0, min(RETRY, self._wait_ends - time.time()))):
            return "stopped"
        return "max-wait" if time.time() >= self._wait_ends else None

    def _attempt(self) -> str | None:
        """One attempt on new hosts; answers the cause of its end, or raises."""
        try:
            self._pool = self._pool or self._sagemaker.warm_pools.enter(self._record)
            if cause := self._await_capacity():
                return cause
            with self._sagemaker.jobs.place(self._job) as got:
                if not got:
                    return "stopped"
                began = time.monotonic()
                try:
                    with self._sagemaker.jobs.private_root() as root:
                        return self._train(root)
                finally:
                    self._billable += max(0.0, time.monotonic() - max(began, self._training_since))
        except (JobFailed, InternalError):
            raise
        except Exception as error:
            logger.exception("Training job %s failed for a reason of the local cloud's", self._name)
            raise InternalError from error

    def _await_capacity(self) -> str | None:
        """Wait for spot instances; a cause if the job ends meanwhile. Others are there at once, or not at all."""
        if self._pool and self._pool.reused:
            return None
        while self._sagemaker.faults.take("aws:sagemaker:exhaust-capacity", self._name):
            if not self._spot:
                raise JobFailed(failures.NO_CAPACITY)
            if cause := self._wait():
                return cause
        return None

    def _train(self, root: Path) -> str:
        failures.check_volume_key(self._record["ResourceConfig"].get("VolumeKmsKeyId"))
        hosts = TrainingHosts(self._sagemaker, self._record, root, self._pool)
        self._enter("Downloading")
        hosts.download()
        cluster = hosts.cluster(lambda: self._grace)
        if self._training_since == float("inf"):
            self._training_since = time.monotonic()
            self._sagemaker.training_jobs.change(self._name, TrainingStartTime=time.time())
        self._enter("Training")
        began = time.monotonic()
        with hosts.mirrored():
            outcome = self._sagemaker.jobs.execute(cluster, lambda: self._cause(hosts, time.monotonic() - began))
        self._runtime -= time.monotonic() - began
        if outcome.cause == "interrupted":
            return outcome.cause
        if outcome.cause == "failed":
            raise JobFailed(ORDERED)
        if outcome.exit_code:
            raise hosts.failure(outcome)
        self._tell_ending(outcome.cause)
        self._enter("Uploading")
        hosts.upload()
        return outcome.cause

    def _cause(self, hosts: TrainingHosts, seconds: float) -> str | None:
        """Why a training that has lasted so long is to be ended now."""
        faults = self._sagemaker.faults
        if self._job.stopped.is_set():
            return "stopped"
        if seconds > self._runtime:
            return "max-runtime"
        if time.time() > self._wait_ends:
            return "max-wait"
        if self._spot and self._is_interrupted(hosts):
            return "interrupted"
        fails = faults.take("aws:sagemaker:fail-training-job", self._name, lambda fault: self._strikes(fault, seconds))
        return "failed" if fails else None

    def _is_interrupted(self, hosts: TrainingHosts) -> bool:
        fault = self._sagemaker.faults.take(
            "aws:sagemaker:interrupt-spot-instance",
            self._name,
            lambda fault: hosts.checkpoints_written() >= float(fault.parameters.get("checkpoints", "0")),
        )
        self._grace = float(fault.parameters.get("notice", GRACE)) if fault else GRACE
        return fault is not None

    def _strikes(self, fault: Fault, seconds: float) -> bool:
        """Whether this job is one of the fraction that fails, which its name decides, and whether it is time to."""
        draw = int.from_bytes(hashlib.sha256(f"{fault.id}/{self._name}".encode()).digest()[:4]) / 2**32
        chosen = draw < float(fault.parameters.get("fraction", "1"))
        return chosen and seconds >= float(fault.parameters.get("after", "0"))
