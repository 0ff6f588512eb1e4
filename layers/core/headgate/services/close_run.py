"""Close a run: from what the state machine says of its end to the one terminal record."""

import json
from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.runs import Executions, end_run

_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class CloseRun:
    """The command: which run ended, and how."""

    project: Project
    run: str
    ending: Ending

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "CloseRun":
        """Read the task's payload: either an outcome with its reason, or `failure`, an error with its cause."""
        project = Project(event["tenant"], event["project"])
        if failure := event.get("failure"):
            return cls(project, event["run"], failed(str(failure["error"]), str(failure.get("cause", ""))))
        ending = Ending(
            Outcome(event["outcome"]),
            event["reason_code"],
            event["reason"],
            event.get("version"),
            event.get("metrics") or {},
        )
        return cls(project, event["run"], ending)


def failed(error: str, cause: str) -> Ending:
    """The ending of a run whose step failed.

    A failed SageMaker job's cause is its whole description as JSON; its `FailureReason` is what a person can use.
    """
    code, reason = error, cause
    try:
        described = json.loads(cause)
    except ValueError:
        described = None
    if isinstance(described, dict):
        said = described.get("ExitMessage") or described.get("FailureReason") or described.get("errorMessage")
        reason = str(said or error)
        if "TrainingJobName" in described:
            code, reason = "TRAINING_FAILED", f"Training failed: {reason}"
        elif "ProcessingJobName" in described:
            code, reason = "EVALUATION_FAILED", f"Evaluation failed: {reason}"
    return Ending(Outcome.FAILED, code, (reason or f"The step ended with {error}.")[:_LONGEST_REASON])


def close_run(command: CloseRun, *, ledger: Ledger, executions: Executions, now: str) -> dict[str, str]:
    """Write the terminal record, and start what waited."""
    end_run(command.project, command.run, command.ending, ledger=ledger, executions=executions, now=now)
    return {"outcome": str(command.ending.outcome)}
