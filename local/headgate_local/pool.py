"""The warm pool: processes that start with the slow imports behind them (SageMaker's word for it).

``import tensorflow`` takes 3 to 5 seconds; a fork of a process that has done it takes 20 ms. That process, the fork
server, holds some 220 MB, so it is ended when nothing has run for a while, and started again when work is announced.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import IO

from headgate_local import lifeline
from headgate_local.idle import idle_seconds

PRELOAD = [
    "headgate_local.warm",
    "headgate_local.sagemaker.jobs.script",
    "numpy",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "ai_edge_litert.interpreter",
    "tensorflow",
    "keras",
    "headgate_local.warmed",
]
SHORTEST_IDLE = 0.1
"""Seconds; a pool that rested sooner would be looked at all the time while it is used."""
_polling = threading.Lock()
"""Held while exit codes are read. Every start of a process reads those of all others, too; of two that read one at
once multiprocessing lets the second have 255."""


class WarmProcess:
    """A process of the pool with a process group of its own, and what it prints."""

    def __init__(self, process: BaseProcess, output: IO[bytes], lifeline: connection.Connection) -> None:
        self._process, self._lifeline = process, lifeline
        self.output = output
        """Everything the process and its children write to stdout and stderr; ends when the last of them ends."""

    @property
    def sentinel(self) -> int:
        """A file descriptor that can be read from when the process has ended."""
        return self._process.sentinel

    @property
    def group(self) -> int:
        """The number of its process group."""
        assert self._process.pid is not None
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """The exit code (minus the number of the signal that killed it), or None if it still runs then."""
        connection.wait([self.sentinel], seconds)
        with _polling:
            return self._process.exitcode

    def end(self) -> None:
        """Have it killed with all that it started, whatever sessions that has made; does not wait."""
        self._lifeline.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group; none left is fine."""
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            if self.wait(0) is None:  # it has not made its group yet
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.group, number)
        except PermissionError:  # macOS answers so for a group of zombies
            return


class WarmPool:
    """Starts warming in the background when made, and rests when nothing has used it for so many seconds."""

    def __init__(self, preload: list[str] | None = None, idle: float | None = None) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD if preload is None else preload)
        self._idle = max(SHORTEST_IDLE, idle_seconds() if idle is None else idle)
        self._changed = threading.Condition()
        self._awake = self._closed = False
        self._until = time.monotonic() + self._idle
        """When it comes to rest, unless it is used."""
        self._starting = 0
        self._processes: list[WarmProcess] = []
        # The fork server dies with the thread that started it, so that is one which lives as long as the pool.
        self._keeper = threading.Thread(target=self._keep, name="warm-pool", daemon=True)
        self._keeper.start()

    @property
    def resting(self) -> bool:
        """Whether there is no fork server now."""
        return not self._awake

    def warm(self) -> None:
        """Be warm for what will be started soon; does not wait."""
        with self._changed:
            self._until = time.monotonic() + self._idle
            self._changed.notify_all()

    def start(self, task: Callable[..., None], *arguments: object) -> WarmProcess:
        """Run a task in a new process; waits until the pool is warm. Task and arguments must pickle."""
        with self._changed:
            self._starting += 1
            self.warm()
            self._changed.wait_for(lambda: self._awake or self._closed)
        started: list[WarmProcess] = []
        try:
            started.append(self._fork(task, arguments))
        finally:
            with self._changed:  # at once, so that it does not come to rest between the two
                self._starting -= 1
                self._processes = self._running() + started
        return started[0]

    def close(self) -> None:
        """End the fork server; processes of the pool must have ended before."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._keeper.join()

    def _fork(self, task: Callable[..., None], arguments: tuple[object, ...]) -> WarmProcess:
        if self._closed:
            raise RuntimeError("The warm pool is closed.")
        reader, writer = self._context.Pipe(duplex=False)
        theirs, ours = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_run, args=(writer, theirs, task, arguments), daemon=True)
        with _polling:
            process.start()
        writer.close()
        theirs.close()
        return WarmProcess(process, os.fdopen(os.dup(reader.fileno()), "rb", buffering=0), ours)

    def _keep(self) -> None:
        with self._changed:
            while not self._closed:
                self._processes = self._running()
                if self._starting or self._processes:
                    self._until = time.monotonic() + self._idle
                left = self._until - time.monotonic()
                if left > 0 and not self._awake:
                    forkserver.ensure_running()
                    self._awake = True
                    self._changed.notify_all()
                elif left <= 0 and self._awake:
                    self._end()
                self._changed.wait(left if left > 0 else None)
            self._end()

    def _running(self) -> list[WarmProcess]:
        ended = connection.wait([process.sentinel for process in self._processes], 0)
        return [process for process in self._processes if process.sentinel not in ended]

    def _end(self) -> None:
        # It has nothing to save, and would first come to the end of its imports.
        if (pid := forkserver._forkserver._forkserver_pid) is not None:  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)
        forkserver._forkserver._stop()  # type: ignore[attr-defined]
        resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
        self._awake = False


def _run(
    output: connection.Connection,
    alive: connection.Connection,
    task: Callable[..., None],
    arguments: tuple[object, ...],
) -> None:
    """In the new process: a guard, which lives as long as the task, and the task in a child of it.

    The guard runs nothing but the next lines, so it hears whatever the task is busy with when the cloud closes
    `alive` or ends, and kills the task then. When the task has ended, however it did, the guard kills what that left
    running and ends like it: on AWS a container ends with its first process. The death of a parent alone
    (PR_SET_PDEATHSIG) would miss grandchildren, and a signal to the group those that have made a session of their
    own.
    """
    os.setsid()
    lifeline.adopt_orphans()
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    output.close()
    child = os.fork()
    if child == 0:
        alive.close()
        lifeline.die_with_parent()
        task(*arguments)
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a stop is for the task
    lifeline.watch(lambda: connection.wait([alive]), lambda: os.kill(child, signal.SIGKILL))
    status = _ending_of(child)
    lifeline.end_descendants()
    _end_like(status)


def _ending_of(child: int) -> int:
    """Wait for a child's end and answer its status; orphans that end before leave no trace."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return status


def _end_like(status: int) -> None:
    exit_code = os.waitstatus_to_exitcode(status)
    if exit_code < 0:
        if -exit_code != signal.SIGKILL:
            signal.signal(-exit_code, signal.SIG_DFL)
        os.kill(os.getpid(), -exit_code)
    sys.exit(exit_code)
