"""What is known of a process of the machine, from /proc; see proc(5)."""

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Use(NamedTuple):
    """What one process has used."""

    parent: int
    """The process that it is a child of."""
    group: int
    """Its process group."""
    seconds: float
    """Of processor time, its own."""
    children_seconds: float
    """Of processor time, that of its children that have ended."""
    memory: int
    """Resident bytes."""


def use_of(pid: int | str) -> Use | None:
    """What a process uses; None if it has ended, or where there is no /proc."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    user, system, children_user, children_system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15])
    memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Use(int(fields[1]), int(fields[2]), user + system, children_user + children_system, memory)


def lives(pid: int) -> bool:
    """Whether there is such a process. One that has ended and waits for its parent to take note is none."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has a number as large as that
        return False
    except PermissionError:
        return True
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:  # it has ended since, or there is no /proc
        return not PROC.is_dir()


def children_of(parent: int) -> list[int]:
    """The processes that a process is the parent of; none where there is no /proc."""
    numbers = [int(folder.name) for folder in PROC.glob("[0-9]*")]
    return [number for number in numbers if (use := use_of(number)) and use.parent == parent]


def memory_of_the_machine() -> int:
    """Bytes; every instance has all of it."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
