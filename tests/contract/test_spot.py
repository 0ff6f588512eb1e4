"""Managed spot training: checkpoints, interruptions on order, the longest wait; and retries."""

import textwrap

import pytest
from botocore.exceptions import ClientError
from contract.live import untar
from waiting import eventually

GOES_ON = """
import argparse, os, pathlib, time
parser = argparse.ArgumentParser()
parser.add_argument("--checkpoints", type=pathlib.Path)
checkpoints = parser.parse_args().checkpoints
done = sorted(path.name for path in checkpoints.iterdir())
(checkpoints / f"step-{len(done)}").write_text("state")
if not done:
    print("first", flush=True)
    time.sleep(600)
pathlib.Path(os.environ["SM_MODEL_DIR"], "m").write_text(" ".join(done))
"""

GOES_ON_UNTIL_FOUR = GOES_ON.replace("if not done", "if len(done) < 3")


def spot(longest: int = 300, wait: int = 600) -> dict:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": longest, "MaxWaitTimeInSeconds": wait},
    }


def steps(job: dict) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_an_interrupted_job_goes_on_from_its_checkpoint(
    cloud, training_request, finished, order, get, bucket, name
) -> None:
    client, s3 = cloud.client("sagemaker"), cloud.client("s3")
    checkpoints = {"S3Uri": f"s3://{bucket}/{name}/checkpoints"}
    given = {"checkpoints": "/opt/ml/checkpoints"}
    client.create_training_job(**training_request(GOES_ON, given, CheckpointConfig=checkpoints, **spot()))
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/checkpoints/").get("Contents"))
    order("aws:sagemaker:interrupt-spot-instance", name, count="1")
    job = finished(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert steps(job) == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading",
        "Completed",
    ]  # fmt: skip
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"step-0"}
    assert get(f"s3://{bucket}/{name}/checkpoints/step-1") == b"state"
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]


def test_an_interruption_can_wait_for_a_checkpoint_of_each_attempt(train, order, get, put, bucket, name) -> None:
    put(f"{name}/checkpoints/step-0", b"brought along")
    where = {"S3Uri": f"s3://{bucket}/{name}/checkpoints"}
    order("aws:sagemaker:interrupt-spot-instance", name, checkpoints="1", count="2")
    job = train(GOES_ON_UNTIL_FOUR, {"checkpoints": "/opt/ml/checkpoints"}, CheckpointConfig=where, **spot())
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert steps(job).count("Interrupted") == 2
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"step-0 step-1 step-2"}


def test_machines_can_be_taken_away_without_a_word(train, order, get, bucket, name) -> None:
    program = """
    import os, pathlib, signal, sys, time
    kept = pathlib.Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: (kept / "heard").write_text("SIGTERM"))
    pathlib.Path(os.environ["SM_MODEL_DIR"], "m").write_text(" ".join(sorted(path.name for path in kept.iterdir())))
    (kept / ".half").write_text("hidden")
    if not (kept / "whole").exists():
        time.sleep(0.3)
        (kept / "whole").write_text("state")
        time.sleep(600)
    """
    where = {"S3Uri": f"s3://{bucket}/{name}/checkpoints"}
    order("aws:sagemaker:interrupt-spot-instance", name, checkpoints="1", notice="0", count="1")
    job = train(textwrap.dedent(program), {"at": "/opt/ml/checkpoints"}, CheckpointConfig=where, **spot())
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b".half whole"}


def test_a_new_job_starts_from_the_checkpoints_that_are_there(train, put, get, bucket, name) -> None:
    put(f"{name}/checkpoints/deep/step-0", b"old")
    program = """
    import os, pathlib, sys
    found = pathlib.Path(sys.argv[2]) / "deep" / "step-0"
    pathlib.Path(os.environ["SM_MODEL_DIR"], "m").write_text(found.read_text())
    """
    where = {"S3Uri": f"s3://{bucket}/{name}/checkpoints/", "LocalPath": "/opt/ml/kept"}
    job = train(textwrap.dedent(program), {"at": "/opt/ml/kept"}, CheckpointConfig=where)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"old"}


def test_a_job_that_is_always_interrupted_ends_with_its_longest_wait(train, order, name) -> None:
    order("aws:sagemaker:interrupt-spot-instance", name)
    job = train("import time\ntime.sleep(600)", **spot(1, 3))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "Interrupted" in steps(job)
    assert steps(job)[-2:] == ["Stopping", "MaxWaitTimeExceeded"]


def test_a_job_that_finds_no_spot_instances_ends_with_its_longest_wait(train, order, name) -> None:
    order("aws:sagemaker:exhaust-capacity", name)
    job = train("", **spot(1, 1))
    assert steps(job) == ["Starting", "Stopping", "MaxWaitTimeExceeded"]
    assert "TrainingStartTime" not in job


def test_a_job_without_spot_fails_for_lack_of_capacity(train, order, name) -> None:
    order("aws:sagemaker:exhaust-capacity", name, count="1")
    job = train("")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute capacity")


def test_a_waiting_job_can_be_stopped(cloud, training_request, finished, order, name) -> None:
    client = cloud.client("sagemaker")
    order("aws:sagemaker:exhaust-capacity", name)
    client.create_training_job(**training_request("", **spot()))
    client.stop_training_job(TrainingJobName=name)
    assert finished(name)["SecondaryStatus"] == "Stopped"


@pytest.mark.parametrize(
    "stopping", [{"MaxRuntimeInSeconds": 60}, {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}]
)
def test_the_longest_wait_must_be_given_and_hold_the_runtime(train, stopping) -> None:
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        train("", EnableManagedSpotTraining=True, StoppingCondition=stopping)


def test_a_wait_is_for_spot_only(train) -> None:
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds"):
        train("", StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60})


def test_jobs_fail_on_order(train, order, name) -> None:
    order("aws:sagemaker:fail-training-job", name, after="0.2", count="1")
    job = train("import time\ntime.sleep(600)")
    assert job["TrainingJobStatus"] == "Failed"
    assert "aws:sagemaker:fail-training-job" in job["FailureReason"]


def test_no_job_of_a_fraction_of_zero_fails(train, order, name) -> None:
    order("aws:sagemaker:fail-training-job", name, fraction="0")
    assert train("")["TrainingJobStatus"] == "Completed"


def test_a_job_is_tried_again_after_an_internal_error(train, order, name) -> None:
    order("aws:fis:inject-api-internal-error", f"*{name}*", service="s3", operations="GetObject", count="5")
    job = train("", RetryStrategy={"MaximumRetryAttempts": 30})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert steps(job)[:4] == ["Starting", "Downloading", "Starting", "Downloading"]


def test_an_internal_error_fails_a_job_that_is_not_to_be_tried_again(train, order, name) -> None:
    order("aws:fis:inject-api-internal-error", f"*{name}*", service="s3", operations="GetObject")
    assert train("")["FailureReason"].startswith("InternalServerError: ")
