"""Every branch of `train`."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Failure, Played, raised

GIVEN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
ACCEPTED = {
    "verdict": "accepted",
    "hyperparameters": {"epochs": "20"},
    "training_instance_type": "ml.m5.large",
    "training": {"instance_count": 1, "spot": False},
    "holdout": "0123456789",
    "champion": None,
    "gate": {},
    "endpoint": {"instance_type": "ml.m5.large", "instance_count": 1},
}
CHAMPION = {
    "sequence": 4,
    "version": "1",
    "dataset": "fedcba9876",
    "model_data_url": "s3://bucket/champion/model.tar.gz",
}
PASSED = {
    "decision": "pass",
    "format": "int8",
    "reason_code": "BETTER",
    "reason": "Better.",
    "metrics": {"metric": "auc"},
}
REFUSED = {**PASSED, "decision": "fail", "reason_code": "WORSE", "reason": "Worse."}
TRAINED = {
    "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"},
    "FinalMetricDataList": [
        {"MetricName": "validation:loss", "Value": 0.3},
        {"MetricName": "validation:objective", "Value": 0.91},
    ],
}
PROMOTED = {"outcome": "PROMOTED", "reason_code": "SERVING", "reason": "Serves."}


def as_told(payload: dict[str, Any]) -> dict[str, str]:
    """CloseRun's answer when nothing speaks against what it was told."""
    return {"outcome": payload["outcome"], "reason_code": payload.get("reason_code", "X")}


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
SCRIPT: dict[str, list[Any]] = {
    "ValidateDataset": [ACCEPTED],
    "sagemaker:createTrainingJob": [TRAINED],
    "sagemaker:createProcessingJob": [{}],
    "JudgeChallenger": [PASSED],
    "RegisterVersion": [{"version": "3"}],
    "states:startExecution": [{"Output": PROMOTED}],
    "CloseRun": [as_told],
}
Play = Callable[..., Played]


def test_a_good_dataset_is_promoted(play: Play) -> None:
    played = play("train", GIVEN, SCRIPT)
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Promoted")
    assert played.given_to("CloseRun") == {**GIVEN, **PROMOTED, "version": "3", "metrics": {"metric": "auc"}}
    assert played.given_to("RegisterVersion")["model_data_url"] == "s3://bucket/model.tar.gz"
    assert played.given_to("RegisterVersion")["format"] == "int8"
    promotion = played.given_to("states:startExecution")
    assert promotion["Input"]["format"] == "int8"
    assert promotion["Name"] == GIVEN["run"]
    assert promotion["Input"]["version"] == "3"


def test_training_gets_the_code_and_its_settings_as_script_mode_wants_them(play: Play) -> None:
    job = play("train", GIVEN, SCRIPT).given_to("sagemaker:createTrainingJob")
    assert job["TrainingJobName"] == GIVEN["run"]
    assert job["HyperParameters"]["sagemaker_program"] == '"train.py"'
    assert job["HyperParameters"]["epochs"] == "20"
    assert all(isinstance(value, str) for value in job["HyperParameters"].values())
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train", "validation", "spec"]


@pytest.mark.parametrize("spot", [True, False])
def test_a_job_on_spare_machines_may_wait_and_keeps_checkpoints(play: Play, spot: bool) -> None:
    accepted = {**ACCEPTED, "training": {"instance_count": 1, "spot": spot}}
    job = play("train", GIVEN, {**SCRIPT, "ValidateDataset": [accepted]}).given_to("sagemaker:createTrainingJob")
    assert job["EnableManagedSpotTraining"] is spot
    assert ("MaxWaitTimeInSeconds" in job["StoppingCondition"]) is spot
    assert job["Environment"]["HEADGATE_CHECKPOINTS"] == ("/opt/ml/checkpoints" if spot else "")
    assert job["CheckpointConfig"]["S3Uri"].endswith(f"demo/iris/runs/{GIVEN['run']}/checkpoints")


