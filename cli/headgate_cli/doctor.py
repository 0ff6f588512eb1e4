"""What Headgate needs on this computer, and how to mend what is missing."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from headgate_cli import local_cloud
from headgate_cli.errors import CommandError

_GIB = 2**30
_MEMORY_NEEDED = 2 * _GIB  # a training process with TensorFlow takes 0.6 GB, the cloud and its workers 0.5 GB
_DISK_NEEDED = 2 * _GIB
_PYTHONS = ((3, 11), (3, 12))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed` tells what must be mended from what is only good to know."""

    what: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True

    def document(self) -> dict[str, Any]:
        """The finding as JSON."""
        return asdict(self)


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing has to be mended."""
    return all(finding.ok or not finding.needed for finding in findings)


def examine(stack: str | None) -> list[Finding]:
    """Look at everything, cheap things first."""
    return [_python(), _packages(), _memory(), _disk(), *_cloud(stack)]


def _python() -> Finding:
    version = sys.version_info[:2]
    return Finding(
        "Python",
        version in _PYTHONS,
        f"{version[0]}.{version[1]} at {sys.executable}",
        "Use Python 3.11 or 3.12: `make setup PYTHON=python3.12`.",
    )


def _packages() -> Finding:
    missing = sorted(missing_packages(metadata.requires("headgate") or []))
    found = f"missing or of another version: {', '.join(missing)}" if missing else "all installed"
    return Finding("packages", not missing, found, "Install the locked ones: `make setup`.")


def missing_packages(requirements: list[str]) -> Iterator[str]:
    """The requirements that are not met here, by name; only those whose marker fits this computer count."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # comes with TensorFlow, so without it nothing that matters is there
        yield from (re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in requirements)
        return
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            met = requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
        except metadata.PackageNotFoundError:
            met = False
        if not met:
            yield requirement.name


def _memory() -> Finding:
    free = _free_memory()
    found = f"{free / _GIB:.1f} GiB free" if free is not None else "not known on this system"
    mend = f"Training needs {_MEMORY_NEEDED // _GIB} GiB: close other programs, or give the container more."
    return Finding("memory", free is None or free >= _MEMORY_NEEDED, found, mend, needed=False)


def _free_memory() -> int | None:
    """Bytes that can be had, bounded by a container's limit; None where Linux's files do not exist."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)
    cgroup = Path("/sys/fs/cgroup")
    try:
        limit = int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or `max`: no limit
        return available
    return limit if available is None else min(available, limit)


def _disk() -> Finding:
    place = local_cloud.home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    return Finding(
        "disk",
        writable and free >= _DISK_NEEDED,
        f"{free / _GIB:.1f} GiB free for {local_cloud.home()}" + ("" if writable else ", but it cannot be written"),
        "Free some space, or point HEADGATE_HOME to a place that you may write to.",
    )


def _cloud(stack: str | None) -> Iterator[Finding]:
    card = local_cloud.read_card()
    if not stack and card is None:
        port = local_cloud.DEFAULT_PORT
        free = not local_cloud.listens(port)
        yield Finding(
            f"port {port}",
            free,
            "free" if free else "taken by another program",
            "`headgate up` takes a free one instead; `headgate up --port 4577` chooses.",
            needed=False,
        )
        yield Finding("cloud", False, "not running", "Start it: `headgate up`.", needed=False)
        return
    if not stack and card:
        yield Finding("card", True, f"{local_cloud.home() / 'local.json'} names {card['endpoint_url']}")
    from headgate_cli.connection import connect

    try:
        cloud = connect(stack)
    except CommandError as error:
        mend = "Check the credentials, the region and the stack's name." if stack else "Start it anew: `headgate up`."
        yield Finding("cloud", False, str(error), mend)
        return
    yield Finding("cloud", True, f"the {cloud.title} answers, with {len(cloud.outputs)} outputs")
