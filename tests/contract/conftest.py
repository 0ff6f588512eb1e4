"""One live local cloud for all contract tests, or an account of AWS, and factories for what they need in it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from contract import live
from contract.conformance import BUCKET, ROLE, Account
from contract.endings import at_rest
from contract.live import REGION, Cloud, start_cloud, statement, tar_gz
from contract.rehearsal import heard, in_state, order, state  # noqa: F401 - fixtures for all
from contract.scalable import put_tracking, run_task, scaling, target, variant_in_service  # noqa: F401 - the same
from waiting import eventually


@pytest.fixture(scope="session")
def on_aws(request: pytest.FixtureRequest) -> bool:
    """Whether the tests run against AWS; see ``contract.conformance``."""
    return bool(request.config.getoption("--cloud") == "aws")


@pytest.fixture(scope="package")
def cloud(on_aws: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud | Account]:
    if on_aws:
        account = Account()
        yield account
        account.close()
        return
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


@pytest.fixture(scope="package")
def bucket(cloud: Cloud, on_aws: bool) -> str:
    if on_aws:
        return os.environ[BUCKET]
    cloud.client("s3").create_bucket(Bucket="contract", CreateBucketConfiguration={"LocationConstraint": REGION})
    return "contract"


@pytest.fixture
def name() -> str:
    return f"n-{uuid4().hex[:12]}"


@pytest.fixture(scope="package")
def make_role(cloud: Cloud) -> Callable[..., str]:
    """Makes a role that a service may take on, with these statements; answers its ARN."""

    def make(*statements: dict[str, Any], service: str = "sagemaker.amazonaws.com") -> str:
        return live.make_role(cloud, *statements, services=[service])

    return make


@pytest.fixture(scope="package")
def make_user(cloud: Cloud) -> Callable[..., dict[str, str]]:
    """Makes a user with these statements; answers the keys for ``cloud.client``."""

    def make(*statements: dict[str, Any]) -> dict[str, str]:
        iam, name = cloud.client("iam"), f"user-{uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    return make


@pytest.fixture(scope="package")
def role(on_aws: bool, request: pytest.FixtureRequest) -> str:
    """What the containers of these tests may do."""
    if on_aws:
        return os.environ[ROLE]
    make_role = request.getfixturevalue("make_role")
    return make_role(
        statement(["s3:GetObject", "s3:ListBucket", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey", "logs:*"])
    )


@pytest.fixture(scope="package")
def image(cloud: Cloud, template: dict[str, Any]) -> str:
    """The serving image that the template names for the region."""
    region = cloud.client("sagemaker").meta.region_name
    owner = template["Mappings"]["TensorFlowImages"][region]["Account"]
    (name,) = set(re.findall(r"tensorflow-inference:[\w.-]+", json.dumps(template["Resources"])))
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{owner}.dkr.ecr.{region}.{domain}/{name}"


@pytest.fixture(scope="package")
def put(cloud: Cloud, bucket: str) -> Callable[[str, bytes], str]:
    """Stores an object; answers its URI."""

    def store(key: str, content: bytes) -> str:
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    return store


@pytest.fixture(scope="package")
def get(cloud: Cloud) -> Callable[[str], bytes]:
    """The content of an object."""

    def load(uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bytes(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    return load


@pytest.fixture
def training_request(bucket: str, role: str, put: Callable[[str, bytes], str], name: str) -> Callable[..., dict]:
    """Makes a CreateTrainingJob request that runs this program."""

    def make(program: str, hyperparameters: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        code = put(f"{name}/sourcedir.tar.gz", tar_gz({"train.py": program.encode()}))
        own = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code}
        values = {key: json.dumps(value) for key, value in (own | (hyperparameters or {})).items()}
        return {
            "TrainingJobName": name,
            "HyperParameters": values,
            "AlgorithmSpecification": {"TrainingImage": "tensorflow-training", "TrainingInputMode": "File"},
            "RoleArn": role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/{name}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            **members,
        }

    return make


@pytest.fixture
def finished(cloud: Cloud) -> Callable[[str], dict[str, Any]]:
    """Waits for a training job's end; answers its description."""

    describe = cloud.client("sagemaker").describe_training_job
    return lambda job: at_rest(describe, "TrainingJobStatus", TrainingJobName=job)


