"""The instances of one variant: how many there are, and which of them takes a request."""

import contextvars
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from headgate_local.sagemaker.hosting.server import PATIENCE, Answer

Strategy = Literal["RANDOM", "LEAST_OUTSTANDING_REQUESTS"]
CORES = os.cpu_count() or 1


class Process(Protocol):
    """What an instance needs of its server."""

    up: bool

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer a request."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Closed(Exception):
    """Raised when a request comes to instances that others have replaced."""


class NoneUp(Exception):
    """Raised when no (other) instance can take a request just now."""


@dataclass(eq=False)
class Instance:
    """One instance, as SageMaker counts them."""

    server: Process
    id: str = field(default_factory=lambda: f"i-{uuid.uuid4().hex[:17]}")
    under_way: int = 0
    """Requests that it has taken and not answered."""
    idle_since: float = field(default_factory=time.monotonic)


class Instances:
    """All instances of a variant. Safe to use from many threads.

    Every instance has a process of its own up to the number of the machine's cores; more of them share these processes,
    because they would be no faster. An instance that is taken away takes no new request from that moment on, and ends
    when those under way have been answered.
    """

    def __init__(
        self,
        launch: Callable[[], Process],
        strategy: Strategy = "RANDOM",
        processes: int = CORES,
    ) -> None:
        self._launch, self._strategy, self._processes = launch, strategy, processes
        self._instances: list[Instance] = []
        self._changed = threading.Condition()
        self._resizing = threading.Lock()
        self._closed = self._hurried = False
        self._draining: set[Instance] = set()
        self._ending: list[threading.Thread] = []
        self._outstanding = 0
        self._worked, self._seen = 0.0, time.monotonic()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._instances)

    @property
    def all(self) -> list[Instance]:
        """All of them as they are now."""
        return list(self._instances)

    @property
    def servers(self) -> list[Process]:
        """The processes behind them."""
        return list(dict.fromkeys(instance.server for instance in self.all))

    @contextmanager
    def take(self, avoid: Instance | None = None) -> Iterator[Instance]:
        """An instance for one request, which stays until the request is done.

        Raises Closed, or NoneUp if there is none but the one to avoid.
        """
        with self._changed:
            self._check_open()
            able = [each for each in self._instances if each.server.up and each is not avoid]
            if not able:
                raise NoneUp
            chosen = self._choose(able)
            self._enter(chosen)
        try:
            yield chosen
        finally:
            self._leave(chosen)

    def resize(self, count: int) -> None:
        """Start or end as many as it takes; those that end are not waited for.

        Raises what starting one raises, and leaves it at the instances that there were.
        """
        with self._resizing:
            missing = count - len(self._instances)
            if missing > 0:
                self._grow(missing)
            elif missing < 0:
                self._shrink(-missing)

    def load(self) -> float:
        """Requests under way at a time, for each instance, on average since the last time that this was asked."""
        with self._changed:
            before, worked = self._seen, self._worked
            self._tick()
            return (self._worked - worked) / max(self._seen - before, 1e-9) / max(len(self._instances), 1)

    def close(self, patience: float = PATIENCE) -> None:
        """Take no new request, let those under way come to their end, then end all processes."""
        with self._changed:
            self._closed, self._hurried = True, self._hurried or patience == 0
            self._changed.notify_all()
        with self._resizing:
            self._shrink(len(self._instances), patience)
        for thread in self._ending:
            thread.join()

    def _choose(self, able: list[Instance]) -> Instance:
        if len(able) == 1:
            return able[0]
        if self._strategy == "RANDOM":
            return random.choice(able)  # noqa: S311 - chance, not secrecy
        least = min(each.under_way for each in able)
        return random.choice([each for each in able if each.under_way == least])  # noqa: S311

    def _check_open(self) -> None:
        if self._closed:
            raise Closed

    def _enter(self, instance: Instance) -> None:
        self._tick()
        self._outstanding += 1
        instance.under_way += 1

    def _leave(self, instance: Instance) -> None:
        with self._changed:
            self._tick()
            self._outstanding -= 1
            instance.under_way -= 1
            instance.idle_since = self._seen
            if self._ending:
                self._changed.notify_all()

    def _tick(self) -> None:
        now = time.monotonic()
        self._worked += self._outstanding * (now - self._seen)
        self._seen = now

    def _grow(self, missing: int) -> None:
        servers = self.servers
        starting = max(0, min(missing, self._processes - len(servers)))
        if starting:
            servers += self._start(starting)
        users = dict.fromkeys(servers, 0)
        for instance in self._instances:
            users[instance.server] += 1
        for _ in range(missing):
            server = min(users, key=lambda each: users[each])
            users[server] += 1
            with self._changed:
                self._instances.append(Instance(server))

    def _start(self, number: int) -> list[Process]:
        if number == 1:
            return [self._launch()]
        with ThreadPoolExecutor(number, thread_name_prefix="endpoint-launch") as pool:
            started = [pool.submit(contextvars.copy_context().run, self._launch) for _ in range(number)]
        failures = [failure for each in started if (failure := each.exception())]
        if failures:
            for each in started:
                if each.exception() is None:
                    each.result().close()
            raise failures[0]
        return [each.result() for each in started]

    def _shrink(self, number: int, patience: float = PATIENCE) -> None:
        if number == 0:
            return
        with self._changed:
            gone, self._instances = self._instances[-number:], self._instances[:-number]
            self._draining.update(gone)
            self._ending = [thread for thread in self._ending if thread.is_alive()]
            ending = threading.Thread(target=self._end, args=(gone, patience), name="endpoint-drain", daemon=True)
            self._ending.append(ending)
        ending.start()

    def _end(self, gone: list[Instance], patience: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._hurried or not any(each.under_way for each in gone), patience)
            self._draining.difference_update(gone)
            used = {each.server for each in (*self._instances, *self._draining)}
        for server in dict.fromkeys(each.server for each in gone):
            if server not in used:
                server.close()
