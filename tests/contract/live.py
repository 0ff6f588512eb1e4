"""A live local cloud for tests, and small things that they share: waiting, policies, archives."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.model import OperationModel, Shape
from waiting import eventually

REGION = "eu-central-1"
ACCOUNT = "000000000000"
KEYS = {"aws_access_key_id": "AKIACONTRACTROOT", "aws_secret_access_key": "contract-secret"}


def assert_complete(parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
    """Every response of SageMaker must hold what its shape requires."""
    if "Error" not in parsed and model.output_shape is not None:
        missing = list(missing_members(model.output_shape, parsed))
        assert not missing, f"{model.name} answered without {missing}"


def missing_members(shape: Shape, value: Any) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from (name for name in shape.required_members if name not in value)
        for name in shape.members.keys() & value.keys():
            yield from missing_members(shape.members[name], value[name])
    elif shape.type_name == "list":
        for item in value:
            yield from missing_members(shape.member, item)


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
            self.clients[at].meta.events.register("after-call.sagemaker", assert_complete)
        return self.clients[at]

    def unchecked(self, service: str) -> Any:
        """A client that sends what it is given, so that the service has to check it."""
        config = Config(parameter_validation=False, retries={"max_attempts": 0})
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=config, **KEYS)

    def stop(self) -> None:
        """Stop it, by force if need be; one that has ended does not mind."""
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_job(cloud: Cloud, name: str, role: str, bucket: str) -> None:
    """Start the training job whose code lies in a bucket of its own, as `code`."""
    cloud.client("sagemaker").create_training_job(
        TrainingJobName=name,
        HyperParameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{bucket}/code"},
        AlgorithmSpecification={"TrainingImage": "any", "TrainingInputMode": "File"},
        RoleArn=role,
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )


def start_cloud(home: Path) -> Cloud:
    """Start a local cloud of its own in a folder; it is ready when this answers."""
    log = home / "cloud.log"
    environment = {
        **os.environ,
        "HEADGATE_HOME": str(home),
        "LOG_LEVEL": "WARNING",
        "HEADGATE_STRICT": "1",
        **{name.upper(): value for name, value in KEYS.items()},
    }
    with socket.socket() as listener, log.open("wb") as output:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port, descriptor = listener.getsockname()[1], listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "headgate_local.cloud", "--port", str(port), "--listener", str(descriptor)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[descriptor],
        )
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_ministack/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    cloud = Cloud(process, url, log)
    try:
        eventually(ready)
    except BaseException:
        cloud.stop()
        raise
    return cloud


def make_role(cloud: Cloud, *statements: dict[str, Any], services: Sequence[str] = ("sagemaker.amazonaws.com",)) -> str:
    """A role that these services may take on, with these statements; answers its ARN."""
    iam, name = cloud.client("iam"), f"role-{uuid4().hex[:12]}"
    trust = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [trust]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
    if statements:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    return str(arn)


def function_zip(code: str, name: str = "app.py") -> bytes:
    """The archive of a function that is one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, code)
    return packed.getvalue()


def invoke_a_function(cloud: Cloud, role: str) -> None:
    """Make the function ``f`` and ask it once, so that the cloud has an execution environment."""
    functions, code = cloud.client("lambda"), function_zip("def handler(event, context):\n    return event")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role=role, Handler="app.handler", Code={"ZipFile": code}
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f")
    assert functions.invoke(FunctionName="f", Payload=b"7")["Payload"].read() == b"7"


def processes() -> dict[int, tuple[int, str]]:
    """All processes that have not ended: the parent and the command of each."""
    listed = subprocess.run(["ps", "-axwwo", "pid=,ppid=,stat=,command="], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {int(pid): (int(parent), command) for pid, parent, state, command in lines if not state.startswith("Z")}


def descendants(pid: int) -> dict[int, str]:
    """All processes below one, and their commands; sessions and groups hide none."""
    alive = processes()
    found: dict[int, str] = {}
    waiting = {pid}
    while waiting:
        below = {child for child, (parent, _) in alive.items() if parent in waiting}
        found |= {child: alive[child][1] for child in below}
        waiting = below
    return found


def serving(cloud: Cloud) -> set[int]:
    """The processes that serve the endpoints of a cloud."""
    return {pid for pid, command in descendants(cloud.process.pid).items() if "headgate_local.serving" in command}


@contextmanager
def frozen(processes: Iterable[int]) -> Iterator[Callable[[], None]]:
    """Stops processes for a while: they take requests and answer none. Gives what lets them go on."""

    def thaw() -> None:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    stopped = list(processes)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield thaw
    finally:
        thaw()


def statement(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


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
