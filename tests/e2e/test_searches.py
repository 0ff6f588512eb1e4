"""A search for settings on the real template: from project.yaml to the settings in the record."""

from collections.abc import Callable

import pytest

from headgate.domain.names import Project
from headgate.domain.runs import Outcome

from .conftest import Cloud

Table = Callable[..., bytes]


def test_a_search_promotes_its_best_trial_and_the_next_one_builds_on_it(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "searched")
    cloud.settle(project, "tuning: {trials: 4, strategy: random}\ntraining: {epochs: 6, members: 2}\n")
    run = cloud.ending(project, cloud.drop(project, "a.csv", table(600, seed=21)), 240)
    assert run.state == Outcome.PROMOTED, run.reason
    found = run.metrics["tuning"]
    assert (found["searched"], found["trials"], found["completed"], found["parent"]) == (True, 4, 4, None)
    sagemaker = cloud.client("sagemaker")
    listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=found["job"])
    trials = {each["TrainingJobName"]: each for each in listed["TrainingJobSummaries"]}
    for each in trials.values():
        assert {"learning_rate", "hidden_units", "layers"} <= set(each["TunedHyperParameters"])
        assert "members" not in each["TunedHyperParameters"]  # a person settled it
    # The defaults are a candidate like any other, by the same measure.
    best, defaults = found["best"], found["defaults"]
    told = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in trials.values()]
    assert best["objective"] == pytest.approx(max([*told, defaults["objective"]]), abs=1e-6)
    assert (best["training_job"] in trials) is not defaults["stand"]
    job = sagemaker.describe_training_job(TrainingJobName=best["training_job"])
    assert (
        job["HyperParameters"].items() >= {**best["settings"], "members": "2", "epochs": "6", "family": "dnn"}.items()
    )
    head = cloud.ledger.head(project)
    assert head.search is not None
    assert head.search.job == found["job"]
    assert head.champion is not None
    assert head.champion.model_data_url == job["ModelArtifacts"]["S3ModelArtifacts"]

    again = cloud.ending(project, cloud.drop(project, "b.csv", table(1200, seed=22)), 240)
    assert again.state in {Outcome.PROMOTED, Outcome.NOT_PROMOTED}, again.reason
    search = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=again.metrics["tuning"]["job"])
    assert search["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    assert again.metrics["tuning"]["parent"] == found["job"]


def test_a_search_among_families_says_which_one_won(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "families")
    cloud.settle(project, "tuning: {trials: 4, family: auto}\ntraining: {epochs: 3, members: 1, hidden_units: 16}\n")
    run = cloud.ending(project, cloud.drop(project, "a.csv", table(600, seed=23)), 240)
    assert run.state == Outcome.PROMOTED, run.reason
    found = run.metrics["tuning"]
    job = cloud.client("sagemaker").describe_training_job(TrainingJobName=found["best"]["training_job"])
    if not found["defaults"]["stand"]:
        assert job["HyperParameters"]["family"] == found["best"]["family"]
    listed = cloud.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=found["job"]
    )
    assert len({each["TrainingJobDefinitionName"] for each in listed["TrainingJobSummaries"]}) > 1


def test_a_search_over_budget_is_refused_before_any_job_starts(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "dear")
    cloud.settle(project, "tuning: {trials: 50, money: 0.01}\n")
    run = cloud.ending(project, cloud.drop(project, "a.csv", table(600, seed=24)))
    assert (run.state, run.reason_code) == (Outcome.REJECTED, "TUNING_OVER_BUDGET")
    assert "50 trials" in (run.reason or "")
    sagemaker = cloud.client("sagemaker")
    assert not sagemaker.list_hyper_parameter_tuning_jobs(NameContains="demo-dear")["HyperParameterTuningJobSummaries"]
    assert not sagemaker.list_training_jobs(NameContains="demo-dear")["TrainingJobSummaries"]
