"""Training jobs: what the program finds, what becomes of its output, and how a job ends."""

import json
import os
import textwrap

import pytest
from botocore.exceptions import ClientError
from contract.live import statement, tar_gz, untar
from waiting import eventually

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
TELL = """
import json, os, pathlib, sys
here = pathlib.Path.cwd()
told = {
    "arguments": sys.argv,
    "environment": dict(os.environ),
    "files": sorted(str(p.relative_to(here.parent)) for p in here.parent.rglob("*") if p.is_file()),
    "config": {p.stem: json.loads(p.read_text()) for p in pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"]).iterdir()},
}
pathlib.Path(os.environ["SM_MODEL_DIR"], "told.json").write_text(json.dumps(told))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "metrics.json").write_text("{}")
"""


def channel(name, uri, kind="S3Prefix"):
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def printed(cloud, job):
    """The streams of a job's log, once it has printed something; the group itself comes with the first line of all."""
    logs = cloud.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        return []
    return logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]


def test_the_program_finds_what_a_container_offers(train, put, get, name) -> None:
    put(f"{name}/data/a.csv", b"1")
    put(f"{name}/data/deep/b.csv", b"2")
    manifest = put(f"{name}/m.json", json.dumps([{"prefix": f"s3://contract/{name}/data/"}, "deep/b.csv"]).encode())
    job = train(
        TELL,
        {"epochs": 3, "learning-rate": 0.5, "kind": "wide", "flag": True},
        InputDataConfig=[
            channel("folder", f"s3://contract/{name}/data"),
            channel("one", f"s3://contract/{name}/data/a.csv"),
            channel("listed", manifest, "ManifestFile"),
        ],
        Environment={"GIVEN": "yes", "PLACE": "/opt/ml/model"},
    )

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://contract/{name}/out/{name}/output/model.tar.gz"
    told = json.loads(untar(get(job["ModelArtifacts"]["S3ModelArtifacts"]))["told.json"])
    assert told["arguments"][1:] == [
        "--epochs", "3", "--learning-rate", "0.5", "--kind", "wide", "--flag", "True"
    ]  # fmt: skip
    environment = told["environment"]
    assert environment["SM_HP_LEARNING_RATE"] == "0.5"
    assert json.loads(environment["SM_HPS"]) == {"epochs": 3, "learning-rate": 0.5, "kind": "wide", "flag": True}
    assert environment["SM_CHANNEL_FOLDER"].endswith("/opt/ml/input/data/folder")
    assert json.loads(environment["SM_CHANNELS"]) == ["folder", "listed", "one"]
    assert environment["SM_HOSTS"] == '["algo-1"]'
    assert environment["SM_CURRENT_HOST"] == "algo-1"
    assert int(environment["SM_NUM_CPUS"]) >= 1
    assert json.loads(environment["SM_TRAINING_ENV"])["job_name"] == name
    assert environment["GIVEN"] == "yes"
    assert environment["PLACE"] == environment["SM_MODEL_DIR"]
    data = [path for path in told["files"] if path.startswith("input/data")]
    assert data == [
        "input/data/folder/a.csv",
        "input/data/folder/deep/b.csv",
        "input/data/listed/deep/b.csv",
        "input/data/one/a.csv",
    ]
    assert told["config"]["hyperparameters"]["epochs"] == "3"
    assert told["config"]["inputdataconfig"]["one"]["TrainingInputMode"] == "File"
    assert told["config"]["resourceconfig"]["hosts"] == ["algo-1"]
    assert untar(get(f"s3://contract/{name}/out/{name}/output/output.tar.gz")) == {"metrics.json": b"{}"}


def test_the_program_holds_the_roles_credentials_and_not_the_clouds(train, get, cloud, name) -> None:
    job = train(TELL)
    environment = json.loads(untar(get(job["ModelArtifacts"]["S3ModelArtifacts"]))["told.json"])["environment"]
    who = cloud.client(
        "sts",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    ).get_caller_identity()
    assert who["Arn"].endswith(f"assumed-role/{job['RoleArn'].rpartition('/')[2]}/SageMaker")
    assert "HEADGATE_HOME" not in environment


