"""The branches of `train` that search for settings."""

from typing import Any

import pytest

from .conftest import Failure, Played
from .test_train import ACCEPTED, GIVEN, SCRIPT, TRAINED, Play

TUNING = {"searched": True, "job": "demo-iris-0123"}
PLAN = {
    "decision": "search",
    "name": "demo-iris-0123",
    "config": {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 600},
        "ParameterRanges": {"IntegerParameterRanges": [{"Name": "layers", "MinValue": "1", "MaxValue": "4"}]},
    },
    "definitions": [{"DefinitionName": "dnn", "StaticHyperParameters": {"family": "dnn", "epochs": "20"}}],
    "metric": "validation:auc",
    "regex": "objective=([0-9.eE+-]+)",
    "parent": None,
    "shape": "0123456789abcdef",
    "family": "transformer",
    "tuning": TUNING,
}
SEARCHED = {**ACCEPTED, "tuning": {"strategy": "auto", "trials": 4}}
BEST = {"model_data_url": "s3://bucket/best/model.tar.gz", "tuning": {**TUNING, "trials": 4}}
SEARCH: dict[str, list[Any]] = {
    **SCRIPT,
    "ValidateDataset": [SEARCHED],
    "PlanTraining": [PLAN],
    "sagemaker:createHyperParameterTuningJob": [{"BestTrainingJob": {}}],
    "ChooseWinner": [BEST],
}
CREATED = "sagemaker:createHyperParameterTuningJob"


def made(played: Played) -> set[str]:
    return {name for name, _ in played.calls if name.startswith("sagemaker:create")}


def test_nobody_plans_a_search_that_nobody_asked_for(play: Play) -> None:
    played = play("train", GIVEN, {**SCRIPT, "ValidateDataset": [{**ACCEPTED, "tuning": None}]})
    assert "Plan The Training" not in played.states
    assert played.states[-1] == "Promoted"


def test_a_search_promotes_its_best_trial_and_keeps_the_settings_in_the_record(play: Play) -> None:
    played = play("train", GIVEN, SEARCH)
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Promoted")
    assert played.given_to("RegisterVersion")["model_data_url"] == BEST["model_data_url"]
    assert played.given_to("CloseRun")["metrics"] == {"metric": "auc", "tuning": BEST["tuning"]}
    assert played.given_to("ChooseWinner") == {
        **GIVEN,
        "name": PLAN["name"],
        "shape": PLAN["shape"],
        "tuning": TUNING,
        "cut_short": False,
        "defaults": {"model_data_url": "s3://bucket/model.tar.gz", "objective": 0.91},
    }


@pytest.mark.parametrize("told", [{}, {"FinalMetricDataList": [{"MetricName": "validation:loss", "Value": 0.3}]}])
def test_defaults_that_told_no_objective_are_compared_all_the_same(play: Play, told: dict[str, Any]) -> None:
    trained = {"ModelArtifacts": TRAINED["ModelArtifacts"], **told}
    played = play("train", GIVEN, {**SEARCH, "sagemaker:createTrainingJob": [trained]})
    assert played.given_to("ChooseWinner")["defaults"]["objective"] is None
    assert played.states[-1] == "Promoted"


def test_the_defaults_are_those_of_the_family_that_is_searched(play: Play) -> None:
    job = play("train", GIVEN, SEARCH).given_to("sagemaker:createTrainingJob")
    assert job["HyperParameters"]["family"] == PLAN["family"]
    among = play("train", GIVEN, {**SEARCH, "PlanTraining": [{**PLAN, "family": None}]})
    assert "family" not in among.given_to("sagemaker:createTrainingJob")["HyperParameters"]


ALONE = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption")


def test_a_search_is_of_the_training_that_would_have_been(play: Play) -> None:
    search = play("train", GIVEN, SEARCH).given_to(CREATED)
    trained = play("train", GIVEN, SCRIPT).given_to("sagemaker:createTrainingJob")
    given = search["TrainingJobDefinition"]
    assert "WarmStartConfig" not in search
    assert search["HyperParameterTuningJobConfig"] == PLAN["config"]
    for member in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition", *ALONE):
        assert given[member] == trained[member], member
    for member in ("TrainingImage", "TrainingInputMode"):
        assert given["AlgorithmSpecification"][member] == trained["AlgorithmSpecification"][member]
    own = {name: value for name, value in trained["HyperParameters"].items() if name.startswith("sagemaker_")}
    assert given["StaticHyperParameters"] == {**own, "family": "dnn", "epochs": "20"}


