"""Every branch of `observe`."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Failure, Played

GIVEN = {
    "tenant": "demo",
    "project": "iris",
    "place": "s3://artifacts/_captured/demo/iris/demo-iris-r1/observations/000001-1",
    "job": "demo-iris-m0123abcd-1",
    "machines": {"instance_type": "ml.m5.xlarge", "instance_count": 3, "volume_gb": 40},
    "key": "key",
    "volume_key": "key",
    "release": 1,
    "number": 1,
    "time": 1,
}
SCRIPT: dict[str, list[Any]] = {
    "sagemaker:createProcessingJob": [{}],
    "MonitorEndpoint": [{"decision": "JUDGED"}],
}
Play = Callable[..., Played]


def test_a_large_window_is_dealt_out_to_machines_and_judged(play: Play) -> None:
    played = play("observe", GIVEN, SCRIPT)
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Judged")
    assert played.given_to("MonitorEndpoint") == GIVEN
    job = played.given_to("sagemaker:createProcessingJob")
    assert job["ProcessingJobName"] == GIVEN["job"]
    inputs = {each["InputName"]: each["S3Input"] for each in job["ProcessingInputs"]}
    dealt = {name: each["S3DataDistributionType"] for name, each in inputs.items()}
    assert dealt == {"core": "FullyReplicated", "request": "FullyReplicated", "files": "ShardedByS3Key"}
    assert inputs["files"]["S3Uri"] == f"{GIVEN['place']}/files.json"
    cluster = job["ProcessingResources"]["ClusterConfig"]
    size = {"InstanceCount": 3, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 40}
    assert cluster == {**size, "VolumeKmsKeyId": "key"}
    assert job["RoleArn"].endswith("demo-processing")
    assert job["NetworkConfig"]["EnableNetworkIsolation"] is True


@pytest.mark.parametrize("task", SCRIPT)
def test_a_step_that_fails_ends_it_not_judged(play: Play, task: str) -> None:
    played = play("observe", GIVEN, {**SCRIPT, task: [Failure("States.TaskFailed")]})
    assert (played.status, played.states[-1], played.error) == ("FAILED", "Not Judged", "WindowNotJudged")


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("sagemaker:createProcessingJob", "SageMaker.ResourceLimitExceededException"),
        ("sagemaker:createProcessingJob", "SageMaker.AmazonSageMakerException"),
        ("MonitorEndpoint", "TransientError"),
    ],
)
def test_what_passes_by_itself_is_tried_again(play: Play, task: str, error: str) -> None:
    played = play("observe", GIVEN, {**SCRIPT, task: [Failure(error), *SCRIPT[task]]})
    assert played.states[-1] == "Judged"