@pytest.fixture
def train(
    cloud: Cloud, training_request: Callable[..., dict[str, Any]], finished: Callable[[str], dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Runs a training job to its end; takes what ``training_request`` takes, answers its description."""

    def run(program: str, hyperparameters: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        request = training_request(program, hyperparameters, **members)
        cloud.client("sagemaker").create_training_job(**request)
        return finished(request["TrainingJobName"])

    return run


@pytest.fixture
def log_of(cloud: Cloud) -> Callable[[str, str], list[str]]:
    """The lines that a job logged."""

    def read(group: str, job: str) -> list[str]:
        logs = cloud.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        events = [
            logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
            for stream in streams
        ]
        return [event["message"] for page in events for event in page["events"]]

    return read


SCORE = """
import json, os
given = json.loads(os.environ["SM_HPS"])
print(f"score={1 - (given['rate'] - 0.3) ** 2};")
"""
"""A program that scores best at a rate of 0.3."""


@pytest.fixture
def tuning_request(training_request: Callable[..., dict[str, Any]], name: str) -> Callable[..., dict[str, Any]]:
    """Makes a CreateHyperParameterTuningJob request that runs this program; ``config`` joins the job's config."""

    def make(
        program: str = SCORE, static: dict[str, Any] | None = None, jobs: int = 4, parallel: int = 2, **config: Any
    ) -> dict[str, Any]:
        training = training_request(program, static)
        definition = {"StaticHyperParameters": training.pop("HyperParameters"), **training}
        del definition["TrainingJobName"]
        metric = {"Name": "score", "Regex": "score=([-0-9.e]+);"}
        definition["AlgorithmSpecification"] |= {"MetricDefinitions": [metric]}
        rate = {"Name": "rate", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}
        own = {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"ContinuousParameterRanges": [rate]},
            "RandomSeed": 7,
        }
        return {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": own | config,
            "TrainingJobDefinition": definition,
        }

    return make


@pytest.fixture
def create_tuning(cloud: Cloud) -> Callable[[dict[str, Any]], str]:
    """Creates a tuning job; answers its name."""

    def make(request: dict[str, Any]) -> str:
        cloud.client("sagemaker").create_hyper_parameter_tuning_job(**request)
        return str(request["HyperParameterTuningJobName"])

    return make


@pytest.fixture
def tuned(cloud: Cloud) -> Callable[[str], dict[str, Any]]:
    """Waits for a tuning job's end; answers its description."""

    describe = cloud.client("sagemaker").describe_hyper_parameter_tuning_job
    return lambda job: at_rest(describe, "HyperParameterTuningJobStatus", HyperParameterTuningJobName=job)


MODEL_PROGRAM = """
import json, os, pathlib
import numpy as np
import tensorflow as tf
from headgate_training.encoding import Encoding, OneHot, Scaled

assets = pathlib.Path(os.environ["SM_MODEL_DIR"], "1", "assets.extra")
assets.mkdir(parents=True)
spec = {
    "format": 1, "target": "t", "task": "binary", "classes": ["no", "yes"], "positive": "yes", "metric": "auc",
    "direction": "maximize", "seed": 1,
    "columns": [{"name": "size", "kind": "numeric"}, {"name": "ward", "kind": "categorical"}],
}
(assets / "spec.json").write_text(json.dumps(spec))
encoding = Encoding((Scaled("size", 0.0, 1.0, False, True),), (), (OneHot("ward", ("A", "B"), True, False),))
encoding.save(assets / "encoding.json")
sign = float(os.environ.get("SM_HP_SIGN", "1"))
dense = tf.keras.layers.Dense(2, activation="softmax")
network = tf.keras.Sequential([tf.keras.Input((encoding.width,)), dense])
weights = np.zeros((encoding.width, 2), np.float32)
weights[0] = [-sign, sign]
dense.set_weights([weights, np.zeros(2, np.float32)])
(assets / "model.litert").write_bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
"""


@pytest.fixture(scope="package")
def archives(cloud: Cloud, bucket: str, role: str, put: Callable[[str, bytes], str]) -> dict[str, str]:
    """Two tiny models, trained by jobs: ``up`` says yes to what is large, ``down`` says no to it."""
    client = cloud.client("sagemaker")
    code = put("model-code/sourcedir.tar.gz", tar_gz({"train.py": MODEL_PROGRAM.encode()}))
    for job, sign in (("archive-up", 1), ("archive-down", -1)):
        values = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code, "sign": sign}
        client.create_training_job(
            TrainingJobName=job,
            HyperParameters={key: json.dumps(value) for key, value in values.items()},
            AlgorithmSpecification={"TrainingImage": "any", "TrainingInputMode": "File"},
            RoleArn=role,
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/archives"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 300},
        )

    def made(job: str) -> str | None:
        found = client.describe_training_job(TrainingJobName=job)
        assert found["TrainingJobStatus"] not in ("Failed", "Stopped"), found["FailureReason"]
        done = found["TrainingJobStatus"] == "Completed"
        return str(found["ModelArtifacts"]["S3ModelArtifacts"]) if done else None

    return {which: eventually(lambda job=f"archive-{which}": made(job)) for which in ("up", "down")}


