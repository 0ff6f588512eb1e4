"""Close a run: from what the state machine says of its end to the one terminal record."""

from dataclasses import dataclass, replace
from typing import Any

from headgate.domain.failures import failed
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.runs import Runs


@dataclass(frozen=True, slots=True)
class CloseRun:
    """The command: which run ended, and how; `failure` when a step failed before it reached an end of its own."""

    project: Project
    run: str
    ending: Ending
    failure: bool = False

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "CloseRun":
        """Read the task's payload: an outcome with its reason, or `failure`, an error with its cause."""
        project = Project(event["tenant"], event["project"])
        version, metrics = event.get("version"), event.get("metrics") or {}
        if failure := event.get("failure"):
            ending = failed(str(failure["error"]), str(failure.get("cause", "")), event.get("reason_code"))
            return cls(project, event["run"], replace(ending, version=version, metrics=metrics), failure=True)
        ending = Ending(Outcome(event["outcome"]), event["reason_code"], event["reason"], version, metrics)
        return cls(project, event["run"], ending)


def close_run(command: CloseRun, *, runs: Runs) -> dict[str, str]:
    """Write the terminal record, and start what waited.

    Returns:
        `outcome` and `reason_code` as recorded: a run whose last step failed is PROMOTED when its version serves.

    Raises:
        EndpointBusyError: when a step failed while the endpoint was moving; the state machine tries again.
    """
    ending = command.ending
    if command.failure:
        ending = runs.end_failed(command.project, command.run, ending)
    else:
        runs.end(command.project, command.run, ending)
    return {"outcome": str(ending.outcome), "reason_code": ending.reason_code}
