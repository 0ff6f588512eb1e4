"""Captured requests and labels as they lie in S3."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests import capturing

from headgate.aws.s3 import Objects
from headgate.services import captured as module
from headgate.services.captured import Captured

from .conftest import IRIS

NOW = datetime.now(UTC)


@pytest.fixture
def s3(aws: boto3.Session) -> Any:
    return aws.client("s3")


@pytest.fixture
def captured(s3: Any, make_bucket: Callable[[str], str]) -> Captured:
    return Captured(Objects(s3), make_bucket("artifacts"), IRIS)


def keep(s3: Any, name: str, at: datetime, label: str, config: str = "demo-iris-r1") -> None:
    line = capturing.captured({}, {"label": label}, name, at)
    s3.put_object(Bucket="artifacts", Key=capturing.place(name, at, config), Body=f"{line}\ndamaged\n".encode())


def test_answers_of_a_time_are_found_the_oldest_first(s3: Any, captured: Captured) -> None:
    hour = timedelta(hours=1)
    for name, at in (("new", NOW), ("old", NOW - 2 * hour), ("older", NOW - 3 * hour), ("future", NOW + hour)):
        keep(s3, name, at, "yes")
    keep(s3, "another", NOW, "yes", "demo-iris-r2")
    found = captured.answers("demo-iris-r1", "main", NOW - 2 * hour, NOW)
    assert [row.inference_id for row in found] == ["old", "new"]


def test_no_more_is_read_than_there_is_room_for(s3: Any, captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(s3, "new", NOW, "yes")
    keep(s3, "old", NOW - timedelta(hours=2), "yes")
    monkeypatch.setattr(module, "_MOST_BYTES", 400)
    found = captured.answers("demo-iris-r1", "main", NOW - timedelta(hours=3), NOW)
    assert [row.inference_id for row in found] == ["new"]
    [found] = captured.first_answers("demo-iris-r1", ["main"], NOW - timedelta(hours=3), NOW)
    assert [row.inference_id for row in found] == ["old"]


def test_of_a_file_that_is_too_large_its_beginning_is_read(
    s3: Any, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [capturing.captured({}, {"label": "yes"}, str(number), NOW) for number in range(9)]
    s3.put_object(Bucket="artifacts", Key=capturing.place("large", NOW), Body="\n".join(lines).encode())
    monkeypatch.setattr(module, "_MOST_BYTES", 3 * len(lines[0]))
    found = captured.answers("demo-iris-r1", "main", NOW - timedelta(hours=1), NOW)
    assert [row.inference_id for row in found] == ["0", "1"]  # the third one's end is not there


def test_the_first_answers_of_both_end_where_one_has_no_more_room(
    s3: Any, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, hours, variant in (("a", 3, "main"), ("b", 2, "main"), ("c", 3, "try"), ("d", 1, "try")):
        at = NOW - timedelta(hours=hours)
        line = capturing.captured({}, {"label": "yes"}, name, at)
        s3.put_object(Bucket="artifacts", Key=capturing.place(name, at, variant=variant), Body=line.encode())
    asked = ("demo-iris-r1", ["main", "try"], NOW - timedelta(hours=4), NOW)
    assert [[row.inference_id for row in found] for found in captured.first_answers(*asked)] == [["a", "b"], ["c", "d"]]
    s3.put_object(Bucket="artifacts", Key=capturing.place("e", NOW), Body=b"x" * 400)
    monkeypatch.setattr(module, "_MOST_BYTES", 900)
    assert [[row.inference_id for row in found] for found in captured.first_answers(*asked)] == [["a", "b"], ["c"]]