@pytest.fixture
def make_config(cloud: Cloud, role: str) -> Callable[..., str]:
    """Makes models and an endpoint configuration for these archives, by variant; answers its name.

    `config` has further members of the configuration, `members` those of every variant.
    """

    def make(
        variants: dict[str, str],
        shadows: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        role: str = role,
        **members: Any,
    ) -> str:
        client, name = cloud.client("sagemaker"), f"c-{uuid4().hex[:12]}"
        instances = {} if "ServerlessConfig" in members else {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}

        def wanted(variant: str, archive: str) -> dict[str, Any]:
            model = f"{name}-{variant}"
            container = {"Image": "tensorflow-inference", "ModelDataUrl": archive}
            client.create_model(ModelName=model, PrimaryContainer=container, ExecutionRoleArn=role)
            return {"VariantName": variant, "ModelName": model, **instances, **members}

        mirrored = {"ShadowProductionVariants": [wanted(*shadow) for shadow in shadows.items()]} if shadows else {}
        client.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[wanted(*variant) for variant in variants.items()],
            **mirrored,
            **(config or {}),
        )
        return name

    return make


@pytest.fixture
def settled(cloud: Cloud) -> Callable[[str], dict[str, Any]]:
    """Waits until an endpoint is not on its way any more; answers its description."""
    describe, ends = cloud.client("sagemaker").describe_endpoint, ("InService", "Failed", "UpdateRollbackFailed")
    return lambda endpoint: at_rest(describe, "EndpointStatus", ends, EndpointName=endpoint)


@pytest.fixture
def bring_up(cloud: Cloud, name: str, settled: Callable[[str], dict[str, Any]]) -> Iterator[Callable[..., str]]:
    """Makes an endpoint of a configuration, called like the test; answers its name. It goes in the end."""
    client, made = cloud.client("sagemaker"), list[str]()

    def make(config: str, name: str = name) -> str:
        client.create_endpoint(EndpointName=name, EndpointConfigName=config)
        made.append(name)
        described = settled(name)
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")
        return name

    yield make
    for each in made:
        settled(each)
        client.delete_endpoint(EndpointName=each)


@pytest.fixture
def endpoint(archives: dict[str, str], make_config: Callable[..., str], bring_up: Callable[..., str]) -> str:
    """An endpoint in service with the model ``up``."""
    return bring_up(make_config({"main": archives["up"]}))


@pytest.fixture
def invoke(cloud: Cloud) -> Callable[..., dict[str, Any]]:
    """Sends a body to an endpoint; answers the response."""

    def send(endpoint: str, body: bytes | str, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
        runtime = cloud.client("sagemaker-runtime")
        return dict(runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **more))

    return send


@pytest.fixture
def ask(invoke: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """Invokes an endpoint with rows; answers its predictions."""

    def send(endpoint: str, *rows: dict[str, Any]) -> Any:
        return json.loads(invoke(endpoint, json.dumps({"instances": rows}))["Body"].read())["predictions"]

    return send


@pytest.fixture
def summed(cloud: Cloud) -> Callable[..., float]:
    """The sum of a metric of a variant's invocations so far; further dimensions may be given."""

    def look(metric: str, endpoint: str, variant: str = "main", namespace: str = "AWS/SageMaker", **more: str) -> float:
        dimensions = {"EndpointName": endpoint, "VariantName": variant, **more}
        now = datetime.now(UTC)
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    return look
