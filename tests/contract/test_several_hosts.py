"""Training jobs on several instances: one process for each host, their data, their model, their logs."""

import json
import textwrap

import pytest
from botocore.exceptions import ClientError
from contract.live import untar
from waiting import eventually

from headgate_local.sagemaker.jobs.container import EXPOSED

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def on(count: int, **members) -> dict:
    return {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1, **members}}


@pytest.fixture
def streams(cloud):
    """What each host of a job logged."""

    def read(job: str) -> dict[str, list[str]]:
        logs = cloud.client("logs")
        found = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
        lines = {}
        for stream in found:
            name = stream["logStreamName"]
            events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=name, startFromHead=True)["events"]
            lines[name.removeprefix(f"{job}/").rpartition("-")[0]] = [event["message"] for event in events]
        return lines

    return read


def test_each_host_finds_itself_among_all_and_its_share_of_the_data(train, put, get, streams, name) -> None:
    for number in range(5):
        put(f"{name}/data/{number}.csv", b"1")
    program = """
    import json, os, pathlib
    host = os.environ["SM_CURRENT_HOST"]
    resources = json.loads(pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"], "resourceconfig.json").read_text())
    told = {
        "hosts": json.loads(os.environ["SM_HOSTS"]),
        "current": [host, resources["current_host"]],
        "hosts of the file": resources["hosts"],
        "is master": json.loads(os.environ["SM_TRAINING_ENV"])["is_master"],
        "all": sorted(os.listdir(os.environ["SM_CHANNEL_ALL"])),
        "shard": sorted(os.listdir(os.environ["SM_CHANNEL_SHARD"])),
    }
    pathlib.Path(os.environ["SM_MODEL_DIR"], f"{host}.json").write_text(json.dumps(told))
    pathlib.Path(os.environ["SM_MODEL_DIR"], "clash").write_text(host)
    print("here is", host)
    """

    def channel(channel_name: str, distribution: str) -> dict:
        s3 = {"S3DataType": "S3Prefix", "S3Uri": f"s3://contract/{name}/data", "S3DataDistributionType": distribution}
        return {"ChannelName": channel_name, "DataSource": {"S3DataSource": s3}}

    job = train(
        textwrap.dedent(program),
        InputDataConfig=[channel("all", "FullyReplicated"), channel("shard", "ShardedByS3Key")],
        **on(2),
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = untar(get(job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert set(model) == {"algo-1.json", "algo-2.json", "clash"}
    assert model["clash"] == b"algo-1"
    first, second = (json.loads(model[f"algo-{number}.json"]) for number in (1, 2))
    assert first["hosts"] == second["hosts"] == first["hosts of the file"] == ["algo-1", "algo-2"]
    assert (first["current"], second["current"]) == (["algo-1"] * 2, ["algo-2"] * 2)
    assert (first["is master"], second["is master"]) == (True, False)
    assert first["all"] == second["all"] == [f"{number}.csv" for number in range(5)]
    assert sorted(first["shard"] + second["shard"]) == first["all"]
    assert {len(first["shard"]), len(second["shard"])} == {2, 3}
    assert streams(name) == {"algo-1": ["here is algo-1"], "algo-2": ["here is algo-2"]}


def test_one_failing_host_fails_the_job_and_ends_the_others(train) -> None:
    program = """
    import os, time
    if os.environ["SM_CURRENT_HOST"] == "algo-2":
        raise ValueError("the second one")
    time.sleep(600)
    """
    job = train(textwrap.dedent(program), **on(3))
    assert job["TrainingJobStatus"] == "Failed"
    assert "ValueError: the second one" in job["FailureReason"]


def test_all_hosts_can_be_stopped(cloud, training_request, finished, streams, name) -> None:
    client = cloud.client("sagemaker")
    client.create_training_job(**training_request("import time\nprint('up')\ntime.sleep(600)", **on(2)))
    logs = cloud.client("logs")

    def up() -> bool:
        groups = logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
        return bool(groups) and streams(name) == {"algo-1": ["up"], "algo-2": ["up"]}

    eventually(up)
    client.stop_training_job(TrainingJobName=name)
    assert finished(name)["TrainingJobStatus"] == "Stopped"


def test_workers_of_tensorflow_train_together(train, get, streams, name) -> None:
    program = """
    import contextlib, json, os, pathlib, socket
    import tensorflow as tf
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    def add():
        replica = tf.distribute.get_replica_context()
        own = 1.0 + tf.cast(replica.replica_id_in_sync_group, tf.float32)
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, own)
    total = float(strategy.run(tf.function(add)))
    cluster = json.loads(os.environ["TF_CONFIG"])
    if cluster["task"]["index"] == 0:
        port = int(cluster["cluster"]["worker"][0].split(":")[1])
        lines = [line.split() for table in ("tcp", "tcp6") for line in open(f"/proc/net/{table}").readlines()[1:]]
        everywhere = any(not int(at.split(":")[0], 16) and int(at.split(":")[1], 16) == port for _, at, *_ in lines)
        told = f"{strategy.num_replicas_in_sync} {total} {everywhere}"
        pathlib.Path(os.environ["SM_MODEL_DIR"], "m").write_text(told)
    else:  # the first one may still be reading from this one: stay until it has ended
        host, port = cluster["cluster"]["worker"][0].split(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as first:
            while first.recv(1024):
                pass
    """
    enabled = {"sagemaker_multi_worker_mirrored_strategy_enabled": True}
    job = train(textwrap.dedent(program), enabled, **on(2))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"2 3.0 True"}
    said = streams(name)
    assert (said["algo-1"][0], said["algo-2"][0]) == (EXPOSED, EXPOSED)


def test_more_instances_than_the_quota_are_refused(train) -> None:
    with pytest.raises(ClientError, match="for training job usage") as refused:
        train("", **on(9))
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"
