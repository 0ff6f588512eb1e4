"""A run ended: the one message that tells people, and the record of what it was, made from what the ledger holds.

Whoever closed the run, its end passes the ledger's stream; so no ending is untold, and none has no record.
"""

from typing import Protocol

from headgate.domain.runs import Outcome, Run
from headgate.services.experiments import Experiments
from headgate.tracking import Tracking


class Topic(Protocol):
    """What tells people; see `headgate.aws.sns.Topic`."""

    def publish(self, subject: str, message: str, attributes: dict[str, str]) -> None:
        """Publish one message."""
        ...


def announce(run: Run, *, topic: Topic) -> None:
    """Tell people how a run ended; subscribers can filter by tenant, project and outcome."""
    message = (
        f"{run.reason}\n\nOutcome: {run.state} ({run.reason_code})\nTenant: {run.tenant}\nProject: {run.project}\n"
        f"Data: {run.name}\nRun: {run.run}\n\nMore: headgate show {run.run}\n"
    )
    subject = f"{run.tenant}/{run.project}: {run.state}"
    topic.publish(subject, message, {"tenant": run.tenant, "project": run.project, "outcome": run.state})


def keep(run: Run, *, experiments: Experiments, tracking: Tracking | None) -> dict[str, str]:
    """Keep what a run was as an experiment, and tell the tracking server where there is one. Nothing is raised.

    Returns:
        For the log: what became of the `record`, and of the `tracking` where a server is named.
    """
    if run.state == Outcome.SUPERSEDED:  # it never began
        return {}
    record = experiments.record(run)
    if record is None:
        return {"record": "not written"}
    if tracking is None:
        return {"record": "written"}
    refused = tracking.tell(record)
    return {"record": "written", "tracking": f"not told: {refused}" if refused else "told"}
