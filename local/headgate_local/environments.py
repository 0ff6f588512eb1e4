"""Execution environments of functions, forked from one process that has imported what all functions import.

A new Python process spends half a second of a processor on boto3, Powertools and pydantic before it reads a line of
the function. A fork of a process that has done so takes 10 ms, and shares the memory. The function's own code and its
layers are imported in the fork, from the archives that were deployed. (AWS's word for the same idea is SnapStart.)
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing import connection
from typing import IO

KEPT_BACK = ("AWS_", "PYTHONDONTWRITEBYTECODE")
"""What the process that is forked does not hear of: our keys, and not to keep what Python compiles of layers."""


class Environment:
    """One that runs, with what MiniStack uses of a `subprocess.Popen`."""

    def __init__(self, alive: socket.socket, pid: int, streams: tuple[IO[str], IO[str], IO[str]]) -> None:
        self._alive = alive
        self.pid = pid
        self.returncode: int | None = None
        """Not None once it has ended: MiniStack asks whether, never how."""
        self.stdin, self.stdout, self.stderr = streams

    def poll(self) -> int | None:
        """None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: when it still runs after so many seconds.
        """
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("an execution environment", timeout or 0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> int | None:
        # Nothing is ever sent: that it can be read from means that the other end is closed.
        if self.returncode is None and connection.wait([self._alive], seconds):
            self.returncode = 0
            self._alive.close()
        return self.returncode

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Environments:
    """Starts them, and the process that they are forks of when there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._template: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def begin(self, script: str, cwd: str, variables: Mapping[str, str]) -> Environment:
        """Run a Python script in a new environment that has these variables and no others.

        Raises:
            OSError: when none can begin, as when the process that is forked was killed; the next call begins it anew.
        """
        request = json.dumps({"script": script, "cwd": cwd, "variables": dict(variables)}).encode()
        alive, theirs = socket.socketpair()
        (stdin, our_stdin), (our_stdout, stdout), (our_stderr, stderr) = (os.pipe() for _ in range(3))
        with theirs:
            try:
                self._ask(request, [stdin, stdout, stderr, theirs.fileno()])
            finally:
                for number in (stdin, stdout, stderr):
                    os.close(number)
        streams = os.fdopen(our_stdin, "w", 1), os.fdopen(our_stdout, "r", 1), os.fdopen(our_stderr, "r", 1)
        if not (pid := int.from_bytes(alive.recv(4, socket.MSG_WAITALL))):
            raise ConnectionError("The process that execution environments are forks of has ended.")
        return Environment(alive, pid, streams)

    def rest(self) -> None:
        """End the process that is forked; environments that run go on, and the next one begins it anew."""
        with self._lock:
            if self._template is not None and self._control is not None:
                self._control.close()  # it ends by this
                self._template.wait()
                self._template = None

    def _ask(self, request: bytes, descriptors: list[int]) -> None:
        with self._lock:
            if self._template is None or self._template.poll() is not None:
                self._control, theirs = socket.socketpair()
                with theirs:
                    self._template = subprocess.Popen(  # noqa: S603 - Headgate's own module
                        [sys.executable, "-P", "-m", "headgate_local.forked", str(theirs.fileno())],
                        env={name: value for name, value in os.environ.items() if not name.startswith(KEPT_BACK)},
                        stdin=subprocess.DEVNULL,
                        pass_fds=[theirs.fileno()],
                    )
            assert self._control is not None
            socket.send_fds(self._control, [len(request).to_bytes(4)], descriptors)
            self._control.sendall(request)
