"""A serving process behind one or more instances of an endpoint, seen from the cloud."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import urllib3

logger = logging.getLogger("headgate.sagemaker")
PROGRAM = (sys.executable, "-m", "headgate_local.serving")
"""What serves a model; the model's folder is its last argument."""
READY = 60.0
"""Seconds that a container has to answer /ping when its variant does not say."""
PATIENCE = 60.0
"""Seconds that an invocation may take, as on AWS."""
PING = 2.0
"""Seconds in which a container answers /ping, by the developer guide (your-algorithms-inference-code)."""
CONNECTIONS = 64
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL; the process keeps nothing that it would have to save."""
PAUSES = (0.5, 30.0)
"""Seconds between two attempts to start a process again: the first, doubled each time up to the last."""


class NotServable(Exception):
    """Raised when a model does not come to answer /ping; its log says why."""


class InstanceGone(Exception):
    """Raised when the process ended before it answered a request."""


@dataclass(frozen=True)
class Answer:
    """What the container answered."""

    status: int
    content_type: str
    body: bytes


class Server:
    """A serving process with kept-alive connections. It starts again when it ends by itself, as SageMaker has it."""

    def __init__(
        self,
        folder: Path,
        on_output: Callable[[IO[bytes]], None],
        ready: float = READY,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """`on_output` gets what each process prints; raises NotServable."""
        self._command, self._environment = [*program, str(folder)], environment or {}
        self._on_output, self._ready = on_output, ready
        self._closing = threading.Event()
        self._changing = threading.Lock()
        self._start()
        self.up = True
        """Whether it takes requests; for a moment it does not, when its process has ended by itself."""
        self._keeper = threading.Thread(target=self._keep, name="endpoint-server", daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int:
        """Of the process as it is now."""
        return self._process.pid

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send one request to the container; raises InstanceGone, or TimeoutError after AWS's 60 seconds.

        A kept-alive connection may have ended while nobody looked, which says nothing of the process: the request is
        sent again on a fresh one. Models keep nothing between requests, so that asking twice is safe. A process that
        answers neither in time nor to /ping hangs: it is ended, and starts again.
        """
        process, port = self._process, self._port
        try:
            try:
                return _ask(self._http, body, headers)
            except urllib3.exceptions.ReadTimeoutError:
                raise
            except urllib3.exceptions.HTTPError:
                with _connections(port, 1) as fresh:
                    return _ask(fresh, body, headers)
        except urllib3.exceptions.ReadTimeoutError as error:
            if not _answers(port):
                process.kill()  # this one, and not the next
            raise TimeoutError from error
        except urllib3.exceptions.HTTPError as error:
            raise InstanceGone from error

    def kill(self) -> None:
        """End the process as a crash does; it starts again."""
        self.up = False
        self._process.kill()

    def close(self) -> None:
        """End the process for good. Fine to call twice."""
        self.up = False
        with self._changing:
            self._closing.set()
        self._process.terminate()
        try:
            self._process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._keeper.join()

    def _start(self) -> None:
        """Start a process and see that it answers; raises NotServable."""
        with self._changing:  # so that it cannot be closed before the process is known
            if self._closing.is_set():
                raise NotServable
            try:
                process = self._process = self._launch()
            except OSError as error:
                raise NotServable(f"The process cannot be started: {error}") from error
        late = threading.Timer(self._ready, process.kill)
        late.daemon = True
        late.start()
        try:
            self._port, self._http = self._greet(process)
        except BaseException:
            process.kill()
            _reap(process)
            raise
        finally:
            late.cancel()

    def _greet(self, process: subprocess.Popen[bytes]) -> tuple[int, urllib3.HTTPConnectionPool]:
        """The port of a process that has come to answer /ping, and connections to it."""
        assert process.stdout is not None
        assert process.stderr is not None
        self._on_output(process.stderr)
        first = process.stdout.readline()
        if not first:
            raise NotServable
        port = json.loads(first)["port"]
        http = _connections(port, CONNECTIONS)
        try:
            healthy = http.request("GET", "/ping", timeout=self._ready).status == 200
        except urllib3.exceptions.HTTPError:
            healthy = False
        if not healthy:
            http.close()
            raise NotServable
        return port, http

    def _launch(self) -> subprocess.Popen[bytes]:
        # The child ends when its stdin does: with this process, however that ends.
        own = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(  # noqa: S603 - our own module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._environment, **own},
            start_new_session=True,
        )

    def _keep(self) -> None:
        """Start the process again whenever it ends by itself, until the server is closed."""
        while True:
            self._process.wait()
            self.up = False
            self._http.close()
            _reap(self._process)
            if not self._started_again():
                return
            self.up = True

    def _started_again(self) -> bool:
        """Whether the process could be started again, however many attempts it takes; not when it is closed."""
        pause, longest = PAUSES
        while not self._closing.is_set():
            try:
                self._start()
            except NotServable:
                pass  # its log says why
            except Exception:
                logger.exception("A serving process cannot be started again for a reason of the local cloud's")
            else:
                return True
            self._closing.wait(pause)
            pause = min(2 * pause, longest)
        return False


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process's end, and close our ends of its pipes; its log has one of its own."""
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _connections(port: int, number: int) -> urllib3.HTTPConnectionPool:
    return urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=number, timeout=PATIENCE, retries=False)


def _answers(port: int) -> bool:
    """Whether a process answers /ping in time."""
    with _connections(port, 1) as http:
        try:
            return http.request("GET", "/ping", timeout=PING).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _ask(http: urllib3.HTTPConnectionPool, body: bytes, headers: dict[str, str]) -> Answer:
    response = http.urlopen("POST", "/invocations", body=body, headers=headers)
    return Answer(response.status, response.headers.get("Content-Type", "application/json"), response.data)
