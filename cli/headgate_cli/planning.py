"""Deciding which file becomes which object. Nothing is sent here, so that mistakes show before anything is.

One file is a dataset of one file. Several files, or a directory, form one dataset of many files: they go under a
folder of their own, and `_SUCCESS` follows when all of them are there.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from headgate.domain.names import Project, is_data, parse_upload
from headgate_cli.errors import UsageError

_DATA_SUFFIXES = (".gz", ".csv", ".parquet", ".jsonl", ".ndjson", ".json", ".zip")
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
    if not (slug := _slug(path)):
        raise UsageError("The file's name makes no project's name. Give one with --project NAME.")
    return slug


def _slug(path: Path) -> str:
    name = path.resolve().name
    while (suffix := PurePosixPath(name).suffix.lower()) in _DATA_SUFFIXES and suffix:
        name = name[: -len(suffix)]
    ascii_name = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST_PROJECT].strip("-")


def plan(project: Project, paths: Sequence[Path], now: datetime) -> Plan:
    """Decide the keys for what a person wants to drop.

    Raises:
        UsageError: when a path does not exist, a file would not be taken for data, a directory holds no data, or two
            files would get one key.
        BadKeyError: when Headgate would refuse a key.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"There is no such file: {', '.join(missing)}.")
    incoming = project.incoming
    for path in paths:
        if path.is_file() and not _is_taken(incoming, path.name, alone=len(paths) == 1):
            raise UsageError(f"{path.name} is not taken for data: it looks hidden, unfinished or a marker. Rename it.")
    if len(paths) == 1 and paths[0].is_file():
        return Plan(((paths[0], incoming + paths[0].name),))
    # The time keeps a second drop of the same folder from being mixed with the parts of the first.
    folder = f"{incoming}{_slug(paths[0]) or project.name}-{now:%Y%m%dt%H%M%S}/"
    objects = tuple((file, folder + name) for path in paths for file, name in _files(path))
    if not objects:
        raise UsageError(f"{paths[0]} holds no data files (hidden files are left out).")
    if len({key for _, key in objects}) < len(objects):
        raise UsageError("Two of the files have the same name. Rename one, or drop the directory above them.")
    for _, key in objects:
        parse_upload(key)
    return Plan(objects, folder + "_SUCCESS")


def _is_taken(incoming: str, name: str, *, alone: bool) -> bool:
    """Whether Headgate takes a file for data, as a dataset of its own or as one file of many."""
    return parse_upload(incoming + name) is not None if alone else is_data(name)


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
