"""A run ended: the one message that tells people, made from what the ledger holds."""

from typing import Protocol

from headgate.domain.runs import Run


class Topic(Protocol):
    """What tells people; see `headgate.aws.sns.Topic`."""

    def publish(self, subject: str, message: str, attributes: dict[str, str]) -> None:
        """Publish one message."""
        ...


def announce(run: Run, *, topic: Topic) -> None:
    """Tell people how a run ended; subscribers can filter by tenant, project and outcome."""
    served = f"Format: {run.metrics['format']}\n" if run.metrics.get("format") else ""
    message = (
        f"{run.reason}\n\nOutcome: {run.state} ({run.reason_code})\nTenant: {run.tenant}\nProject: {run.project}\n"
        f"Data: {run.name}\nRun: {run.run}\n{served}\nMore: headgate show {run.run}\n"
    )
    subject = f"{run.tenant}/{run.project}: {run.state}"
    topic.publish(subject, message, {"tenant": run.tenant, "project": run.project, "outcome": run.state})
