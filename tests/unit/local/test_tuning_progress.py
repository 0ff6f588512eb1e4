"""Counters, the best job, and the criteria that end a tuning job."""

import pytest

from headgate_local.sagemaker.jobs import failures
from headgate_local.sagemaker.tuning.progress import CONVERGED, Progress, best_of


def ended(value: float | None = None, status: str = "Completed", reason: str = "AlgorithmError: x") -> dict:
    objective = {} if value is None else {"FinalHyperParameterTuningJobObjectiveMetric": {"Value": value}}
    evaluated = "Failed" if value is None else "Succeeded"
    failure = {"FailureReason": reason} if status == "Failed" else {}
    return {"TrainingJobStatus": status, "ObjectiveStatus": evaluated, **objective, **failure}


def after(progress: Progress, *summaries: dict) -> Progress:
    for summary in summaries:
        progress.add(summary)
    return progress


def test_jobs_are_counted_by_how_they_ended() -> None:
    jobs = [
        ended(1.0),
        ended(),
        ended(0.5, "Stopped"),
        ended(status="Failed"),
        ended(status="Failed", reason=failures.INTERNAL),
    ]
    members = after(Progress(True), *jobs).members(running=2)
    assert members["TrainingJobStatusCounters"] == {
        "Completed": 2, "InProgress": 2, "RetryableError": 1, "NonRetryableError": 1, "Stopped": 1
    }  # fmt: skip
    assert members["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 2, "Failed": 3}
    assert members["BestTrainingJob"] == jobs[0]


@pytest.mark.parametrize(("maximize", "best"), [(True, 3.0), (False, -2.0)])
def test_the_best_is_the_largest_or_the_smallest(maximize, best) -> None:
    jobs = [ended(value) for value in (1.0, 3.0, -2.0)]
    assert after(Progress(maximize), *jobs, ended()).best == ended(best)
    assert best_of([*jobs, ended()], maximize) == ended(best)
    assert best_of([ended()], maximize) is None


@pytest.mark.parametrize(("maximize", "reached", "missed"), [(True, 0.9, 0.89), (False, 0.1, 0.11)])
def test_a_target_that_is_reached_satisfies(maximize, reached, missed) -> None:
    criteria = {"TargetObjectiveMetricValue": reached}
    assert after(Progress(maximize, criteria), ended(reached)).satisfied
    assert not after(Progress(maximize, criteria), ended(missed)).satisfied
    assert not Progress(maximize, criteria).satisfied


@pytest.mark.parametrize(("maximize", "sign"), [(True, 1.0), (False, -1.0)])
def test_less_than_one_percent_is_no_improvement(maximize, sign) -> None:
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    progress = after(Progress(maximize, criteria), *(ended(sign * value) for value in (0.5, 0.504, 0.503)))
    assert (progress.not_improving, progress.satisfied) == (2, False)
    after(progress, ended(sign * 0.506))
    assert progress.not_improving == 0
    after(progress, *(ended(sign * 0.4) for _ in range(3)))
    assert progress.satisfied


def test_convergence_ends_a_job_only_if_it_is_to() -> None:
    jobs = [ended(0.5)] * (CONVERGED + 1)
    watched, heeded = (
        after(Progress(True, {"ConvergenceDetected": {"CompleteOnConvergence": flag}}), *jobs)
        for flag in ("Disabled", "Enabled")
    )
    assert not watched.satisfied
    assert watched.members(0)["TuningJobCompletionDetails"]["ConvergenceDetectedTime"] is not None
    assert heeded.satisfied
    assert not after(Progress(True, heeded.criteria), *jobs[:-1]).satisfied


def test_failures_alone_are_hopeless_after_five() -> None:
    failed = [ended(status="Failed")] * 5
    assert after(Progress(True), *failed).hopeless
    assert not after(Progress(True), *failed[:4]).hopeless
    assert not after(Progress(True), *failed, ended()).hopeless
