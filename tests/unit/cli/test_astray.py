"""Whoever uploads to the wrong place is told the right one."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from headgate_cli import astray
from headgate_cli.connection import Cloud

RIGHT = (
    "demo/patients/project.yaml",
    "demo/patients/incoming/a.csv",
    "demo/patients/incoming/b/part-1.csv",
    "demo/patients/feedback/labels.csv",
    "demo/patients/",
    "demo/.hidden",
    "other/patients/a.csv",
    "other/patients/incoming/a.csv",
)


@pytest.mark.parametrize(
    ("key", "project", "named"),
    [
        (None, None, None),
        ("a.csv", None, "a.csv"),
        ("a.csv", "patients", None),
        ("demo/a.csv", None, "demo/a.csv"),
        ("demo/incoming/a.csv", None, "demo/incoming/a.csv"),
        ("patients/incoming/a.csv", None, "patients/incoming/a.csv"),
        ("patients/incoming/a.csv", "patients", None),
        ("demo/patients/a.csv", None, "demo/patients/a.csv"),
        ("demo/patients/a.csv", "patients", "demo/patients/a.csv"),
        ("demo/patients/a.csv", "boards", None),
        ("demo/patients/Incoming/a.csv", None, "demo/patients/Incoming/"),
        ("demo/patients/a.csv.tmp", None, None),
    ],
)
def test_what_lies_outside_incoming_is_named_with_its_place(
    aws: boto3.Session, make_bucket: Callable[[str], str], key: str | None, project: str | None, named: str | None
) -> None:
    bucket = make_bucket("data")
    for each in (*RIGHT, *([key] if key else [])):
        aws.client("s3").put_object(Bucket=bucket, Key=each, Body=b"")
    hint = astray.hint(Cloud(aws, "headgate", None, {"DataBucket": bucket}), "demo", project)
    if named is None:
        assert hint == ""
    else:
        assert f"no project's incoming/: {named}. Put data at demo/{project or '<project>'}/incoming/<file>" in hint


def test_who_may_not_list_the_bucket_is_told_nothing(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = aws.client("s3")
    monkeypatch.setattr(Cloud, "client", lambda *_: client)
    with Stubber(client) as stubber:
        stubber.add_client_error("list_objects_v2", "AccessDenied")
        assert astray.hint(Cloud(aws, "headgate", None, {"DataBucket": "data"}), "demo") == ""
