"""The instances of a serverless variant: they come with requests and go when there are none for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headgate_local.sagemaker.hosting.instances import Instance, Instances, Process
from headgate_local.sagemaker.hosting.server import PATIENCE

IDLE = 60.0
"""Seconds without a request after which an instance goes; AWS says only that it does."""


class TooManyRequests(Exception):
    """Raised when as many requests are under way as the variant's MaxConcurrency."""


class OnDemand(Instances):
    """Instances that each take one request at a time; some of them may be provisioned, and stay."""

    def __init__(
        self,
        launch: Callable[[], Process],
        concurrency: int,
        provisioned: int,
        on_start: Callable[[float], None],
        idle: float = IDLE,
    ) -> None:
        super().__init__(launch)
        self._on_start, self._idle = on_start, idle
        self._reaper: threading.Timer | None = None
        self._starting = 0
        self.concurrency, self.provisioned = concurrency, provisioned

    @contextmanager
    def take(self, avoid: Instance | None = None) -> Iterator[Instance]:
        """An instance for one request; raises Closed, TooManyRequests, or what starting one raises."""
        chosen = self._idle_one(avoid)
        try:
            if chosen is None:
                chosen = self._started()
            yield chosen
        finally:
            if chosen is not None:
                self._leave(chosen)
                self._reap_later()

    def adjust(self, concurrency: int, provisioned: int) -> None:
        """Change how many there may be, and how many of those that there are stay."""
        self.concurrency, self.provisioned = concurrency, provisioned
        self._reap_later()

    def close(self, patience: float = PATIENCE) -> None:
        """See Instances."""
        with self._changed:
            self._closed = True
            if self._reaper:
                self._reaper.cancel()
        super().close(patience)

    def _idle_one(self, avoid: Instance | None) -> Instance | None:
        with self._changed:
            self._check_open()
            if self._outstanding + self._starting >= self.concurrency:
                raise TooManyRequests
            able = [each for each in self._instances if each.server.up and not each.under_way and each is not avoid]
            if not able:
                self._starting += 1
                return None
            self._enter(able[0])
            return able[0]

    def _started(self) -> Instance:
        start = time.monotonic()
        try:
            with self._resizing:
                self._check_open()
                self._grow(1)
                with self._changed:
                    chosen = self._instances[-1]
                    self._enter(chosen)
        finally:
            with self._changed:
                self._starting -= 1
        self._on_start(time.monotonic() - start)
        return chosen

    def _reap_later(self) -> None:
        with self._changed:
            idle = [each.idle_since for each in self._instances if not each.under_way]
            if self._closed or self._reaper or not idle or self.count <= self.provisioned:
                return
            wait = max(0.0, min(idle) + self._idle - time.monotonic()) + 0.01
            self._reaper = threading.Timer(wait, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        with self._resizing:
            with self._changed:
                self._reaper = None
                if self._closed:
                    return
                long_ago = time.monotonic() - self._idle
                idle = [each for each in self._instances if not each.under_way and each.idle_since <= long_ago]
                idle = idle[: max(0, self.count - self.provisioned)]
                # those that go stand last, where _shrink takes them from
                self._instances = [each for each in self._instances if each not in idle] + idle
            self._shrink(len(idle))
        self._reap_later()
