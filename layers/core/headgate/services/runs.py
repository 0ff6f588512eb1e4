"""Starting and ending runs: the two moments at which the next dataset of a project gets its turn.

People are told by the reactor on the ledger's stream (`run_ended`), so that no ending is written without being told.
"""

import random
import time
from dataclasses import replace
from typing import Protocol

from headgate.aws.ledger import Ledger, RunEnded, RunStarted
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Run, Start, Supersede, Wait, admit, superseded

_ATTEMPTS = 8
_LONGEST_PAUSE_SECONDS = 2.0


class Executions(Protocol):
    """What starts executions; see `headgate.aws.stepfunctions.Executions`."""

    def start(self, name: str, given: dict[str, str]) -> bool:
        """Start an execution; False when one of that name ran already."""
        ...


def given_to(run: Run) -> dict[str, str]:
    """The input of a run's execution. It depends on nothing but the run, so that starting twice is the same start."""
    return {"tenant": run.tenant, "project": run.project, "run": run.run, "dataset": run.dataset}


def request_start(run: Run, *, ledger: Ledger, executions: Executions, now: str) -> str:
    """Give a recorded run its turn: start it, let it wait behind the active one, or end it as superseded.

    Safe to repeat, at any point of an earlier attempt.

    Returns:
        The decision in one word: started, waiting, superseded, or ended when the run had ended before.

    Raises:
        ConflictError: when other writers were faster on every attempt; the message comes back and tries again.
    """
    project = Project(run.tenant, run.project)
    for attempt in range(_ATTEMPTS):
        known = ledger.run(project, run.run)
        if known is not None and known.ended:
            return "ended"
        head = ledger.head(project)
        try:
            match admit(head, run.run, run.order):
                case Start():
                    if head.active is None:
                        ledger.write(project, replace(head, active=run.run), RunStarted(run.run))
                    executions.start(run.run, given_to(run))
                    return "started"
                case Wait(supersedes):
                    if head.waiting != run.run:
                        ends = [RunEnded(supersedes, superseded(run.run), now)] if supersedes else []
                        ledger.write(project, replace(head, waiting=run.run, waiting_order=run.order), *ends)
                    return "waiting"
                case Supersede(by):
                    ledger.write(project, head, RunEnded(run.run, superseded(by), now))
                    return "superseded"
        except ConflictError as error:
            _step_aside(attempt, error)
    raise AssertionError("unreachable: the loop returns or raises")


def end_run(project: Project, run: str, ending: Ending, *, ledger: Ledger, executions: Executions, now: str) -> None:
    """Write a run's one terminal record, and start the run that waited behind it.

    Safe to repeat: a run that has ended keeps its ending, and what waits is started again in case the first attempt
    died on the way.

    Raises:
        ConflictError: when other writers were faster on every attempt.
    """
    for attempt in range(_ATTEMPTS):
        known = ledger.run(project, run)
        head = ledger.head(project)
        if known is not None and known.ended and head.active != run:
            break
        following = replace(head, active=head.waiting, waiting=None, waiting_order="") if head.active == run else head
        starts = [RunStarted(following.active)] if following.active not in (None, head.active) else []
        ends = [] if known is not None and known.ended else [RunEnded(run, ending, now)]
        try:
            ledger.write(project, following, *ends, *starts)
            break
        except ConflictError as error:
            _step_aside(attempt, error)
    start_active(project, ledger=ledger, executions=executions)


def start_active(project: Project, *, ledger: Ledger, executions: Executions) -> None:
    """Start the run that the ledger names as active, if there is one; harmless when it runs or ran already."""
    active = ledger.head(project).active
    if active is not None and (waiting := ledger.run(project, active)) is not None:
        executions.start(active, given_to(waiting))


def _step_aside(attempt: int, error: ConflictError) -> None:
    """After a lost race wait a little, longer each time and never the same; after the last attempt give up."""
    if attempt == _ATTEMPTS - 1:
        raise error
    time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * 2**attempt / 2**_ATTEMPTS))  # noqa: S311 - no secret
