"""A person's word on a version before it is put in service: how long it is waited for, and what becomes of it.

The word itself stands in the model registry alone; here is only what follows from it. Time is counted in visits: whole
hours that the promotion waited, by the one clock of its state machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.runs import Ending, Outcome

APPROVED, REFUSED, PENDING = "Approved", "Rejected", "PendingManualApproval"
"""What the registry calls them."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as the registry has it: its approval, what was written beside it, and who changed it last.

    `run` is the run that it came from, as its properties say, with its `tenant` and `project`; "" where they do not.
    """

    version: str
    status: str
    description: str = ""
    changed_by: str = ""
    tenant: str = ""
    project: str = ""
    run: str = ""

    @property
    def decided(self) -> bool:
        """Whether a person has spoken."""
        return self.status in (APPROVED, REFUSED)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a project asks for: how long a version waits, and how often people are reminded; whole hours."""

    expires_hours: int
    remind_hours: int

    @classmethod
    def of(cls, approval: Mapping[str, Any]) -> "Wait":
        """Read the settings of a project."""
        return cls(int(approval["expires_hours"]), int(approval["remind_hours"]))

    def is_over(self, visit: int) -> bool:
        """Whether a version has waited long enough."""
        return visit >= self.expires_hours

    def is_to_be_told(self, visit: int) -> bool:
        """Whether people are told now that it waits: when it begins to, and at every reminder."""
        return visit % self.remind_hours == 0


def refused(version: Registered) -> Ending:
    """The ending of a run whose version a person rejected, with the person's reason."""
    said = version.description.strip().rstrip(".")
    by = f" by {version.changed_by}" if version.changed_by and not said else ""
    reason = f": {said}." if said else f"{by}, without a reason."
    return Ending(
        Outcome.NOT_PROMOTED, "NOT_APPROVED", f"Version {version.version} was rejected in the registry{reason}"
    )


def expired(version: Registered, wait: Wait) -> Ending:
    """The ending of a run whose version nobody spoke about in time."""
    reason = (
        f"Nobody approved version {version.version} within {wait.expires_hours} hours. "
        "Drop the dataset again, or give people more time by approval.expires_hours."
    )
    return Ending(Outcome.NOT_PROMOTED, "APPROVAL_EXPIRED", reason)
