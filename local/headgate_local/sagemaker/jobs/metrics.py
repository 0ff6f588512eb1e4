"""Metrics of training jobs: what MetricDefinitions find in the log, and where it goes."""

import math
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ministack.core.responses import AccountRegionScopedDict

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

NAMESPACE = "/aws/sagemaker/TrainingJobs"
"""Of all metrics of training jobs in CloudWatch; those of the log have the dimension ``TrainingJobName``."""

Line = tuple[float, str]
"""A line of a log, and when it was read (seconds since 1970)."""
Reading = tuple[str, float, float]
"""The name of a metric, when it was read, and its value."""


@dataclass(frozen=True)
class Definition:
    """A MetricDefinition with its regular expression compiled."""

    name: str
    pattern: re.Pattern[str]

    def values(self, text: str) -> Iterator[float]:
        """The value of each match in a line: its first group that took part, or all of it if there is no group."""
        for match in self.pattern.finditer(text):
            found = next((group for group in match.groups() if group is not None), match.group())
            try:
                value = float(found)
            except ValueError:
                continue
            if math.isfinite(value):  # CloudWatch takes no others
                yield value


def definitions(algorithm: Record) -> list[Definition]:
    """The MetricDefinitions of an AlgorithmSpecification; raises ApiError for one that is no regular expression."""
    found = []
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            found.append(Definition(definition["Name"], re.compile(definition["Regex"])))
        except re.error as error:
            raise invalid(f"The regular expression of the metric {definition['Name']} is invalid: {error}.") from error
    return found


class Readings:
    """What was read so far, by training job. Safe to use from many threads."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, list[tuple[float, float]]]] = AccountRegionScopedDict()
        self._ended: dict[str, bool] = AccountRegionScopedDict()
        self._changed = threading.Condition()

    def of(self, job_name: str) -> dict[str, list[tuple[float, float]]]:
        """By metric: ``(time, value)`` of every reading of a job's log so far, in the log's order."""
        with self._changed:
            return {name: list(values) for name, values in self._jobs.get(job_name, {}).items()}

    def wait(self, job_name: str, seen: int, seconds: float) -> int:
        """Wait until a job has more than `seen` readings, has ended, or the time is over; answers how many it has."""
        with self._changed:
            self._changed.wait_for(lambda: self._count(job_name) > seen or self._ended.get(job_name, False), seconds)
            return self._count(job_name)

    def begin(self, job_name: str) -> None:
        """There may be readings of a job from now on; those of a deleted job of that name are forgotten."""
        self.forget(job_name)

    def add(self, job_name: str, readings: Iterable[Reading]) -> None:
        """Keep new readings, and wake those who wait for them."""
        with self._changed:
            metrics = self._jobs.setdefault(job_name, {})
            for name, at, value in readings:
                metrics.setdefault(name, []).append((at, value))
            self._changed.notify_all()

    def end(self, job_name: str) -> None:
        """There will be no more readings of a job; those that there are stay until they are forgotten."""
        with self._changed:
            self._ended[job_name] = True
            self._changed.notify_all()

    def forget(self, job_name: str) -> None:
        """Nobody asks for the readings of a job any more."""
        with self._changed:
            self._jobs.pop(job_name, None)
            self._ended.pop(job_name, None)

    def _count(self, job_name: str) -> int:
        return sum(map(len, self._jobs.get(job_name, {}).values()))


class Collector:
    """Reads a training job's log as it is written: into the readings, the job's record and CloudWatch."""

    def __init__(self, sagemaker: "SageMaker", record: Record) -> None:
        self._sagemaker, self._job = sagemaker, record["TrainingJobName"]
        self._definitions = definitions(record["AlgorithmSpecification"])
        self._one_at_a_time = threading.Lock()  # each host's log is read by a thread of its own

    def __call__(self, lines: Sequence[Line]) -> None:
        """Take note of new lines of the log."""
        found = [
            (definition.name, at, value)
            for at, text in lines
            for definition in self._definitions
            for value in definition.values(text)
        ]
        if not found:
            return
        for name, at, value in found:
            self._sagemaker.metrics.put(NAMESPACE, name, {"TrainingJobName": self._job}, value, at=at)
        with self._one_at_a_time:
            self._sagemaker.jobs.readings.add(self._job, found)
            self._sagemaker.training_jobs.change(self._job, FinalMetricDataList=self._final())

    def _final(self) -> list[Record]:
        """The last reading of each metric."""
        readings = self._sagemaker.jobs.readings.of(self._job)
        names = dict.fromkeys(definition.name for definition in self._definitions)
        last = {name: readings[name][-1] for name in names if name in readings}
        return [{"MetricName": name, "Value": value, "Timestamp": at} for name, (at, value) in last.items()]
