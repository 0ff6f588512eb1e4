"""What a project, and its tenant, want done about alarms; `headgate.domain.policy` goes by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headgate.domain.incidents import Action

DEFAULTS: Mapping[str, Action] = {
    "errors": Action.ROLLBACK,
    "latency": Action.ROLLBACK,
    "traffic": Action.PAGE,
    "saturation": Action.PAGE,
    "drift": Action.RETRAIN,
    "missing_features": Action.PAGE,
    "quality": Action.RETRAIN,
    "groups": Action.PAGE,
    "cost": Action.PAGE,
    "other": Action.PAGE,
}
"""What follows from an alarm of each kind, where the project does not say."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a project, and its tenant, allow; see `RespondSettings`. Times are seconds."""

    answers: Mapping[str, Action] = field(default_factory=lambda: DEFAULTS)
    cool_down: float = 3600.0
    retrains_per_day: int = 2
    retrains_in_vain: int = 2
    maintenance: Sequence[str] = ()
    tenant_retrains_per_day: int = 10
    fails_closed: bool = False
    """Whether a bad version with nothing behind it shall answer nobody."""

    def answer_to(self, kind: str) -> Action:
        """What the project wants done about a kind of alarm."""
        return self.answers.get(kind, self.answers["other"])
