"""Calls handlers as Lambda does: the module loaded from its folder, the environment as the template sets it."""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from prove.recorder import acting
from tests.dropping import FOLDER, Drop, Dropped

from headgate import clients
from headgate.aws.cloudwatch import Alarms
from headgate.aws.s3 import Objects
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author
from headgate.domain.standing_alarms import Composite
from headgate.domain.tenants import Quotas, Tenant

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"functions_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """A golden event, as AWS documents it."""
    return lambda name: json.loads((ROOT / "events" / "examples" / f"{name}.json").read_text())


class NoSearches:
    """Tuning jobs of an account that has none; moto has no operations on them."""

    def is_over(self, name: str) -> bool:
        """Whether a tuning job is there and has ended."""
        return False

    def trials(self, name: str) -> list[dict[str, Any]]:
        """The summaries of its training jobs."""
        return []


class MetricAlarms(Alarms):
    """Alarms of moto's account, which has no composite ones: these are names, in `made`."""

    def __init__(self, client: Any, shared: Any, made: set[str]) -> None:
        super().__init__(client, shared)
        self._made = made

    def combine(self, alarm: Composite, tags: Mapping[str, str]) -> None:
        """Note that it would be made; tests on the account in memory show that it is."""
        self._made.add(alarm.name)

    def active(self, names: Sequence[str]) -> dict[str, bool]:
        """Which of these alarms are there, and whether their actions are switched on."""
        return super().active(names) | {name: True for name in names if name in self._made}


@pytest.fixture
def invoke(
    aws: boto3.Session, ledger: Any, make_bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, dict[str, Any]], Any]:
    """Invoke a function by its folder's name, with the resources it is told of in moto's account."""
    from headgate import entrypoint

    role = aws.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machines = {
        name: aws.client("stepfunctions").create_state_machine(
            name=f"headgate-{name}",
            roleArn=role,
            definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        )["stateMachineArn"]
        for name in ("train", "respond", "observe")
    }
    settings = {
        "LEDGER_TABLE": "ledger",
        "DATA_BUCKET": make_bucket("data"),
        "ARTIFACT_BUCKET": make_bucket("artifacts"),
        "AUDIT_BUCKET": make_bucket("audit"),
        "TRAIN_STATE_MACHINE_ARN": machines["train"],
        "RESPOND_STATE_MACHINE_ARN": machines["respond"],
        "TENANT_RETRAINS_PER_DAY": "10",
        "NOTIFICATION_TOPIC_ARN": aws.client("sns").create_topic(Name="topic")["TopicArn"],
        "MONITOR_QUEUE_URL": aws.client("sqs").create_queue(QueueName="monitor")["QueueUrl"],
        "INTAKE_QUEUE_URL": aws.client("sqs").create_queue(QueueName="intake")["QueueUrl"],
        "RETRAIN_QUEUE_URL": aws.client("sqs").create_queue(QueueName="retrain")["QueueUrl"],
        "RULES": "headgate-gone",
        "STACK_NAME": "headgate",
        "DEAD_LETTER_QUEUES": aws.client("sqs").create_queue(QueueName="dead")["QueueUrl"],
        "SERVING_IMAGE": "763104351884.dkr.ecr.eu-central-1.amazonaws.com/tensorflow-inference:2.20-cpu-py312",
        "TENANT_TOPICS": aws.client("sns").create_topic(Name="headgate-tenant-demo")["TopicArn"].removesuffix("demo"),
        "TENANT_KEYS": "arn:aws:kms:eu-central-1:123456789012:alias/headgate-",
        "TENANT_ROLES": "arn:aws:iam::123456789012:role/headgate-tenant-",
        "FUNCTION_ROLE_ARN": role,
        "TRAINING_CODE_HASH": "0123456789abcdef",
        "FUNCTION_BYTES": "2147483648",
        "OBSERVE_STATE_MACHINE_ARN": machines["observe"],
        "FUNCTION_WINDOW_BYTES": "1000000000",
        "BAKE_SECONDS": "600",
        "TUNING_MONEY_LIMIT": "20",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    made: set[str] = set()

    def alarms(tenant: str) -> MetricAlarms:
        return MetricAlarms(clients.client("cloudwatch", tenant), clients.shared("cloudwatch", tenant), made)

    monkeypatch.setattr(entrypoint, "alarms", alarms)
    monkeypatch.setattr(entrypoint, "searches", lambda _tenant: NoSearches())
    key = "arn:aws:kms:eu-central-1:123456789012:key/of-demo"
    demo = Tenant("demo", "ACTIVE", Quotas(10, 50, 1000.0, 1000.0), key=key)
    Tenants(aws.client("dynamodb"), "ledger", lambda: Author("the test", "2026")).register(demo, "For the test.")
    clients.forget_clients()
    context = SimpleNamespace(
        function_name="test", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
    )
    context.get_remaining_time_in_millis = lambda: 900_000

    def handle(name: str, event: dict[str, Any]) -> Any:
        with acting("functions", name):
            return load(name).handler(event, context)

    return handle


@pytest.fixture(autouse=True)
def no_network(socket_disabled: None) -> None:
    """Nothing here may open a socket."""


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes the function examines itself."""

    def setting(value: int) -> None:
        monkeypatch.setenv("FUNCTION_BYTES", str(value))
        clients.forget_clients()

    return setting


@pytest.fixture
def drop(
    aws: boto3.Session, invoke: Any, objects: Objects, bound: Callable[[int], None], request: Any, tmp_path: Path
) -> Drop:
    """Drop a dataset: `drop(WDBC)`, or several files as `drop(**{"a.csv": ...})`."""
    if getattr(request, "param", "function") == "machine":
        bound(0)

    def dropping(content: bytes | None = None, **files: bytes) -> Dropped:
        named = {"upload.csv": content, **files} if content is not None else files
        files = {f"{FOLDER}incoming/{name}": data for name, data in named.items()}
        return Dropped(aws, invoke, objects, files, tmp_path)

    return dropping
