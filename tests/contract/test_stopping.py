"""However the local cloud ends, nothing that it started outlives it."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from contract.live import (
    REGION,
    Cloud,
    descendants,
    frozen,
    processes,
    serving,
    start_cloud,
    statement,
    tar_gz,
    wait_until,
)

SLEEPER = "import subprocess, time\nsubprocess.Popen(['sleep', '600'])\nprint('up', flush=True)\ntime.sleep(600)"


@pytest.fixture
def busy(tmp_path, archives, get) -> Iterator[Cloud]:
    """A cloud of its own with a job that has a child, and an endpoint in service."""
    cloud = start_cloud(tmp_path)
    try:
        keep_busy(cloud, get(archives["up"]))
        yield cloud
    finally:
        cloud.stop()


def keep_busy(cloud: Cloud, archive: bytes) -> None:
    iam, s3, sagemaker = cloud.client("iam"), cloud.client("s3"), cloud.client("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement(["s3:*", "logs:*"])]})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy)
    s3.create_bucket(Bucket="busy", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="busy", Key="code", Body=tar_gz({"train.py": SLEEPER.encode()}))
    s3.put_object(Bucket="busy", Key="model.tar.gz", Body=archive)
    start_job(cloud, "job", role)
    sagemaker.create_model(
        ModelName="m", PrimaryContainer={"ModelDataUrl": "s3://busy/model.tar.gz"}, ExecutionRoleArn=role
    )
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
    wait_until(lambda: "sleep 600" in descendants(cloud.process.pid).values())


def start_job(cloud: Cloud, name: str, role: str) -> None:
    cloud.client("sagemaker").create_training_job(
        TrainingJobName=name,
        HyperParameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://busy/code"},
        AlgorithmSpecification={"TrainingImage": "any", "TrainingInputMode": "File"},
        RoleArn=role,
        OutputDataConfig={"S3OutputPath": "s3://busy/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_outlives_the_cloud(busy, number) -> None:
    started = descendants(busy.process.pid)
    commands = " ".join(started.values())
    for expected in ("forkserver", "headgate_local.serving", "sleep"):
        assert expected in commands
    os.kill(busy.process.pid, number)
    busy.process.wait(timeout=30)
    wait_until(lambda: not started.keys() & processes().keys(), 15)
    work = busy.log.parent / "work"
    assert number == signal.SIGKILL or not list(work.iterdir())


def test_a_request_under_way_does_not_keep_a_cloud_up(busy) -> None:
    before, sagemaker = serving(busy), busy.client("sagemaker")
    limits = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    variant = {"VariantName": "v", "ModelName": "m", "ServerlessConfig": limits}
    sagemaker.create_endpoint_config(EndpointConfigName="one", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="one", EndpointConfigName="one")
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName="one")["EndpointStatus"] == "InService")

    def ask() -> None:
        rows = json.dumps({"instances": [{"size": 1.0, "ward": "A"}]})
        runtime = busy.client("sagemaker-runtime")
        runtime.invoke_endpoint(EndpointName="one", ContentType="application/json", Body=rows)

    with frozen(serving(busy) - before), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        turned_away, *_ = wait_until(lambda: [each for each in asked if each.done()])
        assert "ThrottlingException" in str(turned_away.exception())  # so the other one is under way
        busy.process.terminate()
        busy.process.wait(timeout=30)
        assert all(each.exception(30) for each in asked)


def test_jobs_that_wait_for_their_turn_do_not_keep_a_cloud_up(busy) -> None:
    role = busy.client("iam").get_role(RoleName="r")["Role"]["Arn"]
    for number in range(2 * max(2, os.cpu_count() or 2)):
        start_job(busy, f"more-{number}", role)
    started = descendants(busy.process.pid)
    busy.process.terminate()
    busy.process.wait(timeout=30)
    wait_until(lambda: not started.keys() & processes().keys(), 15)


def test_an_instance_that_dies_is_started_again(busy) -> None:
    (first,) = serving(busy)
    os.kill(first, signal.SIGKILL)
    rows = json.dumps({"instances": [{"size": 1.0, "ward": "A"}]})

    def answers() -> bool:
        runtime = busy.client("sagemaker-runtime")
        try:
            return bool(runtime.invoke_endpoint(EndpointName="e", ContentType="application/json", Body=rows))
        except runtime.exceptions.ServiceUnavailable:
            return False

    wait_until(answers)
