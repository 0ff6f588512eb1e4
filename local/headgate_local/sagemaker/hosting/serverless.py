"""The instances of a serverless variant: they come with requests and go when there are none for a while."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headgate_local.sagemaker.hosting.instances import CORES, Closed, Instance, Instances, NoneUp, Process
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
        processes: int = CORES,
    ) -> None:
        super().__init__(launch, processes=processes)
        self._on_start, self._idle = on_start, idle
        self._reaper: threading.Timer | None = None
        self._launching = 0
        self.concurrency, self.provisioned = concurrency, provisioned

    @contextmanager
    def take(self, avoid: Instance | None = None) -> Iterator[Instance]:
        """An instance for one request; raises Closed, NoneUp, TooManyRequests, or what starting one raises."""
        chosen = self._idle_one(avoid) or self._started()
        try:
            yield chosen
        finally:
            self._leave(chosen)
            self._reap_later()

    def resize(self, count: int) -> None:
        """See Instances; those that are not provisioned go when nobody uses them."""
        super().resize(count)
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
        with self._changed:
            self._changed.wait_for(lambda: not self._launching, PATIENCE)

    def _idle_one(self, avoid: Instance | None) -> Instance | None:
        """One that nobody uses; None if one has to be started, for a request that counts as under way from now on."""
        with self._changed:
            self._check_open()
            if self._outstanding >= self.concurrency:
                raise TooManyRequests
            able = [each for each in self._instances if each.server.up and not each.under_way and each is not avoid]
            if able:
                self._enter(able[0])
                return able[0]
            self._tick()
            self._outstanding += 1
            return None

    def _started(self) -> Instance:
        """A new one, which no other request can take."""
        start = time.monotonic()
        try:
            chosen = self._shared() or self._launched()
        except BaseException:
            with self._changed:
                self._tick()
                self._outstanding -= 1
            raise
        self._on_start(time.monotonic() - start)
        return chosen

    def _shared(self) -> Instance | None:
        """One that shares its process, where there are as many as cores; None if a launch has to follow."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._instances or self._launching < self._processes)
            self._check_open()
            users = Counter(each.server for each in self._instances)
            if len(users) + self._launching < self._processes:
                self._launching += 1
                return None
            able = [server for server in users if server.up]
            if not able:
                raise NoneUp
            return self._add(min(able, key=lambda server: users[server]))

    def _launched(self) -> Instance:
        """One with a process of its own; several are launched at the same time."""
        server, chosen = None, None
        try:
            server = self._launch()
        finally:
            with self._changed:
                self._launching -= 1
                if server and not self._closed:
                    chosen = self._add(server)
                self._changed.notify_all()
        if chosen is None:
            server.close()
            raise Closed
        return chosen

    def _add(self, server: Process) -> Instance:
        self._instances.append(Instance(server, under_way=1))
        return self._instances[-1]

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
        with self._resizing, self._changed:
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
