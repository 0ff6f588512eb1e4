"""Every branch of `train`."""

from collections.abc import Callable
from typing import Any

import pytest

from headgate.domain.names import validation_job

from . import conftest
from .conftest import Failure, Played, raised

GIVEN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
ACCEPTED = {
    "verdict": "accepted",
    "hyperparameters": {"epochs": "20"},
    "training_instance_type": "ml.m5.large",
    "training": {"instance_count": 1, "spot": False},
    "key": "arn:aws:kms:eu-central-1:123456789012:key/of-demo",
    "volume_key": "arn:aws:kms:eu-central-1:123456789012:key/of-demo",
    "volume_gb": 34,
    "holdout": "0123456789",
    "champion": None,
    "gate": {},
    "approval": {"mode": "manual", "expires_hours": 72, "remind_hours": 24},
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


SCRIPT: dict[str, list[Any]] = {
    "ValidateDataset": [ACCEPTED],
    "sagemaker:createTrainingJob": [TRAINED],
    "sagemaker:createProcessingJob": [{}],
    "JudgeChallenger": [PASSED],
    "RegisterVersion": [{"version": "3", "package": "arn:aws:sagemaker:eu-central-1:000000000000:model-package/x/3"}],
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
    assert promotion["Input"]["package"].endswith("/3")
    assert promotion["Input"]["approval"] == played.given_to("RegisterVersion")["approval"] == ACCEPTED["approval"]
    assert promotion["Name"] == GIVEN["run"]
    assert promotion["Input"]["version"] == "3"


def test_training_gets_the_code_and_its_settings_as_script_mode_wants_them(play: Play) -> None:
    job = play("train", GIVEN, SCRIPT).given_to("sagemaker:createTrainingJob")
    assert job["TrainingJobName"] == GIVEN["run"]
    assert job["ResourceConfig"]["VolumeSizeInGB"] == 34
    assert job["HyperParameters"]["sagemaker_program"] == '"train.py"'
    assert job["HyperParameters"]["epochs"] == "20"
    assert all(isinstance(value, str) for value in job["HyperParameters"].values())
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train", "validation", "spec", "code"]


def test_jobs_are_alone_on_the_network_and_speak_in_secret(play: Play) -> None:
    played = play("train", GIVEN, SCRIPT)
    training, evaluation = (played.given_to(f"sagemaker:create{kind}Job") for kind in ("Training", "Processing"))
    assert (training["EnableNetworkIsolation"], training["EnableInterContainerTrafficEncryption"]) == (True, True)
    # Who cannot fetch the program is given it.
    assert training["HyperParameters"]["sagemaker_submit_directory"] == '"/opt/ml/input/data/code/sourcedir.tar.gz"'
    assert evaluation["NetworkConfig"]["EnableInterContainerTrafficEncryption"] is True
    assert isinstance(evaluation["NetworkConfig"]["EnableNetworkIsolation"], bool)


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


LARGE = {
    "verdict": "large",
    "machine": {"instance_type": "ml.m5d.4xlarge", "volume_gb": 71},
    "key": "key",
    "volume_key": None,  # its disks encrypt themselves
}
TOO_LARGE = {**SCRIPT, "ValidateDataset": [LARGE, ACCEPTED]}


def test_what_is_too_large_for_a_function_is_validated_on_a_machine(play: Play) -> None:
    played = play("train", GIVEN, TOO_LARGE)
    assert played.states[-1] == "Promoted"
    first, second = (payload for name, payload in played.calls if name == "ValidateDataset")
    assert (first, second) == (GIVEN, {**GIVEN, "examined": True})
    job = next(arguments for name, arguments in played.calls if name == "sagemaker:createProcessingJob")
    assert job["ProcessingJobName"] == validation_job(GIVEN["run"]) != played.given_to("sagemaker:createProcessingJob")
    assert len(job["ProcessingJobName"]) <= 63
    cluster = job["ProcessingResources"]["ClusterConfig"]
    assert cluster == {"InstanceCount": 1, "InstanceType": "ml.m5d.4xlarge", "VolumeSizeInGB": 71}
    inputs = {each["InputName"]: each["S3Input"] for each in job["ProcessingInputs"]}
    assert inputs["parts"]["S3DataType"] == "ManifestFile"
    assert inputs["request"]["S3Uri"].endswith(f"demo/iris/datasets/{GIVEN['dataset']}/examination/request.json")
    assert job["NetworkConfig"]["EnableNetworkIsolation"] is True


@pytest.mark.parametrize(
    ("task", "answers", "at"),
    [
        ("sagemaker:createProcessingJob", [Failure("States.TaskFailed")], "Validate On A Machine"),
        ("ValidateDataset", [LARGE, Failure("NotFoundError")], "Validate What It Found"),
    ],
)
def test_a_machine_that_fails_ends_the_run_failed(play: Play, task: str, answers: list[Any], at: str) -> None:
    played = play("train", GIVEN, {**TOO_LARGE, task: answers})
    assert played.states[-4:] == [at, "Close The Run", "How Did It End?", "Failed"]
    assert played.given_to("CloseRun")["failure"]["error"] == answers[-1].error


def test_a_machine_that_cannot_be_had_at_once_is_asked_for_again(play: Play) -> None:
    full = Failure("SageMaker.ResourceLimitExceededException")
    played = play("train", GIVEN, {**TOO_LARGE, "sagemaker:createProcessingJob": [full, {}]})
    assert played.states[-1] == "Promoted"


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


def test_what_jobs_write_lies_under_the_tenants_key(play: Play) -> None:
    played = play("train", GIVEN, SCRIPT)
    trained, evaluated = (played.given_to(f"sagemaker:create{kind}Job") for kind in ("Training", "Processing"))
    key = ACCEPTED["key"]
    assert (trained["OutputDataConfig"]["KmsKeyId"], evaluated["ProcessingOutputConfig"]["KmsKeyId"]) == (key, key)
    assert trained["ResourceConfig"]["VolumeKmsKeyId"] == key
    assert evaluated["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key
    assert trained["RoleArn"].endswith("demo-training")


@pytest.mark.parametrize("inside", [False, True])
def test_jobs_work_in_the_vpc_where_there_is_one(play: Play, monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    if inside:
        monkeypatch.setitem(conftest.OUTSIDE, "SubnetIds", "subnet-1,subnet-2")
        monkeypatch.setitem(conftest.OUTSIDE, "SecurityGroupIds", "sg-1")
    played = play("train", GIVEN, SCRIPT)
    vpc = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]} if inside else None
    assert played.given_to("sagemaker:createTrainingJob").get("VpcConfig") == vpc
    network = played.given_to("sagemaker:createProcessingJob")["NetworkConfig"]
    assert (network.get("VpcConfig"), network["EnableInterContainerTrafficEncryption"]) == (vpc, True)
