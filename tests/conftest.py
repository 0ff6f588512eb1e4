"""Fixtures that every suite shares. What the template says is read from the template, not written again."""

import functools
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from contract.conformance import pytest_addoption, pytest_collection_modifyitems, pytest_configure  # noqa: F401
from hypothesis import settings
from moto import mock_aws
from moto.core.serialize import ResponseSerializer
from prove import recorder
from samtranslator.yaml_helper import yaml_parse

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.audit import Author
from headgate.domain.failures import Stop
from headgate.domain.runs import Run

ROOT = Path(__file__).resolve().parents[1]
REGION = "eu-central-1"

# Tests run beside each other, so each process computes with one thread. More would wait for each other by spinning, and
# small models train no sooner for it: a fifth of a training's processor seconds. Local clouds pass it on to their jobs.
for _threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

recorder.install()  # where `make prove` asks for it

# Machines are noisy: how long an example takes fails no test.
settings.register_profile("headgate", deadline=None)
settings.load_profile("headgate")


# The descriptions of AWS's services are read once, not anew by each of thousands of sessions.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
_value_of_member = ResponseSerializer.get_value


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """A member of an answer of moto's. It looks for each under five spellings, which for the ten members that each
    value of DynamoDB may have took a third of the time of tests with a ledger; there they are spelled as AWS does."""
    if shape.parent.name == "AttributeValue" and type(value) is dict:
        return value.get(key)
    return _value_of_member(serializer, value, key, shape)


ResponseSerializer.get_value = _get_value  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays to the end: every search through it all took half a second, and
    together they took a fifth of the processor seconds of tests that use moto."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 20)


CHAINS = {
    "tests/e2e/test_night.py": "rehearsals",
    "tests/e2e/test_rehearsal.py": "rehearsals",
    "tests/e2e/test_release_rehearsal.py": "rehearsals",
    "tests/e2e/": "road",
    "tests/integration/test_local_cloud.py": "local cloud",
    "tests/unit/training/": "models",
}
"""Tests that one worker plays one after the other, by how their path begins; the first that fits counts. Rehearsals
wait for alarms and for versions that bake, and two at once would wait in vain on a busy machine; others share a cloud,
or models that are trained once for a worker."""


@pytest.hookimpl(optionalhook=True)  # `make mutate` runs without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Chains begin first, those of many tests before the others. xdist's groups do not work with pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Chained(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((chain for begin, chain in CHAINS.items() if nodeid.startswith(begin)), nodeid)

    return Chained(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many crash schedules were played (tests/unit/crashes), and what else tests have to tell (`told`)."""
    told = [kept for report in terminalreporter.stats.get("passed", []) for kept in report.user_properties]
    if schedules := sum(value for name, value in told if name == "schedules"):
        terminalreporter.write_line(f"{schedules} crash schedules were played; no invariant was broken")
    for name, value in told:
        if name == "told":
            terminalreporter.write_line(value)


@pytest.fixture(scope="session", autouse=True)
def lean() -> None:
    """Processes that tests start begin without what only tests themselves need; see `tests/lean/sitecustomize.py`."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests/lean"), *([before] if before else [])])


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return yaml_parse((ROOT / "template.yaml").read_text())


class KeptSession(boto3.Session):
    """Makes each client once for all tests: to make one takes longer than a call of moto's, and moto, which begins with
    each test anew, answers those that are there.
    """

    def __init__(self) -> None:
        super().__init__(region_name=REGION)
        self._kept: dict[Any, Any] = {}

    def client(self, *service: Any, **how: Any) -> Any:
        """As boto3's."""
        asked = (service, *sorted(how.items()))
        if asked not in self._kept:
            self._kept[asked] = super().client(*service, **how)
        return self._kept[asked]


_session = functools.cache(KeptSession)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """An account of moto's, empty; nothing in it is real and nothing leaves the process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield _session()


@pytest.fixture
def ledger(aws: boto3.Session, template: dict[str, Any]) -> Ledger:
    """The ledger's table as the template describes it."""
    properties = template["Resources"]["Ledger"]["Properties"]
    kept = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    client = aws.client("dynamodb")
    client.create_table(TableName="ledger", **{name: properties[name] for name in kept})
    return Ledger(client, "ledger", lambda: Author("the test", "2026-01-01T00:00:00.000Z"))


@pytest.fixture
def make_bucket(aws: boto3.Session) -> Callable[[str], str]:
    """Create a versioned bucket."""
    client = aws.client("s3")

    def make(name: str) -> str:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    return make


@pytest.fixture
def objects(aws: boto3.Session) -> Objects:
    return Objects(aws.client("s3"))


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """A run of demo/iris, waiting, made of a short name: `make_run("a")` is older than `make_run("b")`."""

    def make(name: str, **changes: Any) -> Run:
        values = {
            "run": f"demo-iris-{name}",
            "tenant": "demo",
            "project": "iris",
            "dataset": name,
            "name": f"{name}.csv",
            "order": f"2026-01-01T00:00:00Z|{name}",
            "arrived_at": "2026-01-01T00:00:00.000Z",
        }
        return Run(**{**values, **changes})

    return make


class StartedExecutions:
    """Executions kept in memory with Step Functions' rule: one name, one execution; `over` holds those that ended."""

    def __init__(self) -> None:
        self.given: dict[str, dict[str, str]] = {}
        self.over: dict[str, Stop] = {}

    def start(self, name: str, given: dict[str, str]) -> bool:
        self.given.setdefault(name, dict(given))
        return name not in self.over

    def stopped(self, name: str) -> Stop | None:
        return self.over.get(name)


@pytest.fixture
def executions() -> StartedExecutions:
    return StartedExecutions()
