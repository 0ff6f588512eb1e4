"""Managed warm pools: what stays of a training job's instances, and which job gets it."""

import textwrap

import pytest
from botocore.exceptions import ClientError
from contract.live import untar
from waiting import eventually

CACHES = """
import os, pathlib
cache = pathlib.Path(os.environ["SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"])
kept = sorted(path.name for path in cache.iterdir())
(cache / str(len(kept))).write_text("")
pathlib.Path(os.environ["SM_MODEL_DIR"], "kept").write_text(" ".join(kept))
"""


@pytest.fixture
def pooled(train, name):
    """Runs a job of this name that keeps a warm pool for so many seconds; answers its description."""

    def run(suffix: str, seconds: int, program: str = CACHES, **members) -> dict:
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        resources |= {"KeepAlivePeriodInSeconds": seconds, **members.pop("resources", {})}
        return train(program, TrainingJobName=f"{name}-{suffix}", ResourceConfig=resources, **members)

    return run


@pytest.fixture
def pool(cloud, name):
    """The state of the warm pool of a job, once it is this."""

    def wait(suffix: str, status: str) -> dict:
        def look():
            job = cloud.client("sagemaker").describe_training_job(TrainingJobName=f"{name}-{suffix}")
            return job["WarmPoolStatus"] if job["WarmPoolStatus"]["Status"] == status else None

        return eventually(look)

    return wait


@pytest.fixture
def own_role(make_role):
    """A role of each test's own: a pool is for jobs of its role only, so tests cannot take each other's."""
    return make_role({"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"})


def test_a_matching_job_takes_the_pool_over_and_finds_its_cache(pooled, pool, get, own_role, name) -> None:
    pooled("first", 600, RoleArn=own_role)
    assert pool("first", "Available")["ResourceRetainedBillableTimeInSeconds"] == 0
    second = pooled("second", 600, RoleArn=own_role)
    assert second["TrainingJobStatus"] == "Completed", second.get("FailureReason")
    assert untar(get(second["ModelArtifacts"]["S3ModelArtifacts"])) == {"kept": b"0"}
    assert pool("first", "Reused")["ReusedByJob"] == f"{name}-second"
    pool("second", "Available")


def test_a_job_on_a_pool_needs_no_new_instances(pooled, pool, order, own_role, name) -> None:
    pooled("first", 600, RoleArn=own_role)
    pool("first", "Available")
    order("aws:sagemaker:exhaust-capacity", f"{name}*")
    assert pooled("second", 0, RoleArn=own_role)["TrainingJobStatus"] == "Completed"
    pool("second", "Terminated")


def test_jobs_can_be_listed_by_the_state_of_their_pools(cloud, pooled, pool, own_role, name) -> None:
    pooled("first", 600, RoleArn=own_role)
    pool("first", "Available")
    pooled("second", 600, RoleArn=own_role)
    pool("second", "Available")
    found = cloud.client("sagemaker").list_training_jobs(NameContains=name, WarmPoolStatusEquals="Reused")
    assert [job["TrainingJobName"] for job in found["TrainingJobSummaries"]] == [f"{name}-first"]


def test_a_pool_ends_when_its_time_is_over(pooled, pool, own_role) -> None:
    pooled("first", 1, RoleArn=own_role)
    assert pool("first", "Terminated")["ResourceRetainedBillableTimeInSeconds"] == 1


def test_a_running_job_has_its_pool_in_use(cloud, training_request, finished, own_role, name) -> None:
    client = cloud.client("sagemaker")
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    resources["KeepAlivePeriodInSeconds"] = 600
    client.create_training_job(
        **training_request("import time\ntime.sleep(600)", ResourceConfig=resources, RoleArn=own_role)
    )
    eventually(lambda: client.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training")
    assert client.describe_training_job(TrainingJobName=name)["WarmPoolStatus"] == {"Status": "InUse"}
    client.stop_training_job(TrainingJobName=name)
    finished(name)


@pytest.mark.parametrize(
    "resources", [{"InstanceType": "ml.m5.xlarge"}, {"InstanceCount": 2}, {"VolumeSizeInGB": 2}], ids=str
)
def test_a_job_on_other_instances_gets_new_ones(pooled, pool, get, own_role, resources) -> None:
    pooled("first", 600, RoleArn=own_role)
    pool("first", "Available")
    second = pooled("second", 600, RoleArn=own_role, resources=resources)
    assert untar(get(second["ModelArtifacts"]["S3ModelArtifacts"])) == {"kept": b""}
    pool("first", "Available")


def test_the_pool_of_a_failed_program_stays(pooled, pool, own_role) -> None:
    assert pooled("first", 600, "raise ValueError", RoleArn=own_role)["TrainingJobStatus"] == "Failed"
    pool("first", "Available")


def test_a_pool_can_be_ended_at_once(cloud, pooled, pool, own_role, name) -> None:
    client = cloud.client("sagemaker")
    pooled("first", 600, RoleArn=own_role)
    pool("first", "Available")
    client.update_training_job(TrainingJobName=f"{name}-first", ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    pool("first", "Terminated")
    with pytest.raises(ClientError, match="Available only"):
        client.update_training_job(TrainingJobName=f"{name}-first", ResourceConfig={"KeepAlivePeriodInSeconds": 9})


def test_a_job_without_a_pool_has_no_cache(train) -> None:
    job = train(textwrap.dedent("import os\nassert 'SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY' not in os.environ"))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "WarmPoolStatus" not in job


def test_spot_instances_keep_no_pool(pooled) -> None:
    stopping = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
    with pytest.raises(ClientError, match="KeepAlivePeriodInSeconds"):
        pooled("spot", 60, EnableManagedSpotTraining=True, StoppingCondition=stopping)
