"""Running a container's program: waiting for a place, the process, its log, its time limit and its stop."""

import contextlib
import contextvars
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headgate_local.pool import WarmPool, WarmProcess
from headgate_local.sagemaker.clients import logs_client
from headgate_local.sagemaker.jobs.script import Script, run
from headgate_local.sagemaker.logs import LogStream

logger = logging.getLogger("headgate.sagemaker")

GRACE = 120.0
"""Seconds between SIGTERM and SIGKILL when a job is stopped, as on AWS."""
GLANCE = 0.1
"""Seconds between looks at a running job's time limit and stop."""


class CloudStops(BaseException):
    """Raised in a job's thread when the local cloud ends under it: there is nobody left to report to."""


@dataclass(frozen=True)
class Outcome:
    """How a container ended. ``cause`` is "stopped" or "max-runtime" if it was made to end."""

    exit_code: int
    cause: Literal["itself", "stopped", "max-runtime"]
    tail: tuple[str, ...]
    """The last lines that it printed."""


@dataclass(frozen=True)
class Container:
    """What to run, for how long, and where its log goes."""

    script: Script
    seconds: float
    role_arn: str
    log_group: str
    log_stream: str


class Job:
    """One job between its creation and its end."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set to ask for its stop."""
        self.ended = threading.Event()
        """Set when its record says how it ended."""


class Jobs:
    """All jobs that are not at their end. At most one for each CPU runs at once; the others wait their turn."""

    def __init__(self, pool: WarmPool, endpoint_url: str, folder: Path) -> None:
        self._pool, self._endpoint_url, self._folder = pool, endpoint_url, folder
        self._places = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="sagemaker-job")
        self._jobs: dict[str, Job] = {}
        self._closing = False

    def submit(self, arn: str, work: Callable[[Job], None]) -> None:
        """Have the work of a job done when there is a place for it; the work sees to the job's record."""
        job = self._jobs[arn] = Job()
        self._places.submit(contextvars.copy_context().run, self._do, arn, job, work)

    def _do(self, arn: str, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
        except CloudStops:
            pass
        except Exception:
            logger.exception("The work of %s failed", arn)
        finally:
            self._jobs.pop(arn, None)
            job.ended.set()

    def stop(self, arn: str) -> None:
        """Ask a job to stop; one that has ended does not mind."""
        if job := self._jobs.get(arn):
            job.stopped.set()

    def wait(self, arn: str, seconds: float) -> bool:
        """Whether a job has ended, within this time."""
        job = self._jobs.get(arn)
        return job is None or job.ended.wait(seconds)

    def close(self) -> None:
        """End all jobs without grace, now that no service answers any more."""
        self._closing = True
        self._places.shutdown(wait=True, cancel_futures=True)

    @contextlib.contextmanager
    def private_root(self) -> Iterator[Path]:
        """A folder that stands for a container's root while its job runs."""
        root = Path(tempfile.mkdtemp(prefix="job-", dir=self._folder))
        try:
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def execute(self, container: Container, job: Job) -> Outcome:
        """Run a container to its end and see its log home."""
        client = logs_client(self._endpoint_url, container.role_arn)
        process = self._pool.start(run, container.script)
        log = LogStream(client, container.log_group, container.log_stream, process.output)
        exit_code, cause = self._attend(process, container.seconds, job)
        process.signal(signal.SIGKILL)  # whatever the program left running
        log.finish()
        return Outcome(exit_code, cause, tuple(log.tail))

    def _attend(
        self, process: WarmProcess, seconds: float, job: Job
    ) -> tuple[int, Literal["itself", "stopped", "max-runtime"]]:
        deadline = time.monotonic() + seconds
        while (exit_code := process.wait(GLANCE)) is None:
            self._heed_closing(process)
            if job.stopped.is_set() or time.monotonic() > deadline:
                cause: Literal["stopped", "max-runtime"] = "stopped" if job.stopped.is_set() else "max-runtime"
                return self._end(process), cause
        return exit_code, "itself"

    def _end(self, process: WarmProcess) -> int:
        process.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while (exit_code := process.wait(GLANCE)) is None:
            self._heed_closing(process)
            if time.monotonic() > deadline:
                process.signal(signal.SIGKILL)
        return exit_code

    def _heed_closing(self, process: WarmProcess) -> None:
        if self._closing:
            process.signal(signal.SIGKILL)
            raise CloudStops
