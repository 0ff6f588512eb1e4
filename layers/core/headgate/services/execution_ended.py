"""The safety net: a run whose execution ended badly is closed, whatever kept the execution from doing it itself."""

import json
from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.close_run import failed
from headgate.services.runs import Executions, end_run, start_active

_REASONS = {
    "TIMED_OUT": ("TIMED_OUT", "The run took longer than its state machine allows."),
    "ABORTED": ("ABORTED", "The run's execution was stopped by hand."),
}


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """What Step Functions' `Execution Status Change` event says of a train execution that did not succeed."""

    project: Project
    run: str
    status: str
    error: str
    cause: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "ExecutionEnded":
        """Read the event; `detail.input` is the execution's input as a JSON string."""
        detail = event["detail"]
        given = json.loads(detail["input"])
        project = Project(given["tenant"], given["project"])
        return cls(project, given["run"], detail["status"], detail.get("error") or "", detail.get("cause") or "")


def follow_up(event: ExecutionEnded, *, ledger: Ledger, executions: Executions, now: str) -> str:
    """Close the run if it is still open, and make sure that the project's next run is on its way.

    Returns:
        The decision in one word: closed, or ended when the run's own machine had closed it.
    """
    run = ledger.run(event.project, event.run)
    if run is None or (run.ended and ledger.head(event.project).active != event.run):
        start_active(event.project, ledger=ledger, executions=executions)
        return "ended"
    if event.status in _REASONS:
        ending = Ending(Outcome.FAILED, *_REASONS[event.status])
    else:
        ending = failed(event.error or "FAILED", event.cause)
    end_run(event.project, event.run, ending, ledger=ledger, executions=executions, now=now)
    return "closed"
