"""The running of tuning jobs: each has a thread that starts its training jobs and hears of their ends."""

import contextlib
import contextvars
import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs import failures, training_jobs
from headgate_local.sagemaker.jobs.runner import CloudStops
from headgate_local.sagemaker.resources import LONGEST_REASON
from headgate_local.sagemaker.tuning import children, definitions, warm_start
from headgate_local.sagemaker.tuning.definitions import Definition
from headgate_local.sagemaker.tuning.progress import Progress, best_of
from headgate_local.sagemaker.tuning.search import Plan, Search

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

QUIET = 5.0
"""Seconds without a reading after which a follower looks whether its job still runs."""
MOMENT = 1.0
"""Seconds for which it looks: a job whose readings are at their end still uploads its model."""


@dataclass(frozen=True)
class Child:
    """One training job of a tuning job."""

    name: str
    arn: str
    definition: int
    """The index of its training job definition, and of the search that it belongs to."""
    trial: int
    """Its number in that search."""


class Tuner:
    """One tuning job between its creation and its end."""

    def __init__(self, sagemaker: "SageMaker", record: Record) -> None:
        self.name: str = record["HyperParameterTuningJobName"]
        self._sagemaker, self._record = sagemaker, record
        config = record["HyperParameterTuningJobConfig"]
        self._definitions = definitions.read(record)
        self._searches = [Search(_plan(config, each)) for each in self._definitions]
        self._limit = definitions.how_many(config, self._definitions)
        self._parallel: int = config["ResourceLimits"]["MaxParallelTrainingJobs"]
        self._seconds: float | None = config["ResourceLimits"].get("MaxRuntimeInSeconds")
        self._progress = Progress(self._definitions[0].maximize, config.get("TuningJobCompletionCriteria", {}))
        self._began = time.monotonic()
        self._started = 0
        self._running: dict[str, Child] = {}
        self._ended: queue.SimpleQueue[Child | None] = queue.SimpleQueue()
        """Children at their end; None when the cloud ends."""
        self._lock = threading.Lock()
        self._over = False
        """Whether no further job may start: asked to stop, good enough, or out of time."""
        self._parents_best = self._learn()

    def run(self) -> None:
        """Do the whole job; sees to its record."""
        if self._is_stopping():  # a stop came when there was no tuner yet to tell
            self.wind_up()
        try:
            while self._fill():
                self._hear()
            status, reason = self._outcome()
        except ApiError as error:
            status, reason = "Failed", f"A training job could not be created: {error}"
        except Exception:
            logger.exception("Tuning job %s failed for a reason of the local cloud's", self.name)
            status, reason = "Failed", failures.INTERNAL
        self.wind_up()
        while self._running:
            self._take(self._next())
        self._tell(status, reason)

    def wind_up(self) -> None:
        """Start no further job, and stop those that run."""
        with self._lock:
            self._over = True
            running = list(self._running.values())
        for child in running:
            self._stop(child)

    def close(self) -> None:
        """Start no further job, and end without a word; the cloud ends."""
        with self._lock:
            self._over = True
        self._ended.put(None)

    def _learn(self) -> Record | None:
        """Take over what the parents of a warm start tried; answers the best job of them all, if that is told."""
        best = []
        for parent in warm_start.parents(self._sagemaker, self._record):
            found = children.summaries(self._sagemaker, parent)
            self._searches[0].learn(warm_start.tried(parent, found))
            best += [{**each, "TuningJobName": parent["HyperParameterTuningJobName"]} for each in found]
        identical = self._record.get("WarmStartConfig", {}).get("WarmStartType") == warm_start.IDENTICAL
        return best_of(best, self._progress.maximize) if identical else None

    def _fill(self) -> bool:
        """Start as many jobs as there is room for; whether any runs."""
        while self._started < self._limit and len(self._running) < self._parallel and not self._progress.hopeless:
            with self._lock:
                if self._over:
                    break
                self._start()
            self._note()
        return bool(self._running)

    def _start(self) -> None:
        """Start the next job; the definitions take turns as long as there is something left to try."""
        which = self._next_definition()
        trial, tuned = self._searches[which].ask()
        request = children.request(self._record, self._definitions[which], self._started + 1, tuned)
        arn = training_jobs.create(self._sagemaker, request)["TrainingJobArn"]
        self._started += 1
        child = self._running[request["TrainingJobName"]] = Child(request["TrainingJobName"], arn, which, trial)
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._follow, child), name=f"tuning {child.name}", daemon=True).start()

    def _next_definition(self) -> int:
        unfinished = [number for number, search in enumerate(self._searches) if not search.exhausted]
        return min(unfinished, key=lambda number: self._searches[number].asked)

    def _follow(self, child: Child) -> None:
        """In a thread of its own: see a job to its end, and stop it before if its readings are poor."""
        jobs = self._sagemaker.jobs
        if self._searches[child.definition].judges and self._is_poor(child):
            self._stop(child)
        jobs.wait(child.arn, threading.TIMEOUT_MAX)
        self._ended.put(child)

    def _is_poor(self, child: Child) -> bool:
        """Follow the readings of a job; whether they were poor, or came to their end."""
        jobs, search = self._sagemaker.jobs, self._searches[child.definition]
        metric, seen, judged = self._definitions[child.definition].metric, 0, 0
        while True:
            count = jobs.readings.wait(child.name, seen, QUIET)
            if count == seen and jobs.wait(child.arn, MOMENT):
                return False
            seen = count
            values = [value for _, value in jobs.readings.of(child.name).get(metric, [])]
            if search.judge(child.trial, values, judged):
                return True
            judged = len(values)

    def _hear(self) -> None:
        """Wait for the end of a job, or of the time."""
        left = None
        if self._seconds is not None and not self._over:
            left = max(self._seconds - (time.monotonic() - self._began), 0)
        try:
            self._take(self._next(left))
        except queue.Empty:
            self.wind_up()
        if self._progress.satisfied and not self._over:
            self.wind_up()

    def _next(self, seconds: float | None = None) -> Child:
        """The next child that ends; raises queue.Empty if that takes longer."""
        child = self._ended.get(timeout=seconds)
        if child is None:
            raise CloudStops
        return child

    def _take(self, child: Child) -> None:
        """Learn from a job that ended."""
        self._sagemaker.jobs.readings.forget(child.name)
        with self._lock:
            del self._running[child.name]
        definition = self._definitions[child.definition]
        record = self._sagemaker.training_jobs.find(child.name)
        if record is not None:
            summary = children.summary(record, definition)
            self._progress.add(summary)
            value = children.objective(record, definition.metric) if summary["ObjectiveStatus"] == "Succeeded" else None
            self._searches[child.definition].tell(child.trial, value, whole=record["TrainingJobStatus"] == "Completed")
        self._note()

    def _outcome(self) -> tuple[str, str | None]:
        progress = self._progress
        if self._is_stopping():
            return "Stopped", None
        if progress.all_failed:
            return "Failed", (
                f"No training job succeeded after {progress.ended} attempts. "
                "Please take a look at the training job failures to get more details."
            )
        return "Completed", None

    def _is_stopping(self) -> bool:
        return bool(self._sagemaker.tuning_jobs.get(self.name)["HyperParameterTuningJobStatus"] == "Stopping")

    def _stop(self, child: Child) -> None:
        with contextlib.suppress(ApiError):  # it may end in this very moment
            training_jobs.stop(self._sagemaker, {"TrainingJobName": child.name})

    def _note(self) -> None:
        """Bring the record up to date."""
        self._sagemaker.tuning_jobs.change(self.name, **self._members())

    def _tell(self, status: str, reason: str | None) -> None:
        record = self._sagemaker.tuning_jobs.change(
            self.name,
            HyperParameterTuningJobStatus=status,
            HyperParameterTuningEndTime=time.time(),
            FailureReason=reason and reason[:LONGEST_REASON],
            **self._members(),
        )
        self._sagemaker.events.tuning_job(record)

    def _members(self) -> Record:
        members = self._progress.members(len(self._running))
        members["ConsumedResources"] = {"RuntimeInSeconds": int(time.monotonic() - self._began)}
        if self._record.get("WarmStartConfig", {}).get("WarmStartType") == warm_start.IDENTICAL:
            own = self._progress.best and {**self._progress.best, "TuningJobName": self.name}
            found = [each for each in (self._parents_best, own) if each is not None]
            members["OverallBestTrainingJob"] = best_of(found, self._progress.maximize)
        return members


def _plan(config: Record, definition: Definition) -> Plan:
    """The search of one definition."""
    return Plan(
        strategy=config["Strategy"],
        maximize=definition.maximize,
        ranges=definition.ranges,
        seed=config.get("RandomSeed"),
        early_stopping=config.get("TrainingJobEarlyStoppingType") == "Auto",
        resources=definition.resources,
    )
