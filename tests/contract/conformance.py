"""The contract suite against AWS itself: which tests run there, with what, and what they take away again.

    pytest tests/contract --cloud aws

runs the tests marked ``aws`` with the credentials and the region that boto3 finds. Such a test rests on documented
behaviour only, needs no name of the local cloud, and starts no machine.
"""

import os
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from contract.live import assert_complete

BUCKET, ROLE = "HEADGATE_CONFORMANCE_BUCKET", "HEADGATE_CONFORMANCE_ROLE"
MEANING = {
    BUCKET: "a bucket in the region of your credentials; what the tests put there they delete",
    ROLE: "the ARN of a role that SageMaker may take on, which may read the bucket and pull SageMaker's images",
}
LOCAL_ONLY = {"archives", "deploy", "endpoint", "heard", "make_role", "make_user", "order", "train", "training_request"}
"""Fixtures that start machines, make identities, or order what only the local cloud takes orders for."""
MACHINES = {
    "CreateEndpoint",
    "CreateHyperParameterTuningJob",
    "CreateProcessingJob",
    "CreateTrainingJob",
    "CreateTransformJob",
}
Members = dict[str, Any]
REMOVALS: dict[str, tuple[str, Callable[[Members, Members], Members]]] = {
    "CreateEndpointConfig": ("DeleteEndpointConfig", lambda asked, _: pick(asked, "EndpointConfigName")),
    "CreateModel": ("DeleteModel", lambda asked, _: pick(asked, "ModelName")),
    "CreateModelPackage": ("DeleteModelPackage", lambda _, got: {"ModelPackageName": got["ModelPackageArn"]}),
    "CreateModelPackageGroup": ("DeleteModelPackageGroup", lambda asked, _: pick(asked, "ModelPackageGroupName")),
    "PutCompositeAlarm": ("DeleteAlarms", lambda asked, _: {"AlarmNames": [asked["AlarmName"]]}),
    "PutMetricAlarm": ("DeleteAlarms", lambda asked, _: {"AlarmNames": [asked["AlarmName"]]}),
    "PutObject": ("DeleteObject", lambda asked, got: pick(asked, "Bucket", "Key") | pick(got, "VersionId")),
}
"""For each operation that makes something, the one that takes it away and what that is asked, by request and answer."""


def pick(members: Members, *names: str) -> Members:
    return {name: members[name] for name in names if name in members}


class Account:
    """An account of AWS, where ``Cloud`` is a local one. What its clients make is taken away when it is closed."""

    def __init__(self) -> None:
        self._session = boto3.Session()
        self._clients: dict[tuple[str, bool], Any] = {}
        self._made: list[tuple[Any, str, Members]] = []

    def client(self, service: str, **keys: str) -> Any:
        """A client with the credentials that boto3 finds."""
        assert not keys, "Users are made in the local cloud only."
        return self._client(service, True)

    def unchecked(self, service: str) -> Any:
        """A client that sends what it is given, so that the service has to check it."""
        return self._client(service, False)

    def close(self) -> None:
        """Take away what was made, the newest first; fails with a list of what could not be."""
        left = []
        for client, operation, members in reversed(list(self._made)):
            try:
                getattr(client, xform_name(operation))(**members)
            except ClientError as error:
                left.append(f"{operation} {members}: {error}")
        assert not left, "Left behind in your account:\n" + "\n".join(left)

    def _client(self, service: str, checked: bool) -> Any:
        at = (service, checked)
        if at not in self._clients:
            config = Config(parameter_validation=checked, retries={"mode": "standard", "max_attempts": 8})
            made = self._clients[at] = self._session.client(service, config=config)
            made.meta.events.register("before-parameter-build.*.*", _about_to_ask)
            made.meta.events.register("after-call.*.*", lambda **about: self._remember(made, **about))
            made.meta.events.register("after-call.sagemaker", assert_complete)
        return self._clients[at]

    def _remember(self, client: Any, parsed: Members, model: OperationModel, context: Members, **_: Any) -> None:
        asked = context["asked"]
        if "Error" in parsed:
            return
        self._made = [each for each in self._made if each[1:] != (model.name, asked)]
        if removal := REMOVALS.get(model.name):
            operation, members = removal
            if (made := (client, operation, members(asked, parsed))) not in self._made:  # it may be made once more
                self._made.append(made)


def _about_to_ask(params: Members, model: OperationModel, context: Members, **_: Any) -> None:
    assert model.name not in MACHINES, f"{model.name} would start machines: a test of it runs locally only."
    context["asked"] = dict(params)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cloud", choices=("local", "aws"), default="local", help="where the contract tests run")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--cloud") == "local" or config.option.collectonly:
        return
    if missing := [f"  {name}: {meaning}" for name, meaning in MEANING.items() if not os.environ.get(name)]:
        raise pytest.UsageError("--cloud aws needs these environment variables:\n" + "\n".join(missing))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("aws")]
    for item in marked:
        if local := LOCAL_ONLY & set(getattr(item, "fixturenames", ())):
            raise pytest.UsageError(f"{item.nodeid} is marked aws, but {', '.join(sorted(local))} cannot be had there.")
    if config.getoption("--cloud") == "aws":
        config.hook.pytest_deselected(items=[item for item in items if item not in marked])
        items[:] = marked
