"""Choose between the defaults and the best trial of a search; remember the search for the next one of the project."""

from dataclasses import dataclass, replace
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.searches import Searches
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.runs import LastSearch
from headgate.domain.search_requests import Winner, winner_of

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class ChooseWinner:
    """The command: which search, what its plan said, whether it came to its own end, and what the defaults came to.

    `model_data_url` and `objective` are those of the run's own training job, with the defaults; None: it told none.
    """

    project: Project
    run: str
    job: str
    shape: str | None
    tuning: dict[str, Any]
    cut_short: bool
    model_data_url: str
    objective: float | None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "ChooseWinner":
        """Read the task's payload."""
        return cls(
            Project(event["tenant"], event["project"]),
            event["run"],
            event["name"],
            event["shape"],
            event["tuning"],
            event["cut_short"],
            event["defaults"]["model_data_url"],
            event["defaults"]["objective"],
        )


def choose_winner(command: ChooseWinner, *, searches: Searches, ledger: Ledger, artifact_bucket: str) -> dict[str, Any]:
    """Choose among the defaults and the trials that completed, also when the search was stopped or failed.

    Returns:
        `model_data_url` of the winner, and `tuning` for the run's record. A trial has to be better than the defaults on
        the validation part: a search never ends with less than would have been trained without it.
    """
    trials = searches.trials(command.job)
    completed = sum(trial["TrainingJobStatus"] == "Completed" for trial in trials)
    winner = winner_of(trials, command.objective)
    if completed and command.shape is not None:
        _remember(ledger, command.project, LastSearch(command.job, command.shape))
    found = {"trials": len(trials), "completed": completed, "cut_short": command.cut_short}
    defaults = {"objective": command.objective, "stand": winner is None}
    model = command.model_data_url
    if winner is not None:
        folder = f"{command.project.run_folder(command.run)}training/{winner.job}"
        model = f"s3://{artifact_bucket}/{folder}/output/model.tar.gz"
    best = _told(command, winner)
    return {"model_data_url": model, "tuning": {**command.tuning, **found, "defaults": defaults, "best": best}}


def _told(command: ChooseWinner, winner: Winner | None) -> dict[str, Any]:
    if winner is None:
        return {"training_job": command.run, "settings": {}, "objective": command.objective}
    return {
        "training_job": winner.job,
        "family": winner.family,
        "settings": dict(winner.settings),
        "objective": winner.objective,
    }


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
