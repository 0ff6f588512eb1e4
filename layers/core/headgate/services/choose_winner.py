"""Choose the best trial of a search, and remember the search for the next one of the project."""

from dataclasses import dataclass, replace
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.sagemaker import Searches
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.runs import LastSearch
from headgate.domain.search_requests import Winner, winner_of

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class ChooseWinner:
    """The command: which search, what its plan said, and whether it came to its own end."""

    project: Project
    run: str
    job: str
    shape: str | None
    tuning: dict[str, Any]
    cut_short: bool

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "ChooseWinner":
        """Read the task's payload."""
        project = Project(event["tenant"], event["project"])
        return cls(project, event["run"], event["name"], event["shape"], event["tuning"], event["cut_short"])


def choose_winner(command: ChooseWinner, *, searches: Searches, ledger: Ledger, artifact_bucket: str) -> dict[str, Any]:
    """Choose among the trials that completed, also when the search itself was stopped or failed.

    Returns:
        `model_data_url` of the winner, and `tuning` for the run's record; or `model_data_url` null with `reason_code`
        NO_WINNER and a `reason`.
    """
    trials = searches.trials(command.job)
    completed = sum(trial["TrainingJobStatus"] == "Completed" for trial in trials)
    winner = winner_of(trials)
    if winner is None:
        reason = _why_none(trials, completed)
        return {"model_data_url": None, "reason_code": "NO_WINNER", "reason": reason}
    if command.shape is not None:
        _remember(ledger, command.project, LastSearch(command.job, command.shape))
    folder = f"{command.project.prefix}runs/{command.run}/training/{winner.job}"
    return {
        "model_data_url": f"s3://{artifact_bucket}/{folder}/output/model.tar.gz",
        "tuning": {**command.tuning, **_told(winner, len(trials), completed), "cut_short": command.cut_short},
    }


def _told(winner: Winner, trials: int, completed: int) -> dict[str, Any]:
    best = {
        "training_job": winner.job,
        "family": winner.family,
        "settings": dict(winner.settings),
        "objective": winner.objective,
    }
    return {"trials": trials, "completed": completed, "best": best}


def _why_none(trials: list[dict[str, Any]], completed: int) -> str:
    if not trials:
        return "The search for settings ended before any training began."
    if completed:
        return f"None of the {completed} trainings that completed told an objective that is a finite number."
    failures = [str(trial["FailureReason"]) for trial in trials if trial.get("FailureReason")]
    because = f" The first one that failed says: {failures[0]}" if failures else ""
    return f"None of the {len(trials)} trainings of the search completed.{because}"[:1000]


def _remember(ledger: Ledger, project: Project, search: LastSearch) -> None:
    """Keep it in the head. A head that others keep changing is left alone: the next search starts afresh, no more."""
    for _ in range(_ATTEMPTS):
        head = ledger.head(project)
        if head.search == search:
            return
        try:
            ledger.write(project, replace(head, search=search))
        except ConflictError:
            continue
        return
