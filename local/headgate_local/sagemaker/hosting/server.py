"""A serving process behind one or more instances of an endpoint, seen from the cloud."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import urllib3

READY = 60.0
"""Seconds that a container has to answer /ping when its variant does not say."""
PATIENCE = 60.0
"""Seconds that an invocation may take, as on AWS."""
CONNECTIONS = 64
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL; the process keeps nothing that it would have to save."""


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

    def __init__(self, folder: Path, on_output: Callable[[IO[bytes]], None], ready: float = READY) -> None:
        self._folder, self._on_output, self._ready = folder, on_output, ready
        self._closing = False
        self._changing = threading.Lock()
        self._process, self._http = self._start()
        self.up = True
        """Whether it takes requests; for a moment it does not, when its process has ended by itself."""
        threading.Thread(target=self._keep, name="endpoint-server", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process as it is now."""
        return self._process.pid

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send one request to the container; raises InstanceGone, or TimeoutError after AWS's 60 seconds."""
        process, http = self._process, self._http
        try:
            response = http.urlopen("POST", "/invocations", body=body, headers=headers)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise TimeoutError from error
        except urllib3.exceptions.HTTPError as error:
            if process is self._process:
                self.up = False  # until _keep has seen it too
            raise InstanceGone from error
        return Answer(response.status, response.headers.get("Content-Type", "application/json"), response.data)

    def kill(self) -> None:
        """End the process as a crash does; it starts again."""
        self.up = False
        self._process.kill()

    def close(self) -> None:
        """End the process for good. Fine to call twice."""
        with self._changing:
            self._closing, self.up = True, False
        self._process.terminate()
        try:
            self._process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._release()

    def _start(self) -> tuple[subprocess.Popen[bytes], urllib3.HTTPConnectionPool]:
        # The child ends when its stdin does: with this process, however that ends.
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "headgate_local.serving", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._on_output(process.stderr)
        first = process.stdout.readline()
        if not first:
            process.wait()
            raise NotServable
        port = json.loads(first)["port"]
        http = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=CONNECTIONS, timeout=PATIENCE, retries=False)
        try:
            healthy = http.request("GET", "/ping", timeout=self._ready).status == 200
        except urllib3.exceptions.HTTPError:
            healthy = False
        if not healthy:
            process.kill()
            process.wait()
            raise NotServable
        return process, http

    def _keep(self) -> None:
        """Start the process again whenever it ends by itself."""
        while True:
            self._process.wait()
            with self._changing:  # so that it cannot be closed halfway
                if self._closing:
                    return
                self.up = False
                self._release()
                try:
                    self._process, self._http = self._start()
                except NotServable:
                    return
                self.up = True

    def _release(self) -> None:
        self._http.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
