"""A window: the requests between two looks of the monitor. When it is closed, what it is called, what is kept of it."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from headgate.domain.moments import written

if TYPE_CHECKING:  # pydantic is slow to import, and every function knows windows
    from headgate.domain.monitor_settings import MonitorSettings

FUNCTION_BYTES = 1_000_000_000
"""Captured bytes that a function reads for a window; more go to machines."""
MACHINES_BYTES = 10_000_000_000
"""Captured bytes of one window; the rest is left to the next one."""
MOST_REMEMBERED = 2000
"""Names of read files that a window keeps, to tell files that came late from those it has read."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in S3, of captured requests or of labels: `at` is when it was written, as the ledger writes times."""

    key: str
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Window:
    """What the ledger keeps of a judged window. `place` is where its report begins in the artifact bucket; `cursor` the
    last file's key, `read` the files of its folder that were read, to find those that came late; `measures` are what
    was published.
    """

    release: int
    number: int
    name: str
    begun_at: str
    ended_at: str
    judged_at: str
    rows: int
    requests: int
    malformed: int
    cursor: str
    place: str
    read: Sequence[str] = field(default_factory=list)
    drifted: Sequence[str] = field(default_factory=list)
    says: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)


def name_of(number: int, files: Sequence[File]) -> str:
    """The name of a window: whoever reads the same files gives the same one, and other files another."""
    digest = hashlib.sha256("\0".join(file.key for file in files).encode()).hexdigest()[:8]
    return f"{number:06d}-{digest}"


def folder_of(key: str) -> str:
    """The hour's folder of a captured file; names in it and folders sort as time does."""
    return key.rpartition("/")[0] + "/"


def newest_since(files: Iterable[File], since: datetime) -> list[File]:
    """The files that were written since then, the newest first."""
    first = written(since.replace(microsecond=0))  # S3 tells times in whole seconds
    return sorted((file for file in files if file.at >= first), key=lambda file: (file.at, file.key), reverse=True)


def taken(files: Sequence[File], last: Window | None, most: int) -> list[File]:
    """The files of the next window: those that were not read yet, the oldest first, up to so many bytes."""
    read: Collection[str] = set(last.read) if last else ()
    chosen: list[File] = []
    size = 0
    for file in sorted(files, key=lambda each: each.key):
        is_new = last is None or (file.key not in read and (last.read or file.key > last.cursor))
        if not is_new:
            continue
        if chosen and size + file.size > most:
            break
        chosen.append(file)
        size += file.size
    return chosen


def remembered(files: Sequence[File], last: Window | None) -> list[str]:
    """The files to remember: those read of the last file's hour; none of too many, and late ones are then lost."""
    folder = folder_of(max(file.key for file in files))
    before = [key for key in last.read if key.startswith(folder)] if last else []
    names = [*before, *(file.key for file in files if file.key.startswith(folder))]
    return names if len(names) <= MOST_REMEMBERED else []


def is_complete(rows: int, begun_at: str, now: str, settings: "MonitorSettings") -> bool:
    """Whether what waits is a window: enough rows, or enough time with the fewest rows that can be judged."""
    if rows >= max(settings.rows, settings.min_rows):
        return True
    age = datetime.fromisoformat(now) - datetime.fromisoformat(begun_at)
    return rows >= settings.min_rows and age >= timedelta(minutes=settings.minutes)
