"""However the local cloud ends, nothing that it started outlives it."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from contract import live
from contract.live import (
    REGION,
    Cloud,
    descendants,
    frozen,
    processes,
    serving,
    start_cloud,
    start_job,
    statement,
    tar_gz,
)
from waiting import eventually

from headgate_local.seams.lambdas import AT_ONCE

SLEEPER = """
import subprocess, time
subprocess.Popen(['sleep', '600'], start_new_session=True)
print('up', flush=True)
time.sleep(600)
"""
ROWS = json.dumps({"instances": [{"size": 1.0, "ward": "A"}]})


@pytest.fixture
def busy(tmp_path, archives, get) -> Iterator[Cloud]:
    """A cloud of its own with a job that has a child, an endpoint in service, and a function that was asked."""
    cloud = start_cloud(tmp_path)
    try:
        keep_busy(cloud, get(archives["up"]))
        yield cloud
    finally:
        cloud.stop()


def keep_busy(cloud: Cloud, archive: bytes) -> None:
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    role = make_role(cloud)
    s3.create_bucket(Bucket="busy", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="busy", Key="code", Body=tar_gz({"train.py": SLEEPER.encode()}))
    s3.put_object(Bucket="busy", Key="model.tar.gz", Body=archive)
    start_job(cloud, "job", role, "busy")
    sagemaker.create_model(
        ModelName="m", PrimaryContainer={"ModelDataUrl": "s3://busy/model.tar.gz"}, ExecutionRoleArn=role
    )
    make_endpoint(cloud, "e", InitialInstanceCount=1, InstanceType="ml.m5.large")
    live.invoke_a_function(cloud, role)
    eventually(lambda: "sleep 600" in descendants(cloud.process.pid).values())


def make_role(cloud: Cloud) -> str:
    services = ["sagemaker.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"]
    return live.make_role(cloud, statement(["s3:*", "logs:*", "states:*", "events:*"]), services=services)


def make_endpoint(cloud: Cloud, name: str, **members) -> None:
    sagemaker = cloud.client("sagemaker")
    variant = {"VariantName": "v", "ModelName": "m", **members}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")


def invoke_slowly(cloud: Cloud, pool: ThreadPoolExecutor) -> None:
    """Ask a function that takes long, also more often at a time than functions work."""
    functions, code = (
        cloud.client("lambda"),
        live.function_zip("import time\n\n\ndef handler(*_):\n    time.sleep(600)\n"),
    )
    functions.create_function(
        FunctionName="slow",
        Runtime="python3.11",
        Role=make_role(cloud),
        Handler="app.handler",
        Code={"ZipFile": code},
        Timeout=900,
    )
    for _ in range(AT_ONCE + 2):
        pool.submit(functions.invoke, FunctionName="slow")


def wait_in_a_machine(cloud: Cloud) -> None:
    """An execution whose task, which has a time-out, is an execution that takes long."""
    machines, role = cloud.client("stepfunctions"), make_role(cloud)
    long = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    inner = machines.create_state_machine(name="long", definition=json.dumps(long), roleArn=role)["stateMachineArn"]
    task = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "TimeoutSeconds": 900}
    waits = {**task, "Parameters": {"StateMachineArn": inner}, "End": True}
    outer = json.dumps({"StartAt": "Go", "States": {"Go": waits}})
    arn = machines.create_state_machine(name="outer", definition=outer, roleArn=role)["stateMachineArn"]
    machines.start_execution(stateMachineArn=arn)
    eventually(lambda: machines.list_executions(stateMachineArn=inner, statusFilter="RUNNING")["executions"])


def started_by(cloud: Cloud) -> set[int]:
    """The processes of all kinds that a busy cloud has."""
    started = descendants(cloud.process.pid)
    commands = " ".join(started.values())
    for expected in ("forkserver", "headgate_local.forked", "headgate_local.serving", "sleep"):
        assert expected in commands
    return set(started)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_outlives_the_cloud(busy, number) -> None:
    started = started_by(busy)
    os.kill(busy.process.pid, number)
    busy.process.wait(timeout=30)
    eventually(lambda: not started & processes().keys(), seconds=15)
    assert number == signal.SIGKILL or not list((busy.log.parent / "local.work").iterdir())


def test_neither_a_request_under_way_nor_what_waits_for_its_turn_or_its_end_keeps_a_cloud_up(busy) -> None:
    before, role = serving(busy), make_role(busy)
    make_endpoint(busy, "one", ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})
    wait_in_a_machine(busy)
    invoke_slowly(busy, slow := ThreadPoolExecutor(AT_ONCE + 2))
    for number in range(2 * max(2, os.cpu_count() or 2)):
        start_job(busy, f"more-{number}", role, "busy")

    def ask() -> None:
        runtime = busy.client("sagemaker-runtime")
        runtime.invoke_endpoint(EndpointName="one", ContentType="application/json", Body=ROWS)

    with frozen(serving(busy) - before), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        turned_away, *_ = eventually(lambda: [each for each in asked if each.done()])
        assert "ThrottlingException" in str(turned_away.exception())  # so the other one is under way
        started = started_by(busy)
        busy.process.terminate()
        busy.process.wait(timeout=15)
        assert all(each.exception(30) for each in asked)
        eventually(lambda: not started & processes().keys(), seconds=15)
    slow.shutdown()
    assert not list((busy.log.parent / "local.work").iterdir())
