"""Versions of objects that a data subject's rows are sought in: read, written anew without them, deleted, counted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.subject import Subject
from headgate.tables.erase import Unread, rows_of, without
from headgate_cli.connection import Cloud


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, written at a time; `newest` says whether it is what the key stands for."""

    bucket: str
    key: str
    version: str
    newest: bool
    at: datetime

    @property
    def uri(self) -> str:
        """As people name it."""
        return f"s3://{self.bucket}/{self.key}?versionId={self.version}"

    @property
    def pinned(self) -> dict[str, str]:
        """As S3 names it."""
        return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.version}


@dataclass
class Versions:
    """What is done to a tenant's objects for one subject: `rows` and `objects` that are gone, and where those lie that
    are there still and have no such column (`without_column`) or cannot be read (`unread`).
    """

    cloud: Cloud
    tenant: str
    subject: Subject
    rows: int = 0
    objects: int = 0
    without_column: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def under(self, bucket: str, prefix: str, *, least_bytes: int = 1) -> list[Version]:
        """All versions of all objects whose keys begin so, a key's newest first, but for empty ones."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        found = [each for page in pages for each in page.get("Versions", []) if each["Size"] >= least_bytes]
        return [
            Version(bucket, each["Key"], each["VersionId"], each["IsLatest"], each["LastModified"]) for each in found
        ]

    def named_by(self, marker: Version, folder: str) -> set[tuple[str, str]]:
        """The objects of a folder, as keys and versions, that its marker completes."""
        parts = Objects(self._s3).parts_at(marker.bucket, folder, marker.key, marker.version)
        return {(part.key, part.version_id) for part in parts}

    def look(self, each: Version) -> int | Unread:
        """How many of a version's rows are the subject's; what does not say is noted."""
        with self._fetched(each) as (source, _):
            count = rows_of(source, self.subject)
        if count is Unread.NO_TABLE:
            self.unread.add(each.uri)
        if count is Unread.NO_COLUMN:
            self.without_column.add(each.uri)
        return count

    @contextmanager
    def cleaned(self, each: Version) -> Iterator[Path]:
        """A version without the subject's rows, as a file for the length of a block."""
        with self._fetched(each) as (source, clean):
            without(source, clean, self.subject)
            yield clean

    def clean_lines(self, each: Version) -> None:
        """Take a subject's captured requests out of a version; they are small."""
        lines = self._s3.get_object(**each.pinned)["Body"].read().splitlines(keepends=True)
        left = [line for line in lines if not self.subject.is_captured_in(line)]
        if len(left) == len(lines):
            return
        if each.newest:
            self.put(each.bucket, each.key, b"".join(left))
        self.delete(each, len(lines) - len(left))

    def put_file(self, bucket: str, key: str, file: Path) -> str:
        """Write an object of any size under the tenant's key; its version."""
        self._s3.upload_file(str(file), bucket, key, ExtraArgs=self._sealed)
        return str(self._s3.head_object(Bucket=bucket, Key=key)["VersionId"])

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object under the tenant's key."""
        self._s3.put_object(Bucket=bucket, Key=key, Body=body, **self._sealed)

    def delete(self, each: Version, rows: int = 0) -> None:
        """Delete a version that held so many of the subject's rows, for good."""
        self._s3.delete_object(**each.pinned)
        self.objects += 1
        self.rows += rows
        for told in (self.without_column, self.unread):
            told.discard(each.uri)

    @property
    def _s3(self) -> Any:
        return self.cloud.client("s3")

    @property
    def _sealed(self) -> dict[str, str]:
        return self.cloud.sealed(self.tenant)

    @contextmanager
    def _fetched(self, each: Version) -> Iterator[tuple[Path, Path]]:
        """A version in a directory of its own, and where to write there."""
        with tempfile.TemporaryDirectory(prefix="headgate-erase-") as name:
            folder = Path(name).resolve()
            source = folder / "source"
            given = {"VersionId": each.version}
            self._s3.download_file(each.bucket, each.key, str(source), ExtraArgs=given)
            yield source, folder / "clean"
