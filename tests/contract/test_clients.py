"""Clients as they come, one scripted road each: boto3, the AWS CLI, and the SageMaker Python SDK 3.

They live in environments of their own, which ``make clients`` sets up and names to this test.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from contract.conftest import MODEL_PROGRAM
from contract.live import KEYS, REGION, statement, tar_gz
from waiting import eventually

HERE = Path(__file__).parent
CLIENTS = Path(os.environ.get("HEADGATE_CLIENTS") or HERE.parents[1] / ".venv-sagemaker" / "bin")
pytestmark = pytest.mark.clients

QUIET = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
PROGRAM = MODEL_PROGRAM + '\nprint(f"score={sign / 10}", flush=True)\n'


@pytest.fixture
def environment(cloud, tmp_path) -> dict[str, str]:
    """What a person would set: where the cloud is, and keys."""
    (tmp_path / "config.yaml").write_text(json.dumps(QUIET))
    return {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "config.yaml"),
        **{name.upper(): value for name, value in KEYS.items()},
    }


@pytest.fixture
def task(put, bucket, make_role, name) -> dict[str, str]:
    """What the clients are to do."""
    return {
        "name": name,
        "role": make_role(statement("*")),  # the SDK refuses roles that cannot do whatever a job might need
        "bucket": bucket,
        "code": put(f"{name}/sourcedir.tar.gz", tar_gz({"train.py": PROGRAM.encode()})),
        "data": put(f"{name}/data/rows.csv", b"size,ward\n1,A\n").rpartition("/")[0] + "/",
    }


def run(command: list[str], environment: dict[str, str], given: str = "") -> str:
    """What a program prints on stdout; fails with its stderr."""
    done = subprocess.run(
        command, check=False, env=environment, input=given, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def training_job(task: dict[str, str]) -> dict[str, Any]:
    """What a training job of the task is made of, but for its name."""
    values = {"sagemaker_program": "train.py", "sagemaker_submit_directory": task["code"], "sign": 1}
    source = {"S3DataType": "S3Prefix", "S3Uri": task["data"], "S3DataDistributionType": "FullyReplicated"}
    return {
        "AlgorithmSpecification": {"TrainingImage": "tensorflow-training", "TrainingInputMode": "File"},
        "HyperParameters": {key: json.dumps(value) for key, value in values.items()},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{task['bucket']}/{task['name']}"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        "RoleArn": task["role"],
    }


def tuning_job(task: dict[str, str]) -> dict[str, Any]:
    """What a tuning job of two children is made of, but for its name."""
    definition = training_job(task)
    static = definition.pop("HyperParameters")
    del static["sign"]
    definition["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=([-0-9.]+)"}]
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "sign", "MinValue": "1", "MaxValue": "5"}]},
        },
        "TrainingJobDefinition": {**definition, "StaticHyperParameters": static},
    }


def model(task: dict[str, str], archive: str) -> dict[str, Any]:
    """What a model of the archive is made of, but for its name."""
    return {
        "PrimaryContainer": {"Image": "tensorflow-inference", "ModelDataUrl": archive},
        "ExecutionRoleArn": task["role"],
    }


def variants(task: dict[str, str]) -> list[dict[str, Any]]:
    """The variants of a configuration for that model."""
    return [
        {"VariantName": "main", "ModelName": task["name"], "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    ]


ROWS = json.dumps({"instances": [{"size": 3.0, "ward": "A"}]})
SOON = {"Delay": 1, "MaxAttempts": 60}


def test_boto3_trains_tunes_deploys_predicts_and_deletes(environment, task, monkeypatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session, name = boto3.Session(), task["name"]
    client, runtime = session.client("sagemaker"), session.client("sagemaker-runtime")
    client.create_training_job(TrainingJobName=name, **training_job(task))
    client.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig=SOON)
    trained = client.describe_training_job(TrainingJobName=name)
    client.create_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **tuning_job(task))

    def tuned() -> Any:
        job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job["HyperParameterTuningJobStatus"] != "InProgress" and job

    assert eventually(tuned)["TrainingJobStatusCounters"]["Completed"] == 2
    client.create_model(ModelName=name, **model(task, trained["ModelArtifacts"]["S3ModelArtifacts"]))
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants(task))
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=SOON)
    answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=ROWS)
    assert json.load(answer["Body"])["predictions"][0]["label"] == "yes"
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=SOON)
    client.delete_endpoint_config(EndpointConfigName=name)
    client.delete_model(ModelName=name)
    assert client.list_endpoints(NameContains=name)["Endpoints"] == []


def test_the_aws_cli_trains_tunes_deploys_predicts_and_deletes(environment, task, tmp_path) -> None:
    name = task["name"]

    def aws(service: str, command: str, *options: str, given: dict[str, Any] | None = None) -> Any:
        more = ["--cli-input-json", json.dumps(given)] if given else []
        said = run([str(CLIENTS / "aws"), service, *command.split(), *options, *more], environment)
        return json.loads(said) if said.strip() else None

    def sagemaker(command: str, *options: str, given: dict[str, Any] | None = None) -> Any:
        return aws("sagemaker", command, *options, given=given)

    def ended(command: str, option: str, status: str) -> Any:
        """Waits until a job has ended; answers its description."""
        return eventually(
            lambda: (job := sagemaker(command, option, name))[status] not in ("InProgress", "Stopping") and job
        )

    sagemaker("create-training-job", "--training-job-name", name, given=training_job(task))
    trained = ended("describe-training-job", "--training-job-name", "TrainingJobStatus")
    sagemaker("wait training-job-completed-or-stopped", "--training-job-name", name)
    tuning = "--hyper-parameter-tuning-job-name"
    sagemaker("create-hyper-parameter-tuning-job", tuning, name, given=tuning_job(task))
    tuned = ended("describe-hyper-parameter-tuning-job", tuning, "HyperParameterTuningJobStatus")
    assert tuned["TrainingJobStatusCounters"]["Completed"] == 2
    archive = trained["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker("create-model", "--model-name", name, given=model(task, archive))
    given = {"ProductionVariants": variants(task)}
    sagemaker("create-endpoint-config", "--endpoint-config-name", name, given=given)
    sagemaker("create-endpoint", "--endpoint-name", name, "--endpoint-config-name", name)
    described = eventually(
        lambda: (
            (found := sagemaker("describe-endpoint", "--endpoint-name", name))["EndpointStatus"] != "Creating" and found
        )
    )
    assert described["EndpointStatus"] == "InService"
    answer, rows = tmp_path / "answer", tmp_path / "rows"
    rows.write_text(ROWS)
    options = ("--endpoint-name", name, "--content-type", "application/json", "--body", f"fileb://{rows}", str(answer))
    aws("sagemaker-runtime", "invoke-endpoint", *options)
    assert json.loads(answer.read_text())["predictions"][0]["label"] == "yes"
    sagemaker("delete-endpoint", "--endpoint-name", name)
    eventually(lambda: sagemaker("list-endpoints", "--name-contains", name)["Endpoints"] == [])
    sagemaker("delete-endpoint-config", "--endpoint-config-name", name)
    sagemaker("delete-model", "--model-name", name)
    assert aws("fis", "list-actions")["actions"]


def test_the_sagemaker_sdk_trains_tunes_deploys_predicts_and_deletes(environment, task, tmp_path) -> None:
    python, answer = CLIENTS / "python", tmp_path / "answer.json"
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(PROGRAM)
    given = json.dumps(task | {"answer": str(answer), "source": str(tmp_path / "source")})
    said = run([str(python), str(HERE / "clients" / "sagemaker_sdk.py")], environment, given)
    seen: dict[str, Any] = json.loads(answer.read_text())
    assert "score=0.1" in said  # the job's log
    assert seen["training"]["status"] == "Completed"
    assert seen["tuning"]["status"] == "Completed"
    assert seen["tuning"]["completed"] == 2
    (prediction,) = seen["serving"]["answer"]["predictions"]
    assert prediction["label"] == "yes"
    assert seen["serving"]["left"] == []
