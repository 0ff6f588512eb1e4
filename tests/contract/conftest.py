"""One live local cloud for all contract tests, and factories for what they need in it."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

REGION = "eu-central-1"
ACCOUNT = "000000000000"
KEYS = {"aws_access_key_id": "AKIACONTRACTROOT", "aws_secret_access_key": "contract-secret"}
PATIENCE = 60.0


def wait_until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Look until there is something true to see; fails after a deadline with what was last seen."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain, last saw {seen!r}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return seen


@dataclass
class Cloud:
    """A running local cloud, and clients of it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    clients: dict[Any, Any] = field(default_factory=dict)

    def client(self, service: str, **keys: str) -> Any:
        """A client; the root's unless other keys are given."""
        at = (service, *sorted(keys.items()))
        if at not in self.clients:
            config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
            self.clients[at] = boto3.client(
                service, endpoint_url=self.url, region_name=REGION, config=config, **(keys or KEYS)
            )
        return self.clients[at]


def start_cloud(home: Path) -> Cloud:
    """Start a local cloud of its own in a folder; it is ready when this answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "cloud.log"
    environment = {
        **os.environ,
        "HEADGATE_HOME": str(home),
        "LOG_LEVEL": "WARNING",
        **{name.upper(): value for name, value in KEYS.items()},
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "headgate_local.cloud", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_ministack/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    wait_until(ready)
    return Cloud(process, url, log)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(timeout=30)


@pytest.fixture(scope="session")
def bucket(cloud: Cloud) -> str:
    cloud.client("s3").create_bucket(
        Bucket="contract", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return "contract"


@pytest.fixture
def name() -> str:
    return f"n-{uuid4().hex[:12]}"


def statement(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="session")
def make_role(cloud: Cloud) -> Callable[..., str]:
    """Makes a role that a service may take on, with these statements; answers its ARN."""

    def make(*statements: dict[str, Any], service: str = "sagemaker.amazonaws.com") -> str:
        iam, name = cloud.client("iam"), f"role-{uuid4().hex[:12]}"
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = {"Version": "2012-10-17", "Statement": [trust]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        return str(arn)

    return make


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def role(make_role: Callable[..., str]) -> str:
    """What the containers of these tests may do."""
    return make_role(statement(["s3:GetObject", "s3:ListBucket", "s3:PutObject", "logs:*"]))


def tar_gz(files: dict[str, bytes]) -> bytes:
    """An archive of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def untar(packed: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def put(cloud: Cloud, bucket: str) -> Callable[[str, bytes], str]:
    """Stores an object; answers its URI."""

    def store(key: str, content: bytes) -> str:
        cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    return store


@pytest.fixture(scope="session")
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

    def wait(job: str) -> dict[str, Any]:
        def look() -> Any:
            found = cloud.client("sagemaker").describe_training_job(TrainingJobName=job)
            return found if found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return dict(wait_until(look))

    return wait


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


