"""A mirrored folder: what is new or changed is copied, once."""

import os
import threading
from pathlib import Path

import pytest

from headgate_local.sagemaker.clients import TransferError
from headgate_local.sagemaker.jobs import mirror
from headgate_local.sagemaker.jobs.mirror import Mirror


class Bucket:
    """Storage that keeps what it is given, in order; or refuses everything."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.refuses = False
        self.changed = threading.Condition()

    def upload(self, path: Path, uri: str, _kms_key: str | None = None) -> None:
        if self.refuses:
            raise TransferError("no")
        with self.changed:
            self.got.append((uri, path.read_text()))
            self.changed.notify_all()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "checkpoints"


def test_what_is_left_is_copied_in_the_end(bucket, folder) -> None:
    mirrored = Mirror(bucket, folder, "s3://b/c/")
    (folder / "deep").mkdir()
    (folder / "deep" / "a").write_text("1")
    mirrored.finish()
    assert bucket.got == [("s3://b/c/deep/a", "1")]


def test_what_changes_is_copied_meanwhile_and_once(bucket, folder, monkeypatch) -> None:
    monkeypatch.setattr(mirror, "PAUSE", 0.01)
    mirrored = Mirror(bucket, folder, "s3://b/c")
    for content in ("1", "22"):
        (folder / "new").write_text(content)
        os.replace(folder / "new", folder / "a")  # noqa: PTH105 - in one step, so that no half is seen
        with bucket.changed:
            assert bucket.changed.wait_for(lambda content=content: ("s3://b/c/a", content) in bucket.got, 30)
    mirrored.finish()
    assert [content for uri, content in bucket.got if uri.endswith("/a")] == ["1", "22"]


def test_what_was_there_before_is_not_copied(bucket, folder) -> None:
    folder.mkdir()
    (folder / "a").write_text("1")
    mirrored = Mirror(bucket, folder, "s3://b/c")
    mirrored.finish()
    assert bucket.got == []


def test_a_refusal_is_told_in_the_end(bucket, folder) -> None:
    mirrored = Mirror(bucket, folder, "s3://b/c")
    (folder / "a").write_text("1")
    bucket.refuses = True
    with pytest.raises(TransferError):
        mirrored.finish()


def test_an_abandoned_mirror_copies_no_more(bucket, folder, monkeypatch) -> None:
    monkeypatch.setattr(mirror, "PAUSE", 0.01)
    mirrored = Mirror(bucket, folder, "s3://b/c")
    mirrored.abandon()
    (folder / "a").write_text("1")
    with bucket.changed:
        assert not bucket.changed.wait_for(lambda: bucket.got, 0.3)
