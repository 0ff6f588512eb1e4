"""What endpoints measure and send to CloudWatch, with AWS's names, dimensions and units.

An invocation only leaves a note; a thread gathers the notes for a moment and publishes them. The same thread looks at
the instances every ten seconds, while there are any.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from headgate_local.cloudwatch.metrics import Metric, Metrics, metric
from headgate_local.proc import memory_of_the_machine, use_of

INVOCATIONS = "AWS/SageMaker"
UTILIZATION = "/aws/sagemaker/Endpoints"
GATHER = 0.2
"""Seconds between an invocation and its metrics, at most."""
LOOK = 10.0
"""Seconds between two looks at the instances: the period of AWS's high-resolution metric."""
FREQUENCY = 60
"""Seconds between values of the utilization when MetricsConfig does not say."""


class Note(NamedTuple):
    """What is to be published of one invocation."""

    meter: "Meter"
    at: float
    status: int
    """What the model answered; 0 if it did not."""
    instances: int
    model_seconds: float
    overhead_seconds: float


@dataclass(frozen=True, eq=False)
class Meter:
    """Where a variant's measurements go: make it in the context of the endpoint's account and region."""

    endpoint: str
    variant: str
    config: str
    serverless: bool = False
    frequency: float = FREQUENCY

    def __post_init__(self) -> None:
        self.keys  # noqa: B018 - now, in this context

    @cached_property
    def keys(self) -> dict[str, tuple[Metric, ...]]:
        """By name: the metrics that a value goes to, that of the variant and that of its fleet alone."""
        variant = {"EndpointName": self.endpoint, "VariantName": self.variant}
        fleet = {**variant, "EndpointConfigName": self.config}
        names = (*INVOCATION_METRICS, "ModelSetupTime", "ConcurrentRequestsPerModel")
        keys: dict[str, tuple[Metric, ...]] = {
            name: (metric(INVOCATIONS, name, variant), metric(INVOCATIONS, name, fleet)) for name in names
        }
        for name in ("CPUUtilization", "MemoryUtilization"):
            keys[name] = (metric(UTILIZATION, name, variant),)
        return keys


def _is(kind: int) -> Callable[[Note], float]:
    return lambda note: float(note.status // 100 == kind)


INVOCATION_METRICS: dict[str, tuple[str, Callable[[Note], float]]] = {
    "Invocations": ("None", lambda _: 1.0),
    "Invocation4XXErrors": ("None", _is(4)),
    # an instance that ended, or took too long, failed as a server does
    "Invocation5XXErrors": ("None", lambda note: float(note.status == 0 or note.status >= 500)),
    "InvocationModelErrors": ("None", lambda note: float(note.status // 100 != 2)),
    "InvocationsPerInstance": ("None", lambda note: 1.0 / max(note.instances, 1)),
    "ModelLatency": ("Microseconds", lambda note: round(note.model_seconds * 1e6)),
    "OverheadLatency": ("Microseconds", lambda note: round(note.overhead_seconds * 1e6)),
}
"""What every invocation publishes: the unit and the value."""


class Watched(NamedTuple):
    """A variant whose instances are looked at."""

    meter: Meter
    load: Callable[[], float]
    pids: Callable[[], list[int]]


class Telemetry:
    """Publishes what is noted, and looks at the instances that are watched."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._notes: deque[Note] = deque()
        self._watched: dict[Meter, Watched] = {}
        self._usage: dict[Meter, tuple[float, dict[int, float]]] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="endpoint-telemetry", daemon=True)
        self._thread.start()

    def note(self, note: Note) -> None:
        """Publish an invocation soon."""
        first = not self._notes
        self._notes.append(note)
        if first:
            with self._wake:
                self._wake.notify()

    def watch(self, watched: Watched) -> None:
        """Look at a variant's instances from now on."""
        with self._wake:
            self._watched[watched.meter] = watched
            self._wake.notify()

    def unwatch(self, meter: Meter) -> None:
        """Look at them no longer."""
        with self._wake:
            self._watched.pop(meter, None)
            self._usage.pop(meter, None)

    def setup(self, meter: Meter, seconds: float) -> None:
        """Publish how long a serverless variant took to start an instance."""
        for key in meter.keys["ModelSetupTime"]:
            self._metrics.put_counts(key, [(round(seconds * 1e6), 1.0)], "Microseconds", time.time())

    def close(self) -> None:
        """End the thread; what was noted is published."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            with self._wake:
                self._wake.wait_for(self._called, self._rest())
                if self._notes:
                    self._wake.wait_for(lambda: self._closed, GATHER)
            self._publish()
            if self._rest() == 0:
                self._next_look += LOOK
                self._look()

    def _called(self) -> bool:
        """Whether there is something to do before the next look."""
        return self._closed or bool(self._notes) or bool(self._watched) != bool(self._next_look)

    def _rest(self) -> float | None:
        """Seconds until the next look, or None when there is nothing to look at."""
        if not self._watched:
            self._next_look = 0.0
            return None
        self._next_look = self._next_look or time.monotonic()  # the first look is at once
        return max(0.0, self._next_look - time.monotonic())

    def _publish(self) -> None:
        gathered: dict[tuple[str, Meter, int], Counter[float]] = {}
        while self._notes:
            note = self._notes.popleft()
            for name, (_, value) in INVOCATION_METRICS.items():
                if name == "InvocationsPerInstance" and note.meter.serverless:
                    continue
                gathered.setdefault((name, note.meter, int(note.at)), Counter())[value(note)] += 1
        for (name, meter, second), counts in gathered.items():
            for key in meter.keys[name]:
                self._metrics.put_counts(key, counts.items(), INVOCATION_METRICS[name][0], second)

    def _look(self) -> None:
        now = time.time()
        for watched in list(self._watched.values()):
            meter = watched.meter
            load = watched.load()
            if not meter.serverless:
                for key in meter.keys["ConcurrentRequestsPerModel"]:
                    self._metrics.put_counts(key, [(round(load, 3), 1.0)], "None", now)
            self._look_at_use(watched, now)

    def _look_at_use(self, watched: Watched, now: float) -> None:
        meter = watched.meter
        at, before = self._usage.get(meter, (now, {}))
        if before and now - at < meter.frequency - LOOK / 2:
            return
        use = {pid: found for pid in watched.pids() if (found := use_of(pid))}
        self._usage[meter] = (now, {pid: found.seconds for pid, found in use.items()})
        whole = memory_of_the_machine()
        for pid, found in use.items():
            (key,) = meter.keys["MemoryUtilization"]
            self._metrics.put_counts(key, [(round(100 * found.memory / whole, 3), 1.0)], "Percent", now)
            if pid in before and not meter.serverless:
                (key,) = meter.keys["CPUUtilization"]
                part = 100 * (found.seconds - before[pid]) / (now - at)
                self._metrics.put_counts(key, [(round(max(part, 0.0), 3), 1.0)], "Percent", now)