def test_a_search_among_families_has_a_definition_for_each(play: Play) -> None:
    config = {name: value for name, value in PLAN["config"].items() if name in ("Strategy", "ResourceLimits")}
    both = [
        {
            "DefinitionName": family,
            "StaticHyperParameters": {"family": family},
            "TuningObjective": PLAN["config"]["HyperParameterTuningJobObjective"],
            "HyperParameterRanges": PLAN["config"]["ParameterRanges"],
        }
        for family in ("dnn", "transformer")
    ]
    plan = {**PLAN, "config": config, "definitions": both, "shape": None}
    search = play("train", GIVEN, {**SEARCH, "PlanTraining": [plan]}).given_to(CREATED)
    assert [each["DefinitionName"] for each in search["TrainingJobDefinitions"]] == ["dnn", "transformer"]
    assert "TrainingJobDefinition" not in search


def test_a_plan_may_say_that_defaults_are_better(play: Play) -> None:
    told = {"searched": False, "why": "Too few rows."}
    plan = {"decision": "train", "reason_code": "DEFAULTS", "reason": "Too few rows.", "tuning": told}
    played = play("train", GIVEN, {**SEARCH, "PlanTraining": [plan]})
    assert played.states[-1] == "Promoted"
    assert played.given_to("RegisterVersion")["model_data_url"] == "s3://bucket/model.tar.gz"
    assert played.given_to("CloseRun")["metrics"]["tuning"] == told


def test_a_search_over_budget_is_refused_before_any_job(play: Play) -> None:
    plan = {"decision": "refused", "reason_code": "TUNING_OVER_BUDGET", "reason": "Too dear."}
    played = play("train", GIVEN, {**SEARCH, "PlanTraining": [plan]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Rejected")
    assert played.given_to("CloseRun")["reason_code"] == "TUNING_OVER_BUDGET"
    assert made(played) == set()


def test_a_search_that_was_stopped_still_gives_the_best_that_completed(play: Play) -> None:
    stopped = Failure("States.TaskFailed", '{"HyperParameterTuningJobStatus": "Stopped"}')
    played = play("train", GIVEN, {**SEARCH, CREATED: [stopped]})
    assert played.states[-1] == "Promoted"
    assert played.given_to("ChooseWinner")["cut_short"] is True


@pytest.mark.parametrize("error", ["SageMaker.ResourceNotFoundException", "SageMaker.AmazonSageMakerException"])
def test_a_search_whose_parent_is_gone_starts_without_it(play: Play, error: str) -> None:
    plan = {**PLAN, "parent": "last-search"}

    def create(request: dict[str, Any]) -> Any:
        return {}

    script = {**SEARCH, "PlanTraining": [plan], CREATED: [*[Failure(error)] * (4 if "Amazon" in error else 1), create]}
    played = play("train", GIVEN, script)
    assert played.states[-1] == "Promoted"
    requests = [given for name, given in played.calls if name == CREATED]
    assert requests[0]["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    assert requests[0]["WarmStartConfig"]["ParentHyperParameterTuningJobs"] == [
        {"HyperParameterTuningJobName": "last-search"}
    ]
    assert "WarmStartConfig" not in requests[-1]


@pytest.mark.parametrize(
    ("task", "error", "state"),
    [
        ("PlanTraining", "KeyError", "Plan The Training"),
        ("ChooseWinner", "KeyError", "Choose The Winner"),
        (CREATED, "SageMaker.ResourceLimitExceededException", "Search For Settings"),
        (CREATED, "SageMaker.AmazonSageMakerException", "Did It Build On Another Search?"),
        (CREATED, "States.Timeout", "Search For Settings"),
    ],
)
def test_a_step_of_a_search_that_fails_is_recorded(play: Play, task: str, error: str, state: str) -> None:
    failure = Failure(error, "cause")
    played = play("train", GIVEN, {**SEARCH, task: [failure]})
    assert played.states[-4:] == [state, "Close The Run", "How Did It End?", "Failed"]
    assert played.given_to("CloseRun")["failure"] == {"error": error, "cause": "cause"}


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("PlanTraining", "TransientError"),
        ("ChooseWinner", "ConflictError"),
        (CREATED, "SageMaker.ResourceLimitExceededException"),
        (CREATED, "SageMaker.AmazonSageMakerException"),
    ],
)
def test_a_step_of_a_search_is_tried_again_where_that_helps(play: Play, task: str, error: str) -> None:
    played = play("train", GIVEN, {**SEARCH, task: [Failure(error), Failure(error), *SEARCH[task]]})
    assert played.states[-1] == "Promoted"
    assert len([name for name, _ in played.calls if name == task]) == 3
