"""A window: the requests between two looks of the monitor. When it is closed, what it is called, what is kept of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headgate.domain.moments import written

if TYPE_CHECKING:  # pydantic is slow to import, and every function knows windows
    from headgate.domain.monitor_settings import MonitorSettings

FUNCTION_BYTES = 1_000_000_000
"""Captured bytes that a function reads for a window; more go to machines."""
MACHINES_BYTES = 10_000_000_000
"""Captured bytes of one window; the rest is left to the next one."""
MOST_REMEMBERED = 1000
"""Keys of read files that a window keeps, to tell files that came late from those it has read. A key has up to 250
characters, and an item of the ledger 400 KB."""
_LATE = timedelta(hours=1)
"""A file comes no later than in the hour after the one that its folder is called after."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in S3, of captured requests or of labels: `at` is when it was written, as the ledger writes times."""

    key: str
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Window:
    """What the ledger keeps of a judged window. `place` is where its report begins in the artifact bucket. Files up to
    and with the key `cursor` are done with, `read` are those behind it that were read; `measures` are what was
    published.
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
    says: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)


def name_of(number: int, files: Sequence[File]) -> str:
    """The name of a window: whoever reads the same files gives the same one, and other files another."""
    digest = hashlib.sha256("\0".join(file.key for file in files).encode()).hexdigest()[:8]
    return f"{number:06d}-{digest}"


def newest_since(files: Iterable[File], since: datetime) -> list[File]:
    """The files that were written since then, the newest first."""
    first = written(since.replace(microsecond=0))  # S3 tells times in whole seconds
    return sorted((file for file in files if file.at >= first), key=lambda file: (file.at, file.key), reverse=True)


def taken(files: Sequence[File], last: Window | None, most: int) -> list[File]:
    """The files of the next window: those that were not read yet, the oldest first, up to so many bytes."""
    cursor, read = (last.cursor, set(last.read)) if last else ("", set())
    chosen: list[File] = []
    size = 0
    for file in sorted(files, key=lambda each: each.key):
        if file.key <= cursor or file.key in read:
            continue
        if chosen and size + file.size > most:
            break
        chosen.append(file)
        size += file.size
    return chosen


def done_with(files: Sequence[File], last: Window | None) -> tuple[str, list[str]]:
    """The cursor and the read files of a window of these files, which follows on the `last` one.

    Names in an hour's folder and folders sort as time does. Of the last file's hour and the one before what comes late
    is still taken; where that is more than can be remembered, the oldest are done with.
    """
    known = sorted({*(last.read if last else ()), *(file.key for file in files)})
    cursor = max(last.cursor if last else "", _before(known[-1]))
    read = [key for key in known if key > cursor]
    return (cursor, read) if len(read) <= MOST_REMEMBERED else (read[-MOST_REMEMBERED - 1], read[-MOST_REMEMBERED:])


def _before(key: str) -> str:
    """What sorts before all files of a file's hour (`.../yyyy/mm/dd/hh/name`) and of the hour before."""
    *start, year, month, day, hour, _ = key.split("/")
    earliest = datetime.strptime(f"{year}{month}{day}{hour}", "%Y%m%d%H").replace(tzinfo=UTC) - _LATE
    return "/".join([*start, f"{earliest:%Y/%m/%d/%H}", ""])


def is_complete(rows: int, begun_at: str, now: str, settings: "MonitorSettings") -> bool:
    """Whether what waits is a window: enough rows, or enough time with the fewest rows that can be judged."""
    if rows >= max(settings.rows, settings.min_rows):
        return True
    age = datetime.fromisoformat(now) - datetime.fromisoformat(begun_at)
    return rows >= settings.min_rows and age >= timedelta(minutes=settings.minutes)
