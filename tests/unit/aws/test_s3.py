"""The adapter for S3, against moto's S3."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.s3 import Objects
from headgate.domain.errors import AccessDeniedError, NotFoundError
from headgate.domain.names import Part

KEYS = ["plain.csv", "with space.csv", "a+b.csv", "100%.csv", "%2e%2e/x.csv", "ü/é 😀.csv", "q?a=b&c#d.csv"]


@pytest.fixture
def uploaded(aws: boto3.Session) -> Callable[[str, str, bytes], Part]:
    """Upload as a person does, and pin the version."""

    def upload(bucket: str, key: str, content: bytes) -> Part:
        answer = aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return Part(key, answer["VersionId"], len(content))

    return upload


def content_of(objects: Objects, bucket: str, part: Part) -> bytes:
    return b"".join(objects.get_blocks(bucket, part.key, part.version_id))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_passed_as_it_is(objects: Objects, make_bucket, uploaded, key: str) -> None:
    bucket = make_bucket("here")
    part = uploaded(bucket, key, b"content")
    assert content_of(objects, bucket, part) == b"content"
    objects.copy(bucket, part, bucket, f"copy/{key}")
    assert objects.get_bytes(bucket, f"copy/{key}") == b"content"


def raise_(error: Exception) -> None:
    raise error


class Bounded:
    """S3 as who may list only under a prefix sees it: of what is not there it says 403 (HeadObject, API reference)."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            try:
                return getattr(self._client, name)(*given, **named)
            except ClientError as error:
                error.response["Error"]["Code"] = "403"
                raise

        return call


def test_what_may_not_be_read_is_refused_and_what_is_not_there_is_not_found(
    aws: boto3.Session, make_bucket, uploaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, objects = make_bucket("here"), Objects(Bounded(aws.client("s3")))
    part = uploaded(bucket, "a.csv", b"x")
    uploaded(bucket, "ab", b"x")  # the list of what begins with a name is not the name
    for look in (
        lambda: objects.get_bytes(bucket, "a"),
        lambda: objects.identity(bucket, "a"),
        lambda: objects.get_file(bucket, "a", tmp_path / "a"),
        lambda: content_of(objects, bucket, Part("a.csv", "gone", 1)),
    ):
        with pytest.raises(NotFoundError):
            look()
    assert objects.stands(bucket, part)
    assert not objects.stands(bucket, Part("a.csv", "gone", 1))
    assert not objects.stands(bucket, Part("a", "gone", 1))
    denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    monkeypatch.setattr(Bounded, "get_object", lambda *_, **__: raise_(ClientError(denied, "GetObject")), raising=False)
    with pytest.raises(AccessDeniedError):
        objects.get_bytes(bucket, part.key)


def test_a_version_stays_what_it_was(objects: Objects, make_bucket, uploaded) -> None:
    bucket = make_bucket("here")
    old = uploaded(bucket, "x", b"old")
    uploaded(bucket, "x", b"newer")
    assert content_of(objects, bucket, old) == b"old"
    objects.copy(bucket, old, bucket, "y")
    assert objects.get_bytes(bucket, "y") == b"old"


def test_a_large_object_comes_in_blocks(objects: Objects, make_bucket, tmp_path: Path) -> None:
    bucket, path = make_bucket("here"), tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 40_000)
    objects.put_file(bucket, "large", path)
    blocks = list(objects.get_blocks(bucket, "large", ""))
    assert b"".join(blocks) == path.read_bytes()
    assert len(blocks) > 1


def test_what_is_read_without_a_version_tells_which_it_was(objects: Objects, make_bucket, aws) -> None:
    objects.put_bytes(make_bucket("here"), "x", b"content")
    newest = aws.client("s3").head_object(Bucket="here", Key="x")["VersionId"]
    assert objects.get_newest("here", "x", limit=3) == (b"con", newest)
    assert objects.get_bytes("here", "x") == b"content"


def test_what_does_not_exist_is_not_found(objects: Objects, make_bucket, tmp_path: Path) -> None:
    bucket = make_bucket("here")
    gone = Part("gone", "3HL4kqtJvjVBH40Nrjfkd", 1)
    (tmp_path / "x").write_bytes(b"x")
    for attempt in (
        lambda: objects.get_json(bucket, "gone"),
        lambda: content_of(objects, bucket, gone),
        lambda: objects.copy(bucket, gone, bucket, "copy"),
        lambda: objects.put_file("no-such-bucket", "x", tmp_path / "x"),
    ):
        with pytest.raises(NotFoundError):
            attempt()


def test_an_object_is_told_from_others_of_its_name(objects: Objects, make_bucket) -> None:
    bucket = make_bucket("artifacts")
    objects.put_bytes(bucket, "model.tar.gz", b"one")
    first = objects.identity(bucket, "model.tar.gz")
    objects.put_bytes(bucket, "model.tar.gz", b"other")
    second = objects.identity(bucket, "model.tar.gz")
    assert (first["size"], second["size"]) == (3, 5)
    assert first["etag"] != second["etag"]
    assert first["version_id"] != second["version_id"]
