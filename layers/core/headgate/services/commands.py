"""Commands that several tasks of state machines have: which release, or which incident."""

from dataclasses import dataclass
from typing import Any, Self

from headgate.domain.names import Project


@dataclass(frozen=True, slots=True)
class OfRelease:
    """Which release."""

    project: Project
    sequence: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> Self:
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), int(event["sequence"]))


@dataclass(frozen=True, slots=True)
class OfIncident:
    """Which incident."""

    project: Project
    incident: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> Self:
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), event["incident"])
