"""Logs of a training on their way to TensorBoard."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from headgate.domain.names import Project
from headgate_cli.errors import UsageError
from headgate_cli.runs import RunRef
from headgate_cli.tensorboard import fetch

REF = RunRef(Project("demo", "iris"), "0123456789")
LOGS = "demo/iris/runs/demo-iris-0123456789/tensorboard/"


@pytest.fixture
def cloud() -> Any:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        client.create_bucket(Bucket="artifacts")
        yield SimpleNamespace(artifact_bucket="artifacts", client=lambda _: client)


def test_all_logs_of_the_run_are_fetched_and_no_others(cloud: Any, tmp_path: Path) -> None:
    for key in (f"{LOGS}events.1", f"{LOGS}deep/events.2", "demo/iris/runs/other/tensorboard/events.3"):
        cloud.client("s3").put_object(Bucket="artifacts", Key=key, Body=b"log")
    assert fetch(cloud, REF, tmp_path) == 2
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["deep/events.2", "events.1"]


def test_a_run_without_logs_says_so(cloud: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no logs for TensorBoard"):
        fetch(cloud, REF, tmp_path)


def test_no_key_leads_out_of_the_folder(cloud: Any, tmp_path: Path) -> None:
    cloud.client("s3").put_object(Bucket="artifacts", Key=f"{LOGS}../../../escaped", Body=b"log")
    fetch(cloud, REF, tmp_path / "in")
    assert not list(tmp_path.rglob("escaped"))
