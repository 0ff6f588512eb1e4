"""Running the containers of a job: a place for it, one process for each host, their logs, and how they end."""

import contextlib
import contextvars
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from headgate_local.lifeline import SWEEP_SECONDS
from headgate_local.pool import WarmPool, WarmProcess
from headgate_local.sagemaker.clients import logs_client
from headgate_local.sagemaker.jobs.metrics import Readings
from headgate_local.sagemaker.jobs.places import Places
from headgate_local.sagemaker.jobs.script import Script, run
from headgate_local.sagemaker.logs import Listener, LogStream
from headgate_local.sagemaker.resources import Collection

logger = logging.getLogger("headgate.sagemaker")

GRACE = 120.0
"""Seconds between SIGTERM and SIGKILL when a job is stopped, as on AWS."""
GLANCE = 0.1
"""Seconds between looks at whether a running job is to be ended."""
KILLED = 2 * SWEEP_SECONDS
"""Seconds that processes which are killed have to end in."""

Watch = Callable[[], str | None]
"""Asked at each glance: a cause to end the containers, or None to let them run."""
Groups = dict[str, int]
"""The process group of each host that runs."""


class CloudStops(BaseException):
    """Raised in a job's thread when the local cloud ends under it: there is nobody left to report to."""


class Job:
    """One job between its creation and its end."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        """Set to ask for its stop."""
        self.ended = threading.Event()
        """Set when its record says how it ended."""


@dataclass(frozen=True, eq=False)
class Host:
    """One container of a job: its name, what it runs, and the stream for its log."""

    name: str
    script: Script
    log_stream: str


@dataclass(frozen=True)
class Cluster:
    """The containers of a job, which start together; and where their logs go, as whom."""

    hosts: Sequence[Host]
    role_arn: str
    log_group: str
    listener: Listener | None = None
    """Is told of the lines of all logs."""
    grace: Callable[[], float] = lambda: GRACE
    """Seconds between SIGTERM and SIGKILL, asked when the containers are to end; with 0 there is no SIGTERM."""
    look: Callable[[Groups], None] = lambda _: None
    """Is shown the process groups that run, at each glance."""


@dataclass(frozen=True)
class Outcome:
    """How the containers ended: ``itself``, or what the watch answered."""

    cause: str
    exit_code: int
    """Of the host that failed first; 0 if none did, minus the number of the signal that killed it."""
    host: Host
    """The one that failed first, or the first of all."""
    tail: tuple[str, ...]
    """The last lines that it printed."""


class Jobs:
    """All jobs that are not at their end."""

    def __init__(self, pool: WarmPool, endpoint_url: str, folder: Path) -> None:
        self.places = Places(max(2, os.cpu_count() or 2))
        """As many jobs run at once as the machine has CPUs; the others wait for their turn."""
        self.readings = Readings()
        self._pool, self._endpoint_url, self._folder = pool, endpoint_url, folder
        self._jobs: dict[str, Job] = {}
        self._threads: set[threading.Thread] = set()
        self._closing = threading.Event()

    def submit(self, records: Collection, name: str, work: Callable[[Job], None]) -> None:
        """Have the work of a job done; the work sees to the job's record, and to a place to run its containers.

        If the work cannot begin the record goes.
        """
        arn: str = records.get(name)[records.kind.arn]
        job = self._jobs[arn] = Job()
        if records.get(name)[records.kind.status] == "Stopping":  # a stop came when there was no job yet to tell
            job.stopped.set()
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(self._do, arn, job, work), name=f"job {arn}", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # there are no more threads to be had
            self._forget(arn, job, thread)
            records.remove(name)
            raise

    def _do(self, arn: str, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
        except CloudStops:
            pass
        except Exception:
            logger.exception("The work of %s failed", arn)
        finally:
            self._forget(arn, job, threading.current_thread())
            job.ended.set()

    def _forget(self, arn: str, job: Job, thread: threading.Thread) -> None:
        if self._jobs.get(arn) is job:  # and not already the next of that name
            del self._jobs[arn]
        self._threads.discard(thread)

    def stop(self, arn: str) -> None:
        """Ask a job to stop; one that has ended does not mind."""
        if job := self._jobs.get(arn):
            job.stopped.set()
            self.places.look_again()

    def wait(self, arn: str, seconds: float) -> bool:
        """Whether a job has ended, within this time."""
        job = self._jobs.get(arn)
        return job is None or job.ended.wait(seconds)

    def close(self) -> None:
        """End all jobs without grace, now that no service answers any more."""
        self._closing.set()
        for job in list(self._jobs.values()):
            job.stopped.set()
        self.places.look_again()
        for thread in list(self._threads):
            thread.join()

    @contextlib.contextmanager
    def place(self, job: Job) -> Iterator[bool]:
        """A place to run a job's containers, waited for; False if the job was stopped before it got one."""
        with self.places.taken(job.stopped.is_set) as got:
            self._heed_closing()
            yield got

    @contextlib.contextmanager
    def private_root(self) -> Iterator[Path]:
        """A folder that stands for the roots of a job's containers while it runs."""
        root = Path(tempfile.mkdtemp(prefix="job-", dir=self._folder))
        try:
            yield root
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def execute(self, cluster: Cluster, watch: Watch) -> Outcome:
        """Run the containers to their end and see their logs home.

        They end when all have ended, when one has failed (the others are killed then), or when `watch` says so: then
        they get SIGTERM, and after the cluster's grace SIGKILL. If it says so at once nothing is started.
        """
        if cause := watch():
            return Outcome(cause, 0, cluster.hosts[0], ())
        client = logs_client(self._endpoint_url, cluster.role_arn)
        processes: dict[Host, WarmProcess] = {}
        logs: dict[Host, LogStream] = {}
        try:
            for host in cluster.hosts:
                process = processes[host] = self._pool.start(run, host.script)
                stream = host.log_stream
                logs[host] = LogStream(client, cluster.log_group, stream, process.output, cluster.listener)
            cause, exit_code, host = self._attend(processes, watch, cluster)
        finally:
            kill(processes.values())  # whatever the programs left running
        for log in logs.values():
            log.finish()
        return Outcome(cause, exit_code, host, tuple(logs[host].tail))

    def _attend(self, processes: dict[Host, WarmProcess], watch: Watch, cluster: Cluster) -> tuple[str, int, Host]:
        first, running = next(iter(processes)), dict(processes)
        while running:
            connection.wait([process.sentinel for process in running.values()], GLANCE)
            self._heed_closing()
            for host, process in list(running.items()):
                exit_code = process.wait(0)
                if exit_code:
                    return "itself", exit_code, host
                if exit_code == 0:
                    del running[host]
            cluster.look({host.name: process.group for host, process in running.items()})
            if running and (cause := watch()):
                self._end(list(running.values()), cluster.grace())
                return cause, 0, first
        return "itself", 0, first

    def _end(self, processes: list[WarmProcess], grace: float) -> None:
        if grace:
            for process in processes:
                process.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while running := [process.sentinel for process in processes if process.wait(0) is None]:
            if time.monotonic() >= deadline:
                kill(processes)
            connection.wait(running, GLANCE)
            self._heed_closing()

    def _heed_closing(self) -> None:
        if self._closing.is_set():
            raise CloudStops


def limits(job: Job, seconds: float) -> Watch:
    """A watch that ends containers when their job is stopped, or after so many seconds from now."""
    deadline = time.monotonic() + seconds

    def watch() -> str | None:
        if job.stopped.is_set():
            return "stopped"
        return "max-runtime" if time.monotonic() > deadline else None

    return watch


def kill(processes: Iterable[WarmProcess]) -> None:
    """Kill processes and all that they started, and see them end; none left is fine."""
    all_of_them = list(processes)
    for process in all_of_them:
        process.end()
    for process in all_of_them:
        process.wait(KILLED)
        process.signal(signal.SIGKILL)  # what is left if the process itself was killed by its program
