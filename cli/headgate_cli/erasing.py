"""The right to erasure: a data subject's rows are taken out of everything that a project keeps, in all versions.

Who runs it needs to read and delete versions of both buckets. The value is compared and never written down.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headgate.domain.audit import Change
from headgate.domain.names import Project
from headgate.domain.runs import Run
from headgate.tables.erase import without
from headgate_cli.connection import Cloud
from headgate_cli.runs import Artifacts, Records

_PARTS = ("train.parquet", "validation.parquet", "test.parquet")
_KEPT = ".kept-"
"""What is left of an upload is a hidden file, which is no upload: nothing is trained because of it."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object."""

    key: str
    version: str
    newest: bool


@dataclass
class Erasure:
    """What is done to one project; it can be repeated, and goes on where it was stopped."""

    cloud: Cloud
    project: Project
    column: str
    value: str
    rows: int = 0
    objects: int = 0
    unread: int = 0
    removed_whole: set[str] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)

    def run(self, reason: str) -> dict[str, Any]:
        """Take the rows out, tell the audit trail before and after, and say what was trained on them."""
        ledger = Records(self.cloud).ledger
        asked = Change("DATA", {}, {"column": self.column})
        ledger.record(self.project, "erasure begun", reason, asked)
        runs = ledger.runs_of_project(self.project)
        self._uploads(self._manifests(runs))
        self._datasets(runs)
        self._copies(f"{self.project.prefix}quarantine/", whole=True)
        self._captured()
        head = ledger.head(self.project)
        if head.holdout in self.removed_whole:
            ledger.write(self.project, replace(head, holdout=None))
        trained = sorted({run.version for run in runs if run.version and self._concerns(run)}, key=int)
        found = {
            "column": self.column,
            "rows": self.rows,
            "objects": self.objects,
            "datasets": sorted(self.datasets),
            "removed_whole": sorted(self.removed_whole),
            "versions_to_retrain": trained,
            "unread": self.unread,
        }
        ledger.record(self.project, "rows erased", reason, Change("DATA", {}, found))
        return {"tenant": self.project.tenant, "project": self.project.name, **found}

    @property
    def _sealed(self) -> dict[str, str]:
        return self.cloud.sealed(self.project.tenant)

    def _concerns(self, run: Run) -> bool:
        return bool(self.datasets & {run.dataset, *(run.retrain or {}).get("of", [])})

    def _manifests(self, runs: list[Run]) -> dict[str, dict[str, Any]]:
        artifacts = Artifacts(self.cloud)
        keys = {run.dataset: f"{self.project.prefix}datasets/{run.dataset}/manifest.json" for run in runs}
        return {dataset: found for dataset, key in keys.items() if (found := artifacts.document(key)) is not None}

    def _uploads(self, manifests: dict[str, dict[str, Any]]) -> None:
        """Every version that was uploaded: what is left of one that a dataset is made of goes beside it, hidden."""
        bucket = self.cloud.data_bucket
        for each in self._versions(bucket, f"{self.project.prefix}incoming/"):
            with self._cleaned(bucket, each) as (count, clean):
                users = [
                    (dataset, part)
                    for dataset, manifest in manifests.items()
                    for part in manifest["parts"]
                    if (part["key"], part["version_id"]) == (each.key, each.version)
                ]
                if not count:
                    continue
                folder, _, name = each.key.rpartition("/")
                kept = f"{folder}/{_KEPT}{each.version[:8]}-{name}"
                made = self._put(bucket, kept, clean) if users else None
                for dataset, part in users:
                    part |= {"key": kept, "version_id": made, "size": clean.stat().st_size}
                    body = json.dumps(manifests[dataset], ensure_ascii=False, indent=1, sort_keys=True).encode()
                    key = f"{self.project.prefix}datasets/{dataset}/manifest.json"
                    self.cloud.client("s3").put_object(
                        Bucket=self.cloud.artifact_bucket, Key=key, Body=body, **self._sealed
                    )
                    self.datasets.add(dataset)
                self._delete(bucket, each)

    def _datasets(self, runs: list[Run]) -> None:
        """The parts that datasets were split into; where the column was left out of them, those of a dataset that held
        the subject go whole.
        """
        bucket = self.cloud.artifact_bucket
        for run in runs:
            folder = f"{self.project.prefix}datasets/{run.dataset}/"
            for each in self._versions(bucket, folder):
                if each.key.removeprefix(folder) not in _PARTS:
                    continue
                with self._cleaned(bucket, each) as (count, clean):
                    if count:
                        self.datasets.add(run.dataset)
                        if each.newest:
                            self._put(bucket, each.key, clean)
                        self._delete(bucket, each)
                    elif count is None and self._concerns(run):
                        self.datasets.add(run.dataset)
                        self.removed_whole.add(run.dataset)
                        self._delete(bucket, each)

    def _copies(self, prefix: str, *, whole: bool) -> None:
        for each in self._versions(self.cloud.artifact_bucket, prefix):
            with self._cleaned(self.cloud.artifact_bucket, each) as (count, _):
                if count and whole:
                    self._delete(self.cloud.artifact_bucket, each)

    def _captured(self) -> None:
        """Captured requests that name the value anywhere: their lines go, whatever form the request had."""
        client, bucket = self.cloud.client("s3"), self.cloud.artifact_bucket
        escaped = json.dumps(json.dumps(self.value, ensure_ascii=True)[1:-1])[1:-1].encode()
        sought = {self.value.encode(), json.dumps(self.value)[1:-1].encode(), escaped}
        for each in self._versions(bucket, self.project.captured()):
            body = client.get_object(Bucket=bucket, Key=each.key, VersionId=each.version)["Body"].read()
            lines = body.splitlines(keepends=True)
            left = [line for line in lines if not any(text in line for text in sought)]
            if len(left) == len(lines):
                continue
            self.rows += len(lines) - len(left)
            if each.newest:
                client.put_object(Bucket=bucket, Key=each.key, Body=b"".join(left), **self._sealed)
            self._delete(bucket, each)

    def _cleaned(self, bucket: str, each: Version) -> "_Cleaned":
        return _Cleaned(self, bucket, each)

    def _versions(self, bucket: str, prefix: str) -> Iterator[Version]:
        pages = self.cloud.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        listed = [found for page in pages for found in page.get("Versions", []) if found["Size"]]
        for found in listed:
            yield Version(found["Key"], found["VersionId"], found["IsLatest"])

    def _put(self, bucket: str, key: str, file: Path) -> str:
        with file.open("rb") as body:
            answer = self.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **self._sealed)
        return str(answer["VersionId"])

    def _delete(self, bucket: str, each: Version) -> None:
        self.cloud.client("s3").delete_object(Bucket=bucket, Key=each.key, VersionId=each.version)
        self.objects += 1


class _Cleaned:
    """A version without the rows, in a directory for the length of a block: how many were left out, and the file."""

    def __init__(self, erasure: Erasure, bucket: str, version: Version) -> None:
        self._erasure, self._bucket, self._version = erasure, bucket, version
        self._folder = tempfile.TemporaryDirectory(prefix="headgate-erase-")

    def __enter__(self) -> tuple[int | None, Path]:
        erasure, folder = self._erasure, Path(self._folder.name).resolve()
        source, clean = folder / "source", folder / "clean"
        given = {"VersionId": self._version.version}
        erasure.cloud.client("s3").download_file(self._bucket, self._version.key, str(source), ExtraArgs=given)
        count = without(source, clean, erasure.column, erasure.value)
        erasure.rows += count or 0
        erasure.unread += count is None
        return count, clean

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
