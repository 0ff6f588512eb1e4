"""S3: objects by bucket and raw key, pinned to versions where it matters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError

from headgate.aws.errors import code_of, translated
from headgate.domain.errors import AccessDeniedError, NotFoundError, TransientError
from headgate.domain.moments import written
from headgate.domain.names import Part
from headgate.domain.window import File

BLOCK_BYTES = 1024**2
AT_ONCE = 10
"""Objects that are read side by side: so many connections a client of boto3 keeps, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class History:
    """What a key stood for: its versions, the oldest first, and whether it was ever deleted while they stayed."""

    versions: list[str]
    deleted: bool


class Objects:
    """Reading and writing objects. Keys are passed as they are, never encoded or decoded here.

    What is written lies under a key of KMS where one is named (its ARN, or that of its alias), else under S3's own.

    Raises:
        NotFoundError: from every method that reads, when there is no such object or version.
        TransientError: when S3 or the network fails in passing.
    """

    def __init__(self, client: Any, key: str | None = None) -> None:
        self._client = client
        self._sealed = sealed(key) if key else {}

    def get_json(self, bucket: str, key: str) -> Any:
        """Read a JSON document."""
        return json.loads(self.get_bytes(bucket, key))

    def get_bytes(self, bucket: str, key: str) -> bytes:
        """Read an object into memory."""
        body, _ = self.get_newest(bucket, key)
        return body

    def get_newest(self, bucket: str, key: str, *, limit: int | None = None) -> tuple[bytes, str]:
        """Read an object into memory, or its first `limit` bytes; tell which version that was."""
        answer = self._get(bucket, key, None)
        with _reading(bucket, key):
            return bytes(answer["Body"].read(limit)), str(answer.get("VersionId", "null"))

    def identity(self, bucket: str, key: str) -> dict[str, Any]:
        """What tells an object from others of its name: `etag`, `version_id`, `size`, `sha256` where S3 knows it."""
        with self._finding(f"look at s3://{bucket}/{key}", bucket, key):
            found = self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        return {
            "etag": found["ETag"].strip('"'),
            "version_id": found.get("VersionId"),
            "size": found["ContentLength"],
            "sha256": found.get("ChecksumSHA256"),
        }

    def stands(self, bucket: str, part: Part) -> bool:
        """Whether a version of an object is there, and its key not deleted: in a bucket that keeps versions a deletion
        leaves the older ones where they are, behind a marker that S3 answers with 404 (DeleteMarker, user guide).
        """
        try:
            with self._finding(f"look at s3://{bucket}/{part.key}", bucket, part.key):
                newest = self._client.head_object(Bucket=bucket, Key=part.key)
            if newest.get("VersionId", "null") != part.version_id:
                with self._finding(f"look at s3://{bucket}/{part.key}", bucket, part.key, part.version_id):
                    self._client.head_object(Bucket=bucket, Key=part.key, VersionId=part.version_id)
        except NotFoundError:
            return False
        return True

    def get_blocks(self, bucket: str, key: str, version_id: str) -> Iterator[bytes]:
        """Read one version of an object block by block, with one block in memory at a time."""
        body = self._get(bucket, key, version_id)["Body"]
        with _reading(bucket, key):
            yield from body.iter_chunks(BLOCK_BYTES)

    def get_version(self, bucket: str, key: str, version_id: str) -> bytes:
        """Read one version of an object into memory."""
        return b"".join(self.get_blocks(bucket, key, version_id))

    def put_json(self, bucket: str, key: str, document: Any) -> None:
        """Write a JSON document; the same document gives the same bytes."""
        body = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode()
        self._put(bucket, key, body, "application/json")

    def put_bytes(self, bucket: str, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object from memory."""
        self._put(bucket, key, body, content_type)

    def put_new(self, bucket: str, key: str, body: bytes, content_type: str) -> bool:
        """Write an object under a key that holds none; False when it holds one, which stays as it is."""
        return self.replace(bucket, key, None, body, content_type)

    def replace(self, bucket: str, key: str, etag: str | None, body: bytes, content_type: str) -> bool:
        """Write an object in the place of the one with an ETag, or where there is None; False when another is there,
        which stays as it is.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with translated(f"write s3://{bucket}/{key}"):
            try:
                self._client.put_object(
                    Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition, **self._sealed
                )
            except ClientError as error:  # 412, or 404 where the one to be replaced is gone; 409 is to be tried again
                if code_of(error) not in ("PreconditionFailed", "NoSuchKey"):
                    raise
                return False
        return True

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """Write an object of any size from a file, in parts when it is large."""
        with translated(f"write s3://{bucket}/{key}"):
            try:
                self._client.upload_file(str(path), bucket, key, ExtraArgs=self._sealed)
            except S3UploadFailedError as error:
                # boto3 hides what AWS said in an error of its own.
                raise error.__context__ if isinstance(error.__context__, ClientError) else error from None

    def copy(self, bucket: str, part: Part, to_bucket: str, to_key: str) -> None:
        """Copy one version of an object inside S3, in parts when it is larger than a single copy may be."""
        source = {"Bucket": bucket, "Key": part.key, "VersionId": part.version_id}
        with translated(f"copy s3://{bucket}/{part.key}"):
            # Without its tags: whoever reads an object need not be allowed to read them.
            self._client.copy(source, to_bucket, to_key, ExtraArgs={"TaggingDirective": "REPLACE", **self._sealed})

    def parts_at(self, bucket: str, prefix: str, marker: str, marker_version: str) -> list[Part]:
        """The objects under a prefix as they stood when one of them, the marker, was written.

        For each key its newest version that is not younger than the marker's version; keys deleted by then are left
        out. So a marker's event that comes late, or twice, always means the same objects.
        """
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            found = [
                version for page in pages for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
        moment = next((each for each in found if (each["Key"], each["VersionId"]) == (marker, marker_version)), None)
        if moment is None:
            return []
        standing: dict[str, Any] = {}
        # S3 lists a key's versions from the newest on; times are whole seconds, and within one that order decides.
        for version in sorted(found, key=lambda each: each["LastModified"], reverse=True):
            if version["LastModified"] <= moment["LastModified"]:
                standing.setdefault(version["Key"], version)
        # A delete marker has no size.
        return [Part(key, each["VersionId"], each["Size"]) for key, each in sorted(standing.items()) if "Size" in each]

    def newest(self, bucket: str, prefix: str) -> list[tuple[Part, str]]:
        """The objects under a prefix in their newest versions, and when each was written."""
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            return [
                (Part(each["Key"], each["VersionId"], each["Size"]), written(each["LastModified"]))
                for page in pages
                for each in page.get("Versions", [])
                if each["IsLatest"]
            ]

    def histories(self, bucket: str, prefix: str) -> dict[str, History]:
        """What every key under a prefix stood for, of those that have versions; S3 lists a key's newest one first."""
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = list(self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix))
        deleted = {each["Key"] for page in pages for each in page.get("DeleteMarkers", [])}
        versions: dict[str, list[str]] = {}
        for each in (each for page in pages for each in page.get("Versions", [])):
            versions.setdefault(each["Key"], []).insert(0, each["VersionId"])
        return {key: History(listed, key in deleted) for key, listed in versions.items()}

    def stored(self, bucket: str, prefix: str) -> int:
        """The bytes of all versions under a prefix: each is kept, and paid for, until it is deleted itself."""
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            return sum(each["Size"] for page in pages for each in page.get("Versions", []))

    def folders(self, bucket: str, prefix: str, *, gone: bool = False) -> list[str]:
        """What lies right under a prefix and holds objects, as prefixes that end with a slash; `gone`: or held some, of
        which there are versions still.
        """
        with translated(f"list s3://{bucket}/{prefix}"):
            call = "list_object_versions" if gone else "list_objects_v2"
            pages = self._client.get_paginator(call).paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            return [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]

    def files(self, bucket: str, prefix: str, after: str = "") -> list[File]:
        """The objects under a prefix whose keys come after one, in the order of their keys."""
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, StartAfter=after
            )
            found = [each for page in pages for each in page.get("Contents", [])]
        return [File(each["Key"], each["Size"], written(each["LastModified"])) for each in found]

    def get_file(self, bucket: str, key: str, path: Path) -> None:
        """Read an object of any size into a file."""
        with self._finding(f"read s3://{bucket}/{key}", bucket, key):
            self._client.download_file(bucket, key, str(path))

    def _get(self, bucket: str, key: str, version_id: str | None) -> Any:
        pinned = {"VersionId": version_id} if version_id else {}
        with self._finding(f"read s3://{bucket}/{key}", bucket, key, version_id):
            return self._client.get_object(Bucket=bucket, Key=key, **pinned)

    @contextmanager
    def _finding(self, doing: str, bucket: str, key: str, version_id: str | None = None) -> Iterator[None]:
        """As `translated`, for a call that looks for an object: one that is not there is not found.

        Who may list only what lies under a prefix is told 403 of an object that is not there, not 404 (HeadObject, API
        reference); so whether it is there is asked of the list.
        """
        try:
            with translated(doing):
                yield
        except AccessDeniedError as error:
            if self._lists(bucket, key, version_id):
                raise
            raise NotFoundError(f"There is no s3://{bucket}/{key}.") from error

    def _lists(self, bucket: str, key: str, version_id: str | None) -> bool:
        with translated(f"list s3://{bucket}/{key}"):
            if version_id is None:
                found = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
                return any(each["Key"] == key for each in found.get("Contents", []))
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
            versions = [each for page in pages for each in page.get("Versions", [])]
        return (key, version_id) in {(each["Key"], each["VersionId"]) for each in versions}

    def _put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        with translated(f"write s3://{bucket}/{key}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **self._sealed)


def place_of(uri: str) -> tuple[str, str]:
    """The bucket and the key that `s3://<bucket>/<key>` names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def sealed(key: str) -> dict[str, str]:
    """What a request that writes an object says, so that it lies under a key of KMS. Without a bucket key (S3 user
    guide), so that the object's ARN is what KMS is told: the policies of tenants' keys ask for it.
    """
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}


@contextmanager
def _reading(bucket: str, key: str) -> Iterator[None]:
    # S3 answered, but the connection can still break while the body arrives.
    try:
        yield
    except (HTTPClientError, IncompleteReadError, ResponseStreamingError) as error:
        raise TransientError(f"The connection broke while s3://{bucket}/{key} was read; try again.") from error