@pytest.mark.parametrize("count", [1, 3])
def test_several_machines_train_together(play: Play, count: int) -> None:
    accepted = {**ACCEPTED, "training": {"instance_count": count, "spot": False}}
    job = play("train", GIVEN, {**SCRIPT, "ValidateDataset": [accepted]}).given_to("sagemaker:createTrainingJob")
    assert job["ResourceConfig"]["InstanceCount"] == count
    assert ("sagemaker_multi_worker_mirrored_strategy_enabled" in job["HyperParameters"]) is (count > 1)


OLDER = "fedcba9876"


@pytest.mark.parametrize(
    ("champion", "holdout", "added"),
    [
        (None, GIVEN["dataset"], []),
        (CHAMPION, GIVEN["dataset"], ["champion"]),
        (CHAMPION, OLDER, ["champion", "newest"]),
        (None, OLDER, []),
    ],
)
def test_the_champion_is_evaluated_beside_the_challenger(
    play: Play, champion: Any, holdout: str, added: list[str]
) -> None:
    accepted = {**ACCEPTED, "champion": champion, "holdout": holdout}
    played = play("train", GIVEN, {**SCRIPT, "ValidateDataset": [accepted]})
    job = played.given_to("sagemaker:createProcessingJob")
    places = {each["InputName"]: each["S3Input"]["S3Uri"] for each in job["ProcessingInputs"]}
    assert list(places) == ["code", "holdout", "challenger", "report", *added]
    assert places["holdout"].endswith(f"/datasets/{holdout}/test.parquet")
    assert places.get("newest", GIVEN["dataset"]).removesuffix("/test.parquet").endswith(GIVEN["dataset"])
    assert job["Environment"]["HEADGATE_CHAMPION"] == (champion["version"] if champion else "")
    assert all(isinstance(value, str) for value in job["Environment"].values())
    assert played.states[-1] == "Promoted"
    promotion = played.given_to("states:startExecution")
    assert promotion["Input"]["judged_against"] == (champion and champion["sequence"])