def test_a_job_goes_through_the_documented_secondary_statuses(train) -> None:
    job = train("print('hello')")
    steps = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(step["StartTime"] <= step["EndTime"] for step in steps)
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["SecondaryStatus"] == "Completed"


def test_the_log_holds_every_line_in_order(train, log_of, name) -> None:
    train("import sys\nprint('out 1')\nprint('err 2', file=sys.stderr)\nprint('ü 3', end='')")
    assert log_of(LOG_GROUP, name) == ["out 1", "err 2", "ü 3"]


def test_the_log_can_be_read_while_the_program_runs(cloud, training_request, finished, log_of, name) -> None:
    cloud.client("sagemaker").create_training_job(
        **training_request("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    )
    eventually(lambda: printed(cloud, name) and log_of(LOG_GROUP, name) == ["begun"])
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert finished(name)["TrainingJobStatus"] == "Stopped"


def test_an_exception_is_the_failure_reason(train) -> None:
    job = train("def work():\n    raise ValueError('no good')\nwork()", {"epochs": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage")
    assert "ValueError: no good" in job["FailureReason"]
    assert 'Command "python3 train.py --epochs 1", exit code: 1' in job["FailureReason"]


def test_the_failure_file_is_the_failure_reason(train) -> None:
    job = train("import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('my words')\nsys.exit(7)")
    assert job["FailureReason"] == "AlgorithmError: my words, exit code: 7"


def test_a_killed_program_says_by_which_signal(train) -> None:
    job = train("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert job["TrainingJobStatus"] == "Failed"
    assert "killed by signal 9 (SIGKILL), exit code: 137" in job["FailureReason"]


def test_a_program_that_exits_well_completes_whatever_it_left_running(train) -> None:
    job = train("import subprocess, sys\nsubprocess.Popen(['sleep', '600'])\nsys.exit(0)")
    assert job["TrainingJobStatus"] == "Completed"


def test_the_time_limit_stops_the_program_and_keeps_its_model(train, get) -> None:
    program = "import os, time\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('half')\ntime.sleep(600)"
    job = train(program, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"half"}


def test_a_stopped_program_may_save_its_model_first(cloud, training_request, finished, log_of, get, name) -> None:
    program = """
    import os, signal, sys, time
    def save(*_):
        open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('saved')
        sys.exit(0)
    signal.signal(signal.SIGTERM, save)
    print('ready')
    time.sleep(600)
    """
    client = cloud.client("sagemaker")
    client.create_training_job(**training_request(textwrap.dedent(program)))
    eventually(lambda: client.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training")
    eventually(lambda: printed(cloud, name))
    client.stop_training_job(TrainingJobName=name)
    job = finished(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"saved"}
    with pytest.raises(ClientError, match="because the training job is in status Stopped"):
        client.stop_training_job(TrainingJobName=name)


def test_a_job_that_waits_for_its_turn_can_be_stopped_at_once(cloud, training_request, finished, name) -> None:
    client, places = cloud.client("sagemaker"), max(2, os.cpu_count() or 2)
    running = [f"{name}-{number}" for number in range(places)]
    for job in running:
        client.create_training_job(**training_request("import time\ntime.sleep(600)", TrainingJobName=job))
        eventually(lambda job=job: client.describe_training_job(TrainingJobName=job)["SecondaryStatus"] == "Training")
    client.create_training_job(**training_request(""))
    assert client.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Starting"
    client.stop_training_job(TrainingJobName=name)
    assert "TrainingStartTime" not in finished(name)
    for job in running:
        assert client.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress"
        client.stop_training_job(TrainingJobName=job)
        finished(job)


def test_no_data_under_a_prefix_fails_the_job_in_plain_words(train) -> None:
    job = train("", InputDataConfig=[channel("train", "s3://contract/nothing/here")])
    assert job["TrainingJobStatus"] == "Failed"
    assert 'No S3 objects found under S3 URL "s3://contract/nothing/here"' in job["FailureReason"]


def test_a_role_that_may_not_read_fails_the_job(train, make_role, put, name) -> None:
    put(f"{name}/data/a.csv", b"1")
    blind = make_role(statement(["s3:PutObject", "logs:*"]))
    job = train("", RoleArn=blind, InputDataConfig=[channel("train", f"s3://contract/{name}/data")])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert "403" in job["FailureReason"]


def test_a_role_that_may_not_write_fails_the_job(train, make_role) -> None:
    program = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('x')"
    job = train(program, RoleArn=make_role(statement(["s3:GetObject", "s3:ListBucket"])))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")


def test_a_role_that_may_not_log_does_not_matter_to_the_job(train, make_role) -> None:
    job = train("print('unheard')", RoleArn=make_role(statement(["s3:GetObject", "s3:PutObject"])))
    assert job["TrainingJobStatus"] == "Completed"


def test_a_role_for_another_service_is_refused(train, make_role) -> None:
    with pytest.raises(ClientError, match="to assume the role"):
        train("", RoleArn=make_role(service="lambda.amazonaws.com"))


def test_an_archive_that_leads_out_of_its_folder_fails_the_job(training_request, cloud, put, finished, name) -> None:
    request = training_request("")
    put(f"{name}/sourcedir.tar.gz", tar_gz({"../../train.py": b"print('out')"}))
    cloud.client("sagemaker").create_training_job(**request)
    assert "cannot be unpacked" in finished(name)["FailureReason"] or "outside" in finished(name)["FailureReason"]


def test_a_name_is_taken_for_good(train, training_request, cloud) -> None:
    train("")
    with pytest.raises(ClientError, match="a training job with this name already exists") as refused:
        cloud.client("sagemaker").create_training_job(**training_request(""))
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.aws
def test_an_unknown_job_is_not_found(cloud) -> None:
    with pytest.raises(ClientError, match=r"\(ValidationException\).*Requested resource not found"):
        cloud.client("sagemaker").describe_training_job(TrainingJobName="nobody")


@pytest.mark.parametrize(
    ("members", "feature"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://contract/c", "LocalPath": "/tmp/c"}}, "CheckpointConfig.LocalPath"),
        ({"MlflowConfig": {"MlflowResourceArn": "arn:aws:sagemaker:eu-central-1:000000000000:mlflow-app/a"}}, "Mlflow"),
        ({"RemoteDebugConfig": {"EnableRemoteDebug": True}}, "RemoteDebugConfig"),
        ({"ProfilerRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]}, "ProfilerRule"),
        (
            {
                "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxPendingTimeInSeconds": 7200},
            },
            "MaxPendingTime",
        ),
        ({"HyperParameters": {"epochs": "1"}}, "script mode"),
        (
            {
                "ResourceConfig": {
                    "VolumeSizeInGB": 1,
                    "InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "a"}],
                }
            },
            "InstanceGroups",
        ),
        ({"InputDataConfig": [channel("a", "s3://contract/a") | {"InputMode": "Pipe"}]}, "Pipe"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(cloud, training_request, members, feature) -> None:
    with pytest.raises(ClientError, match=feature) as refused:
        cloud.client("sagemaker").create_training_job(**training_request("", **members))
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"


def test_no_working_files_are_left(train, cloud) -> None:
    train("import os\nopen(os.environ['TMPDIR'] + '/t', 'w').write('x')")
    work = cloud.log.parent / "local.work" / str(cloud.process.pid)
    eventually(lambda: not list(work.glob("job-*")))


def test_tensorflow_is_warm(train, log_of, name) -> None:
    program = (
        "import sys\nprint('tensorflow' in sys.modules)\nimport tensorflow as tf\nprint(int(tf.reduce_sum([1, 2])))"
    )
    assert train(textwrap.dedent(program))["TrainingJobStatus"] == "Completed"
    lines = log_of(LOG_GROUP, name)
    assert lines[0] == "True"
    assert lines[-1] == "3"
