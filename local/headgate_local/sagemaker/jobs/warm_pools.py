"""Managed warm pools: the instances of a training job that stay for the next one that matches.

Here nothing has to be kept warm, for every job starts in warm processes. What a pool keeps is what AWS documents of
it: its status on the job's record, and its cache folder, which the next job finds as it was left.
"""

import contextvars
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

CACHE = "/opt/ml/sagemaker/warmpoolcache"
VARIABLE = "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"
MATCHING = ("RoleArn", "VpcConfig", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption")
MATCHING_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
"""What must be equal for a job to run on the pool of another one."""


@dataclass
class Pool:
    """What stays of a job's instances."""

    folder: Path
    """Holds the cache folder of each host."""
    since: float = 0.0
    """When it became available (time.time())."""
    timer: threading.Timer | None = None

    @property
    def reused(self) -> bool:
        """Whether a job ran on it before."""
        return self.since > 0


class WarmPools:
    """All warm pools, by the ARN of the job whose record tells of them."""

    def __init__(self, sagemaker: "SageMaker", folder: Path) -> None:
        self._sagemaker, self._folder = sagemaker, folder
        self._pools: dict[str, Pool] = {}
        self._lock = threading.RLock()

    def enter(self, record: Record) -> Pool | None:
        """The pool that a new job runs on: one that waits and matches, else a new one if the job keeps one."""
        with self._lock:
            pool = self._reused(record)
            if pool is None and keep_alive(record):
                pool = Pool(Path(tempfile.mkdtemp(prefix="pool-", dir=self._folder)))
            if pool is not None:
                self._pools[record["TrainingJobArn"]] = pool
                self._tell(record, Status="InUse")
            return pool

    def leave(self, record: Record, *, healthy: bool) -> None:
        """The job has ended: keep the pool for as long as its record says, if its instances are healthy."""
        with self._lock:
            pool = self._pools.get(record["TrainingJobArn"])
            if pool is None:
                return
            pool.since = time.time()
            self._tell(record, Status="Available", ResourceRetainedBillableTimeInSeconds=0)
            self._await_end(record, keep_alive(record) if healthy else 0)

    def prolong(self, record: Record) -> None:
        """Keep an available pool for as long as the job's record says now; 0 ends it."""
        with self._lock:
            if _status(self._sagemaker.training_jobs.get(record["TrainingJobName"])) != "Available":
                raise invalid("The KeepAlivePeriodInSeconds can be updated while the warm pool is Available only.")
            pool = self._pools[record["TrainingJobArn"]]
            self._await_end(record, pool.since + keep_alive(record) - time.time())

    def _reused(self, record: Record) -> Pool | None:
        for other in self._sagemaker.training_jobs.all():
            if _status(other) == "Available" and _matches(other, record):
                pool = self._pools.pop(other["TrainingJobArn"])
                self._stop_timer(pool)
                self._tell(other, Status="Reused", ReusedByJob=record["TrainingJobName"], **_retained(pool))
                return pool
        return None

    def _await_end(self, record: Record, seconds: float) -> None:
        pool = self._pools[record["TrainingJobArn"]]
        self._stop_timer(pool)
        if seconds <= 0:
            self._end(record, pool)
            return
        pool.timer = threading.Timer(seconds, contextvars.copy_context().run, [self._end, record, pool])
        pool.timer.daemon = True
        pool.timer.start()

    def _end(self, record: Record, pool: Pool) -> None:
        with self._lock:
            if self._pools.get(record["TrainingJobArn"]) is not pool:  # another job was quicker
                return
            del self._pools[record["TrainingJobArn"]]
            self._tell(record, Status="Terminated", **_retained(pool))
            shutil.rmtree(pool.folder, ignore_errors=True)

    def _tell(self, record: Record, **status: Any) -> None:
        self._sagemaker.training_jobs.change(record["TrainingJobName"], WarmPoolStatus=status)

    @staticmethod
    def _stop_timer(pool: Pool) -> None:
        if pool.timer:
            pool.timer.cancel()

    def close(self) -> None:
        """Let no timer ring any more."""
        with self._lock:
            for pool in self._pools.values():
                self._stop_timer(pool)


def keep_alive(record: Record) -> int:
    """For how many seconds a job's record asks its pool to be kept."""
    seconds: int = record["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)
    return seconds


def _status(record: Record) -> str | None:
    status: str | None = record.get("WarmPoolStatus", {}).get("Status")
    return status


def _retained(pool: Pool) -> Record:
    return {"ResourceRetainedBillableTimeInSeconds": round(time.time() - pool.since)}


def _matches(one: Record, other: Record) -> bool:
    resources, others = one["ResourceConfig"], other["ResourceConfig"]
    same = all((one.get(member) or None) == (other.get(member) or None) for member in MATCHING)
    return same and all(resources.get(member) == others.get(member) for member in MATCHING_RESOURCES)
