"""A local cloud that nobody uses lets go of what it keeps warm, and takes it up again when it is needed."""

import json
import time
from collections.abc import Callable, Iterator

import pytest
from contract.live import (
    ACCOUNT,
    REGION,
    Cloud,
    descendants,
    invoke_a_function,
    make_role,
    start_cloud,
    start_job,
    statement,
    tar_gz,
)
from ministack.core import lambda_runtime
from waiting import eventually

from headgate_local.pool import WarmPool
from headgate_local.seams.lambdas import end_idle_workers


@pytest.fixture
def make_pool() -> Iterator[Callable[[float], WarmPool]]:
    """Makes a pool without slow imports that rests after so many seconds."""
    made: list[WarmPool] = []

    def make(idle: float) -> WarmPool:
        made.append(WarmPool(preload=[], idle=idle))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def test_a_pool_rests_and_wakes_for_the_next_process(make_pool) -> None:
    pool = make_pool(0.2)
    eventually(lambda: pool.resting)
    process = pool.start(print, "awake")
    assert process.wait(30) == 0
    assert process.output.readall() == b"awake\n"
    eventually(lambda: pool.resting)


def test_a_pool_does_not_rest_while_a_process_of_it_runs(make_pool) -> None:
    pool = make_pool(0.1)
    process = pool.start(time.sleep, 1.0)
    assert process.wait(30) == 0  # the fork server that tells of it was there all the while
    eventually(lambda: pool.resting)


def test_a_pool_is_warm_for_work_that_is_announced(make_pool) -> None:
    pool = make_pool(2.0)
    eventually(lambda: pool.resting)
    pool.warm()
    eventually(lambda: not pool.resting)


def test_idle_environments_end_and_busy_ones_do_not(monkeypatch) -> None:
    monkeypatch.setattr(lambda_runtime, "_workers", {})
    config = {"FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}
    old, new, busy = (lambda_runtime.acquire_worker(name, config, b"")[0] for name in ("old", "new", "busy"))
    for worker in (old, busy):
        worker.last_used -= 100
    for worker in (old, new):
        lambda_runtime.release_worker(worker)
    assert end_idle_workers(50) == 1
    assert [worker for workers in lambda_runtime._workers.values() for worker in workers] == [new, busy]


@pytest.fixture
def drowsy(tmp_path, monkeypatch) -> Iterator[Cloud]:
    """A cloud of its own that rests after two seconds."""
    monkeypatch.setenv("HEADGATE_IDLE_SECONDS", "2")
    cloud = start_cloud(tmp_path)
    yield cloud
    cloud.stop()


def run_a_job(cloud: Cloud, role: str, name: str) -> None:
    sagemaker = cloud.client("sagemaker")
    start_job(cloud, name, role, "drowsy")

    def status() -> str:
        return str(sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])

    eventually(lambda: is_warm(cloud))  # looked at while the job runs: afterwards two seconds are soon over
    eventually(lambda: status() in ("Completed", "Failed"))
    assert status() == "Completed"


def is_warm(cloud: Cloud) -> bool:
    return any("forkserver" in command for command in descendants(cloud.process.pid).values())


def start_a_machine_with_jobs(cloud: Cloud, role: str) -> None:
    """Its first state is a call of the API, and no job is ever started."""
    states = {
        "Look": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sagemaker:listModels", "End": True},
        "Train": {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "End": True},
    }
    machines = cloud.client("stepfunctions")
    definition = json.dumps({"StartAt": "Look", "States": states})
    made = machines.create_state_machine(name="m", definition=definition, roleArn=role)
    machines.start_execution(stateMachineArn=made["stateMachineArn"])


def test_a_cloud_that_nobody_uses_has_one_process_and_works_when_it_is_used(drowsy) -> None:
    services = [f"{service}.amazonaws.com" for service in ("sagemaker", "lambda", "states")]
    role = make_role(drowsy, statement("*"), services=services)
    drowsy.client("s3").create_bucket(Bucket="drowsy", CreateBucketConfiguration={"LocationConstraint": REGION})
    drowsy.client("s3").put_object(Bucket="drowsy", Key="code", Body=tar_gz({"train.py": b"import tensorflow"}))

    run_a_job(drowsy, role, "first")
    invoke_a_function(drowsy, role)
    eventually(lambda: not descendants(drowsy.process.pid))
    start_a_machine_with_jobs(drowsy, role)
    eventually(lambda: is_warm(drowsy))
    run_a_job(drowsy, role, "second")
