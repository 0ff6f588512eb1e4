"""An instance of an endpoint: a process that serves one model, seen from the cloud."""

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
"""Seconds that a container has to answer /ping."""
PATIENCE = 60.0
"""Seconds that an invocation may take, as on AWS."""
CONNECTIONS = 64


class NotServable(Exception):
    """Raised when a model does not come to answer /ping; holds what the container last said."""


class InstanceGone(Exception):
    """Raised when the instance's process ended under a request."""


@dataclass(frozen=True)
class Answer:
    """What the container answered."""

    status: int
    content_type: str
    body: bytes


class Instance:
    """A serving process with kept-alive connections. It restarts itself if its process dies.

    ``acquire`` and ``release`` frame each request, so that ``retire`` can let those under way come to their end.
    """

    def __init__(self, folder: Path, on_output: Callable[[IO[bytes]], None]) -> None:
        self._folder, self._on_output = folder, on_output
        self._under_way = 0
        self._retired = False
        self._idle = threading.Condition()
        self._process, self._http = self._start()
        threading.Thread(target=self._keep, name="sagemaker-instance", daemon=True).start()

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
        if http.request("GET", "/ping", timeout=READY).status != 200:
            process.kill()
            process.wait()
            raise NotServable
        return process, http

    def _keep(self) -> None:
        """Start the process again whenever it ends by itself, as SageMaker does with containers."""
        while True:
            self._process.wait()
            with self._idle:  # so that it cannot be retired halfway
                if self._retired:
                    return
                try:
                    self._process, self._http = self._start()
                except (NotServable, urllib3.exceptions.HTTPError):
                    return

    def acquire(self) -> None:
        """Count a request in."""
        with self._idle:
            self._under_way += 1

    def release(self) -> None:
        """Count a request out."""
        with self._idle:
            self._under_way -= 1
            self._idle.notify_all()

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send one request to the container; raises InstanceGone, or TimeoutError after AWS's 60 seconds."""
        try:
            response = self._http.urlopen("POST", "/invocations", body=body, headers=headers)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise TimeoutError from error
        except urllib3.exceptions.HTTPError as error:
            raise InstanceGone from error
        return Answer(response.status, response.headers.get("Content-Type", "application/json"), response.data)

    def retire(self, patience: float = PATIENCE) -> None:
        """Wait until no request is under way, then end the process."""
        with self._idle:
            self._retired = True
            self._idle.wait_for(lambda: self._under_way == 0, timeout=patience)
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._http.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
