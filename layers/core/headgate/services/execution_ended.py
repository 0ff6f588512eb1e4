"""The safety net: a run or an incident whose execution ended badly is closed, whatever kept it from doing so itself."""

import json
from dataclasses import dataclass
from typing import Any

from headgate.domain.failures import Stop, ending_of, failed
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.close_incident import CloseIncident
from headgate.services.runs import Runs


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """What Step Functions' `Execution Status Change` event says of a train execution that did not succeed."""

    project: Project
    run: str
    stop: Stop

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "ExecutionEnded":
        """Read the event; `detail.input` is the execution's input as a JSON string."""
        detail = event["detail"]
        given = json.loads(detail["input"])
        stop = Stop(detail["status"], detail.get("error") or "", detail.get("cause") or "")
        return cls(Project(given["tenant"], given["project"]), given["run"], stop)


def follow_up(event: ExecutionEnded, *, runs: Runs) -> str:
    """Close the run if it is still open, and make sure that the project's next run is on its way.

    Returns:
        The decision in one word: closed, or ended when the run's own machine had closed it.

    Raises:
        EndpointBusyError: while a release of the run is on its way; the event comes back until it has come to rest.
    """
    run = runs.ledger.run(event.project, event.run)
    if run is None or (run.ended and runs.ledger.head(event.project).active != event.run):
        runs.start_active(event.project)
        return "ended"
    runs.end_failed(event.project, event.run, ending_of(event.stop))
    return "closed"


def stopped_incident(event: dict[str, Any]) -> CloseIncident | None:
    """The command that closes the incident whose answer did not succeed; None when the event is of a run."""
    detail = event["detail"]
    given = json.loads(detail["input"])
    if "incident" not in given:
        return None
    if detail["status"] == "FAILED":
        failure = failed(detail.get("error") or "FAILED", detail.get("cause") or "")
    else:
        how = "took longer than it may" if detail["status"] == "TIMED_OUT" else "was stopped by hand"
        failure = Ending(Outcome.FAILED, detail["status"], f"The answer to the alarm {how}.")
    return CloseIncident(Project(given["tenant"], given["project"]), given["incident"], failure=failure)
