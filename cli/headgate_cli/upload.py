"""From files on disk to a dataset in the data bucket.

One file is a dataset of one file. Several files, or a directory, form one dataset of many files: they go under a
folder of their own, and `_SUCCESS` follows when all of them are there.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from botocore.exceptions import ClientError

from headgate.domain.names import Part, Project, dataset_id, is_data
from headgate_cli.connection import Cloud, error_code
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import RunRef

_DATA_SUFFIXES = (".gz", ".csv", ".parquet", ".jsonl", ".ndjson", ".json")
_LONGEST_PROJECT = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Which file becomes which object; `marker` is the key that completes a dataset of many files."""

    objects: tuple[tuple[Path, str], ...]
    marker: str | None = None


def project_name(path: Path) -> str:
    """The project's name when none is given: the file's name as lower-case letters, digits and hyphens.

    Raises:
        UsageError: when nothing of the name is left.
    """
    name = path.resolve().name
    while (suffix := PurePosixPath(name).suffix.lower()) in _DATA_SUFFIXES and suffix:
        name = name[: -len(suffix)]
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST_PROJECT].strip("-")
    if not slug:
        raise UsageError("The file's name makes no project's name. Give one with --project NAME.")
    return slug


def plan(project: Project, paths: Sequence[Path], now: datetime) -> Plan:
    """Decide the keys for what a person wants to drop.

    Raises:
        UsageError: when a path does not exist, a directory holds no data, or two files would get one key.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"There is no such file: {', '.join(missing)}.")
    incoming = f"{project.prefix}incoming/"
    if len(paths) == 1 and paths[0].is_file():
        return Plan(((paths[0], incoming + paths[0].name),))
    # The time keeps a second drop of the same folder from being mixed with the parts of the first.
    folder = f"{incoming}{project_name(paths[0])}-{now:%Y%m%dt%H%M%S}/"
    objects = tuple((file, folder + name) for path in paths for file, name in _files(path))
    if not objects:
        raise UsageError(f"{paths[0]} holds no data files (hidden files are left out).")
    if len({key for _, key in objects}) < len(objects):
        raise UsageError("Two of the files have the same name. Rename one, or drop the directory above them.")
    return Plan(objects, folder + "_SUCCESS")


def upload(cloud: Cloud, project: Project, planned: Plan) -> RunRef:
    """Put the objects in place, the marker last.

    Returns:
        The run that they start: its name follows from the versions of the objects.

    Raises:
        CommandError: when the bucket keeps no versions, so that nothing would tell one upload from the next.
    """
    s3 = cloud.client("s3")
    parts = []
    for path, key in planned.objects:
        with path.open("rb") as body:
            s3.upload_fileobj(body, cloud.data_bucket, key)
        stored = s3.head_object(Bucket=cloud.data_bucket, Key=key)
        if "VersionId" not in stored:
            raise CommandError(f"The bucket {cloud.data_bucket} keeps no versions: deploy the stack again.")
        parts.append(Part(key, stored["VersionId"], stored["ContentLength"]))
    if planned.marker:
        s3.put_object(Bucket=cloud.data_bucket, Key=planned.marker, Body=b"")
    return RunRef(project, dataset_id(cloud.data_bucket, parts))


def merge_settings(cloud: Cloud, project: Project, wanted: dict[str, str]) -> dict[str, Any] | None:
    """Set what is wanted in the project's `project.yaml` and keep the rest of it.

    Returns:
        The settings that were written, or None when they said so already.

    Raises:
        CommandError: when the settings that are there cannot be read.
    """
    s3, key = cloud.client("s3"), f"{project.prefix}project.yaml"
    try:
        text = s3.get_object(Bucket=cloud.data_bucket, Key=key)["Body"].read()
        present = yaml.safe_load(text) or {}
    except ClientError as error:
        if error_code(error) not in ("NoSuchKey", "404"):
            raise
        present = {}
    except yaml.YAMLError as error:
        raise CommandError(f"s3://{cloud.data_bucket}/{key} is not YAML: mend it or delete it.") from error
    if not isinstance(present, dict):
        raise CommandError(f"s3://{cloud.data_bucket}/{key} must hold names and values: mend it or delete it.")
    merged = present | wanted
    if merged == present:
        return None
    body = yaml.safe_dump(merged, sort_keys=False, allow_unicode=True).encode()
    s3.put_object(Bucket=cloud.data_bucket, Key=key, Body=body, ContentType="application/yaml")
    return merged


def _files(path: Path) -> Iterable[tuple[Path, str]]:
    """Data files under a path with their names relative to it, in a stable order."""
    if path.is_file():
        return [(path, path.name)]
    inside = ((file, file.relative_to(path)) for file in sorted(path.rglob("*")) if file.is_file())
    return [
        (file, relative.as_posix())
        for file, relative in inside
        if is_data(file.name) and not any(part.startswith(".") for part in relative.parts)
    ]
