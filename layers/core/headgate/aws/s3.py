"""Objects in S3. Keys are passed raw, as S3 keeps them; a version id pins what was uploaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError

from headgate.aws.errors import translated
from headgate.domain.errors import ThrottledError

BLOCK_BYTES = 4 * 1024**2


class Objects:
    """Reads, writes and copies objects through one S3 client.

    Raises:
        NotFoundError: from every method, when the object or its version does not exist.
        ThrottledError: when S3 or the network asks to come back later.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, bucket: str, key: str, version: str | None = None, *, limit: int = 16 * 1024**2) -> bytes:
        """An object's first `limit` bytes, which is all of any document of Headgate."""
        body = self._get(bucket, key, version)
        with _reading(key):
            return bytes(body.read(limit))

    def blocks(self, bucket: str, key: str, version: str | None = None) -> Iterator[bytes]:
        """An object's bytes, block by block; never more than one block in memory."""
        body = self._get(bucket, key, version)
        with _reading(key):
            yield from body.iter_chunks(BLOCK_BYTES)

    def write(self, bucket: str, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write a small object."""
        with translated(f"write {key}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Write a file of any size, in parts when it is large."""
        with translated(f"write {key}"):
            try:
                self._client.upload_file(str(path), bucket, key)
            except S3UploadFailedError as error:
                # boto3 wraps the cause into an error of its own, which hides what AWS said.
                raise error.__context__ if isinstance(error.__context__, ClientError) else error from None

    def copy(self, source: tuple[str, str, str | None], bucket: str, key: str) -> None:
        """Copy (bucket, key, version) inside S3, in parts when it is larger than a single copy can be."""
        from_bucket, from_key, version = source
        origin = {"Bucket": from_bucket, "Key": from_key} | ({"VersionId": version} if version else {})
        with translated(f"copy {from_key} to {key}"):
            self._client.copy(origin, bucket, key)

    def _get(self, bucket: str, key: str, version: str | None) -> Any:
        pinned = {"VersionId": version} if version else {}
        with translated(f"read {key}"):
            return self._client.get_object(Bucket=bucket, Key=key, **pinned)["Body"]


@contextmanager
def _reading(key: str) -> Iterator[None]:
    # The request succeeded, but the connection can still break while the body arrives.
    try:
        yield
    except (HTTPClientError, IncompleteReadError, ResponseStreamingError) as error:
        raise ThrottledError(f"The connection broke while {key} was read; try again.") from error
