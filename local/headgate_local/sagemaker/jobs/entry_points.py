"""Training jobs with an entry point of their own, in place of a program for the image's training toolkit.

The SageMaker SDK 3 starts jobs so: its driver lies in the channel ``sm_drivers`` and names /opt/ml in its text.
"""

import re
from pathlib import Path

from headgate_local.api.records import Record

DRIVERS = "sm_drivers"
_ML = re.compile(r"(?<![\w/.])/opt/ml(?![\w.-])")


def has_own(job: Record) -> bool:
    """Whether a job (or the request for it) names what its container runs."""
    return bool(job["AlgorithmSpecification"].get("ContainerEntrypoint"))


def command(job: Record, root: Path) -> tuple[str, ...]:
    """The entry point and its arguments, with every path of /opt/ml in them moved below the root."""
    algorithm = job["AlgorithmSpecification"]
    parts = (*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", []))
    return tuple(moved_within(part, root) for part in parts)


def move_drivers(data: Path, root: Path) -> None:
    """Let the SDK's driver, if it is among the channels, find what lies below the root."""
    for file in (data / DRIVERS).rglob("*"):
        if file.suffix in (".py", ".sh"):
            file.write_text(moved_within(file.read_text(), root))


def moved_within(text: str, root: Path) -> str:
    """A text with every path of /opt/ml in it moved below the root."""
    return _ML.sub(lambda found: f"{root}{found.group()}", text)