def test_a_challenger_judged_against_another_champion_is_not_promoted(play: Play) -> None:
    refusal = {"outcome": "NOT_PROMOTED", "reason_code": "CHAMPION_CHANGED", "reason": "Drop it again."}
    played = play("train", GIVEN, {**SCRIPT, "states:startExecution": [{"Output": refusal}]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Not Promoted")
    assert played.given_to("CloseRun") == {**GIVEN, **refusal, "version": "3", "metrics": {"metric": "auc"}}


def test_refused_data_ends_rejected(play: Play) -> None:
    rejected = {"verdict": "rejected", "reason_code": "EMPTY_FILE", "reason": "The file is empty."}
    played = play("train", GIVEN, {**SCRIPT, "ValidateDataset": [rejected]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Rejected")
    assert played.given_to("CloseRun")["outcome"] == "REJECTED"
    assert played.given_to("CloseRun")["reason"] == "The file is empty."


@pytest.mark.parametrize("decision", ["fail", "inconclusive", "anything else"])
def test_only_a_pass_opens_the_gate(play: Play, decision: str) -> None:
    played = play("train", GIVEN, {**SCRIPT, "JudgeChallenger": [{**REFUSED, "decision": decision}]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Not Promoted")
    assert played.given_to("CloseRun")["outcome"] == "NOT_PROMOTED"
    assert not [name for name, _ in played.calls if name in {"RegisterVersion", "states:startExecution"}]


def test_an_update_that_sagemaker_rolled_back_is_told_so(play: Play) -> None:
    ending = {"outcome": "ROLLED_BACK", "reason_code": "UPDATE_ROLLED_BACK", "reason": "Kept the old one."}
    played = play("train", GIVEN, {**SCRIPT, "states:startExecution": [{"Output": ending}]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Rolled Back")


def test_a_promotion_that_failed_fails_the_run_with_its_reason(play: Play) -> None:
    ending = {"outcome": "FAILED", "reason_code": "ENDPOINT_FAILED", "reason": "No capacity."}
    played = play("train", GIVEN, {**SCRIPT, "states:startExecution": [{"Output": ending}]})
    assert (played.status, played.states[-1]) == ("FAILED", "Failed")
    assert played.given_to("CloseRun")["reason"] == "No capacity."


TASKS = {
    "ValidateDataset": "Validate The Dataset",
    "sagemaker:createTrainingJob": "Train The Challenger",
    "sagemaker:createProcessingJob": "Evaluate The Challenger",
    "JudgeChallenger": "Judge The Challenger",
    "RegisterVersion": "Register The Version",
    "states:startExecution": "Promote The Version",
}


@pytest.mark.parametrize("task", TASKS)
def test_a_step_that_fails_is_recorded_and_ends_the_run_failed(play: Play, task: str) -> None:
    failure = raised("KeyError", "'x'")
    played = play("train", GIVEN, {**SCRIPT, task: [failure]})
    assert played.status == "FAILED"
    assert played.states[-4:] == [TASKS[task], "Close The Run", "How Did It End?", "Failed"]
    closed = played.given_to("CloseRun")
    assert closed["failure"] == {"error": failure.error, "cause": failure.cause}
    assert closed["run"] == GIVEN["run"]


def test_a_failed_promotion_is_closed_with_its_failure_and_ends_as_the_ledger_says(play: Play) -> None:
    failure = raised("AccessDeniedError", "AWS refused to update endpoint demo-iris.")
    output = {
        "outcome": "FAILED",
        "reason_code": "PROMOTION_FAILED",
        "failure": {"error": failure.error, "cause": failure.cause},
    }
    script = {**SCRIPT, "states:startExecution": [{"Output": output}]}
    played = play("train", GIVEN, script)
    assert (played.status, played.states[-1]) == ("FAILED", "Failed")
    assert played.given_to("CloseRun") == {**GIVEN, **output, "version": "3", "metrics": {"metric": "auc"}}
    settled = {"outcome": "PROMOTED", "reason_code": "SERVING"}  # what the endpoint told when it came to rest
    played = play("train", GIVEN, {**script, "CloseRun": [Failure("EndpointBusyError"), settled]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Promoted")


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("ValidateDataset", "TransientError"),
        ("ValidateDataset", "Lambda.ClientExecutionTimeoutException"),
        ("JudgeChallenger", "Lambda.TooManyRequestsException"),
        ("RegisterVersion", "ConflictError"),
        ("sagemaker:createTrainingJob", "SageMaker.ResourceLimitExceededException"),
        ("sagemaker:createProcessingJob", "SageMaker.AmazonSageMakerException"),
        ("states:startExecution", "StepFunctions.AWSStepFunctionsException"),
        ("CloseRun", "ConflictError"),
        ("CloseRun", "EndpointBusyError"),
    ],
)
def test_what_passes_by_itself_is_tried_again(play: Play, task: str, error: str) -> None:
    played = play("train", GIVEN, {**SCRIPT, task: [Failure(error), Failure(error), *SCRIPT[task]]})
    assert played.states[-1] == "Promoted"
    assert len([name for name, _ in played.calls if name == task]) == 3


def test_a_ledger_that_cannot_be_written_leaves_the_run_to_the_safety_net(play: Play) -> None:
    played = play("train", GIVEN, {**SCRIPT, "CloseRun": [Failure("AccessDeniedError")]})
    assert (played.status, played.states[-1]) == ("FAILED", "Left To The Safety Net")
    failing = {**SCRIPT, "JudgeChallenger": [Failure("KeyError")], "CloseRun": [Failure("AccessDeniedError")]}
    assert play("train", GIVEN, failing).states[-1] == "Left To The Safety Net"


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


def test_a_search_is_of_the_training_that_would_have_been(play: Play) -> None:
    search = play("train", GIVEN, SEARCH).given_to(CREATED)
    trained = play("train", GIVEN, SCRIPT).given_to("sagemaker:createTrainingJob")
    given = search["TrainingJobDefinition"]
    assert "WarmStartConfig" not in search
    assert search["HyperParameterTuningJobConfig"] == PLAN["config"]
    for member in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition"):
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
