"""How far a tuning job has come: its counters, its best job, and whether it is good enough to end."""

import time
from dataclasses import dataclass, field
from typing import Any

from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs import failures

WORTH = 0.01
"""An improvement of the best objective by at least this share counts as one."""
CONVERGED = 20
"""Jobs in a row without such an improvement that count as convergence; AWS keeps its own rule to itself."""
ATTEMPTS = 5
"""Failed jobs without any that succeeded after which a tuning job gives up."""


@dataclass
class Progress:
    """What the ended jobs of a tuning job come to."""

    maximize: bool
    criteria: Record = field(default_factory=dict)
    """TuningJobCompletionCriteria."""
    completed: int = 0
    stopped: int = 0
    retryable: int = 0
    failed: int = 0
    evaluated: int = 0
    """Jobs with an objective."""
    best: Record | None = None
    """The summary of the best job."""
    not_improving: int = 0
    """Jobs since the best objective became better by 1 %."""
    converged_at: float | None = None
    _mark: float | None = None
    """The objective that the next improvement is measured against."""

    def add(self, summary: Record) -> None:
        """Take note of a job that ended: a HyperParameterTrainingJobSummary."""
        status = summary["TrainingJobStatus"]
        self.completed += status == "Completed"
        self.stopped += status == "Stopped"
        if status == "Failed":
            internal = summary.get("FailureReason") == failures.INTERNAL
            self.retryable += internal
            self.failed += not internal
        if summary["ObjectiveStatus"] != "Succeeded":
            return
        self.evaluated += 1
        value = objective_of(summary)
        if self.best is None or self._better(value, objective_of(self.best)):
            self.best = summary
        if self._mark is None or self._better(value, self._mark + self._worth(self._mark)):
            self._mark, self.not_improving = value, 0
        else:
            self.not_improving += 1
        if self.not_improving >= CONVERGED and self.converged_at is None:
            self.converged_at = time.time()

    @property
    def ended(self) -> int:
        """Jobs that ended, however they did."""
        return self.completed + self.stopped + self.retryable + self.failed

    @property
    def hopeless(self) -> bool:
        """Whether jobs have only ever failed, and often enough."""
        return self.ended >= ATTEMPTS and self.all_failed

    @property
    def all_failed(self) -> bool:
        """Whether jobs have ended and all of them failed."""
        return self.ended > 0 and self.ended == self.retryable + self.failed

    @property
    def satisfied(self) -> bool:
        """Whether one of the completion criteria is met."""
        target = self.criteria.get("TargetObjectiveMetricValue")
        if target is not None and self.best is not None and not self._better(target, objective_of(self.best)):
            return True
        patience = self.criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        if patience is not None and self.not_improving >= patience:
            return True
        heeds_convergence = self.criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
        return heeds_convergence and self.converged_at is not None

    def members(self, running: int) -> dict[str, Any]:
        """The members of a tuning job's record that tell all this; ``running`` jobs are not at their end."""
        return {
            "TrainingJobStatusCounters": {
                "Completed": self.completed,
                "InProgress": running,
                "RetryableError": self.retryable,
                "NonRetryableError": self.failed,
                "Stopped": self.stopped,
            },
            "ObjectiveStatusCounters": {
                "Succeeded": self.evaluated,
                "Pending": running,
                "Failed": self.ended - self.evaluated,
            },
            "BestTrainingJob": self.best,
            "TuningJobCompletionDetails": {
                "NumberOfTrainingJobsObjectiveNotImproving": self.not_improving,
                "ConvergenceDetectedTime": self.converged_at,
            },
        }

    def _better(self, one: float, other: float) -> bool:
        return one > other if self.maximize else one < other

    def _worth(self, value: float) -> float:
        """How much an objective must change to be counted as better by 1 %; any change is enough beside zero."""
        return abs(value) * WORTH if self.maximize else -abs(value) * WORTH


def objective_of(summary: Record) -> float:
    """The objective that a job's summary tells."""
    value: float = summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value


def best_of(summaries: list[Record], maximize: bool) -> Record | None:
    """The summary with the best objective among those that have one; the first of equals."""
    with_objective = [summary for summary in summaries if summary["ObjectiveStatus"] == "Succeeded"]
    return (max if maximize else min)(with_objective, key=objective_of, default=None)
