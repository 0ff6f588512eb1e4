"""Training on machines that are taken away, and on two at once, on the whole road: what serves is the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from headgate.domain.names import Project
from headgate.domain.runs import Outcome, Run

from .conftest import Cloud, headgate

EPOCHS = 100
SETTINGS = f"epochs: {EPOCHS}, patience: 1000, members: 2, layers: 1, hidden_units: 16, dropout: 0.0"
JOBS = {
    "whole": "instance_count: 1",
    "cut": "spot: true",
    "pair": "spot: true, instance_count: 2",
}
"""By project: how its job is trained. Those on spot machines are interrupted after their first checkpoint."""
NOTICE = {"cut": 120, "pair": 0}
"""Seconds between SIGTERM and SIGKILL. There may be none: SageMaker's training toolkit keeps the signal to itself."""
TOLERANCE = 0.005
"""Of the holdout's metrics: one row of 319. Two workers add up floats in another order, which epochs carry on; measured
were no difference for one worker, and 1e-8 of the logarithmic loss for two."""


@dataclass(frozen=True)
class Trained:
    """A run that has ended, its training job, and what training told of itself."""

    run: Run
    job: dict[str, Any]
    told: dict[str, Any]

    @property
    def interruptions(self) -> int:
        return [step["Status"] for step in self.job["SecondaryStatusTransitions"]].count("Interrupted")


@pytest.fixture(scope="module")
def trained(cloud: Cloud, table: Callable[..., bytes]) -> dict[str, Trained]:
    """The same table, trained in each way at the same time."""
    body, runs = table(1500, seed=31), {}
    for name, way in JOBS.items():
        project = Project("demo", name)
        cloud.settle(project, f"training: {{{SETTINGS}, {way}}}\n")
        if name in NOTICE:
            order = ("fault", "add", "interrupt-spot-instance", "--target", f"{project.endpoint}-*", "--count", "1")
            code, answer = headgate(cloud, *order, "--set", "checkpoints=1", "--set", f"notice={NOTICE[name]}")
            assert code == 0, answer
        runs[project] = cloud.drop(project, "rows.csv", body)
    found = {}
    for project, run in runs.items():
        ending = cloud.ending(project, run)
        assert ending.state == Outcome.PROMOTED, ending.reason
        job = cloud.client("sagemaker").describe_training_job(TrainingJobName=run)
        told = cloud.json(f"{project.prefix}runs/{run}/evaluation/card.json")["training"]
        found[project.name] = Trained(ending, job, told)
    return found


@pytest.mark.parametrize("name", ["cut", "pair"])
def test_a_job_whose_machines_are_taken_away_goes_on(trained: dict[str, Trained], name: str) -> None:
    cut = trained[name]
    assert cut.interruptions == 1
    resumed = cut.told["resumed"]
    assert resumed["stage"] != "search" or resumed["epoch"] > (1 if NOTICE[name] else 0)
    assert cut.told["epochs"] == EPOCHS
    assert trained["whole"].told["resumed"] is None


@pytest.mark.parametrize("name", ["cut", "pair"])
def test_what_is_promoted_is_as_good_as_of_one_undisturbed_machine(trained: dict[str, Trained], name: str) -> None:
    whole, other = trained["whole"], trained[name]
    assert other.told["workers"] == other.job["ResourceConfig"]["InstanceCount"] == (2 if name == "pair" else 1)
    assert other.run.metrics["challenger"] == pytest.approx(whole.run.metrics["challenger"], abs=TOLERANCE)
    assert other.told["data_digest"] == whole.told["data_digest"]
