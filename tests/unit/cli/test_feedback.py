"""`headgate feedback`: labels on their way to the data bucket."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate.domain.runs import Champion, Head
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.feedback import send

IRIS = Project("demo", "iris")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    artifacts, data = make_bucket("artifacts"), make_bucket("data")
    aws.client("s3").put_object(
        Bucket=artifacts,
        Key="demo/iris/datasets/aaaaaaaaaa/spec/spec.json",
        Body=json.dumps({"classes": ["yes", "no"]}).encode(),
    )
    ledger.write(IRIS, Head(champion=Champion(3, "7", "aaaaaaaaaa", "s3://artifacts/model.tar.gz")))
    return Cloud(aws, "headgate", None, {"ArtifactBucket": artifacts, "DataBucket": data, "LedgerTable": "ledger"})


def test_labels_lie_where_headgate_looks_for_them(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("id,label\na#1,yes\na#2,no\na#2,yes\n")
    sent = send(cloud, IRIS, file, NOW)
    assert sent["rows"] == 2
    assert sent["key"].startswith("demo/iris/feedback/20260102T030405Z-")
    stored = cloud.client("s3").get_object(Bucket="data", Key=sent["key"])["Body"].read()
    assert stored == file.read_bytes()
    assert send(cloud, IRIS, file, NOW)["key"] == sent["key"]


@pytest.mark.parametrize(
    ("content", "said"), [("id,label\na,maybe\n", "classes"), ("a,b\n1,2\n", "id"), (None, "no such")]
)
def test_a_wrong_file_is_not_sent(cloud: Cloud, tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "labels.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said):
        send(cloud, IRIS, file, NOW)
    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket="data")


def test_there_is_nothing_to_label_before_something_serves(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not serve yet"):
        send(cloud, Project("demo", "other"), tmp_path / "labels.csv", NOW)
