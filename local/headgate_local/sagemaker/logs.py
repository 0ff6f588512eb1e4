"""What a container prints, line by line into CloudWatch Logs, while it prints it."""

import contextvars
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("headgate.sagemaker")

PAUSE = 0.25
"""Seconds that lines are gathered before they are sent together."""
BATCH = 1000
"""Lines in one PutLogEvents; AWS allows 10,000 and 1 MB."""
LONGEST = 256 * 1024
"""Characters of a line, as on AWS; the rest is cut off."""
LAST = 5.0
"""Seconds after a container's end in which its output must end; what still holds it then is heard no more."""
TAIL = 200
"""Last lines kept for a failure's reason."""

Listener = Callable[[Sequence[tuple[float, str]]], None]
"""Is told of new lines, each with the time at which it was read, before they are sent."""


class LogStream:
    """Copies a container's output into a log stream until its end.

    As on AWS the container's role must allow the logging; without it the container runs and its log is lost, which
    the local cloud's own log tells once. What cannot be sent is lost, what comes later is tried again.
    """

    def __init__(
        self, client: Any, group: str, stream: str, output: IO[bytes], listener: Listener | None = None
    ) -> None:
        self.group, self.stream = group, stream
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._client, self._output, self._listener = client, output, listener
        self._pending: list[dict[str, Any]] = []
        self._open = False
        self._lost = False
        stopped, stop = os.pipe()
        self._stopped, self._stop = os.fdopen(stopped, "rb"), os.fdopen(stop, "wb")
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._copy,), name=f"log {stream}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until everything that was printed is sent; call it when the container has ended.

        A process that outlived it and keeps its output open is not waited for.
        """
        self._thread.join(LAST)
        self._stop.close()
        self._thread.join()

    def _copy(self) -> None:
        rest = b""
        arrivals = select.poll()  # not select(), which ends at file descriptor 1,024
        arrivals.register(self._output, select.POLLIN)
        arrivals.register(self._stopped, select.POLLIN)
        with self._output, self._stopped, self._stop:
            over = False
            while not over:
                ready = {each for each, _ in arrivals.poll(PAUSE * 1000 if self._pending else None)}
                over = self._stopped.fileno() in ready
                data = self._output.read(1 << 16) if self._output.fileno() in ready else None  # all that a pipe holds
                if data:
                    *lines, rest = (rest + data).split(b"\n")
                    self._gather(lines)
                if data == b"":
                    break
                if not ready or len(self._pending) >= BATCH:
                    self._send()
        self._gather([rest] if rest else [])
        self._send()

    def _gather(self, lines: list[bytes]) -> None:
        now = time.time()
        texts = [line.rstrip(b"\r").decode("utf-8", "replace")[:LONGEST] for line in lines]
        self.tail.extend(texts)
        self._pending += [{"timestamp": int(now * 1000), "message": text or " "} for text in texts]
        if self._listener and texts:
            self._listener([(now, text) for text in texts])

    def _send(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            if not self._open:
                self._create(self._client.create_log_group, logGroupName=self.group)
                self._create(self._client.create_log_stream, logGroupName=self.group, logStreamName=self.stream)
                self._open = True
            for start in range(0, len(batch), BATCH):
                events = batch[start : start + BATCH]
                self._client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
            self._lost = False
        except (ClientError, BotoCoreError) as error:  # whatever it is, the container must not end of it
            if not self._lost:
                logger.warning("The log of %s/%s is lost: %s", self.group, self.stream, error)
            self._lost, self._open = True, False  # somebody may have deleted it

    @staticmethod
    def _create(call: Any, **names: str) -> None:
        try:
            call(**names)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise
