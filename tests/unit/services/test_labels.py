"""Files of labels as they lie in S3: which are read, and which are left out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from prove.recorder import acting

from headgate.aws.s3 import Objects
from headgate.services import labels as module
from headgate.services.labels import Labels

from .conftest import IRIS

SINCE = datetime.now(UTC) - timedelta(hours=1)


class Feedback:
    """Files of labels by their names, what is read of them, and which of them were missed."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket, self.missed = s3, bucket, dict[str, str]()
        self.labels = Labels(IRIS, Objects(s3), bucket, self.missed.__setitem__)

    def put(self, name: str, body: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=f"demo/iris/feedback/{name}", Body=body.encode())


@pytest.fixture
def feedback(aws: boto3.Session, make_bucket: Callable[[str], str]) -> Feedback:
    return Feedback(aws.client("s3"), make_bucket("data"))


def test_the_newest_file_counts_and_what_cannot_be_read_is_left_out_and_told(feedback: Feedback) -> None:
    for name, body in (("b", "id,label\na,yes\nb,yes\n"), ("a", "nothing"), ("c", "id,label\na,no\n")):
        feedback.put(name, body)
    with acting("functions", "watch_release"):
        assert feedback.labels.newest(SINCE) == {("a", 1): "no", ("b", 1): "yes"}
    assert list(feedback.missed) == ["demo/iris/feedback/a"]
    assert feedback.labels.newest(datetime.now(UTC) + timedelta(hours=1)) == {}


def test_a_file_without_room_keeps_no_other_from_being_read(
    feedback: Feedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, body in (("a", "id,label\na,yes\n"), ("b", "id,label\n" + "b,yes\n" * 99), ("c", "id,label\nc,no\n")):
        feedback.put(name, body)
    monkeypatch.setattr(module, "LARGEST", 100)
    assert feedback.labels.files(SINCE) == [{("a", 1): "yes"}, {("c", 1): "no"}]
    assert list(feedback.missed) == ["demo/iris/feedback/b"]


def test_labels_are_written_as_they_came_but_for_files_that_cannot_be_read(feedback: Feedback, tmp_path: Path) -> None:
    feedback.put("a", "id,label\na,yes\nb#2,maybe\n")
    feedback.put("b", "id,label\nc,yes\nd\n")
    feedback.put("c", "id,label\na,no\n")
    path = tmp_path / "labels.jsonl"
    assert feedback.labels.write(SINCE, path, {"yes", "no"}.__contains__) == (3, 1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["inference"], each["number"], each["truth"]) for each in lines] == [("a", 1, "yes"), ("a", 1, "no")]
    assert lines[0]["line"] < lines[1]["line"]
    assert list(feedback.missed) == ["demo/iris/feedback/b"]


def test_of_rows_that_nobody_asks_for_nothing_is_kept(feedback: Feedback) -> None:
    feedback.put("a", "id,label\na#1,yes\na#2,no\n")
    assert feedback.labels.newest(SINCE, {("a", 2)}) == {("a", 2): "no"}
