"""Take the lease of an endpoint, or the place in line behind whoever has it."""

from dataclasses import dataclass
from typing import Any, Protocol

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunPassedOver
from headgate.domain.errors import EndpointTakenError, NotFoundError
from headgate.domain.lease import Claim, Granted, InLine, PassedOver, Place, take
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome, Run, passed_over

GRANTED = {"outcome": "GRANTED"}
FREE = {"outcome": "FREE"}
"""What wakes the one in line: the lease is free, it may come and take it."""


class Tasks(Protocol):
    """What wakes a waiting task; see `headgate.aws.stepfunctions.Tasks`."""

    def succeed(self, token: str, output: dict[str, Any]) -> bool:
        """Give a token back; False when nobody waits for it any more."""
        ...


@dataclass(frozen=True, slots=True)
class TakeEndpoint:
    """The command: which run's version wants the endpoint, and the task that waits for the answer.

    `visit` is how many whole terms it has waited in line.
    """

    project: Project
    run: str
    task_token: str
    visit: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "TakeEndpoint":
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), event["run"], event["task_token"], int(event["visit"]))


def take_endpoint(command: TakeEndpoint, *, ledger: Ledger, tasks: Tasks) -> str:
    """Take the lease for a run, let it wait in line, or tell it that a newer version does. Safe to repeat at any point.

    The task gets its token back with `GRANTED`, with `FREE` once it is worth while to come again, or with the run's
    ending (`outcome`, `reason_code`, `reason`), SUPERSEDED.

    Returns:
        The decision in one word: granted, in line, superseded, or ended when the run had ended before.

    Raises:
        EndpointTakenError: when another project owns the endpoint's name.
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project = command.project
    if not ledger.claim_endpoint(project):
        raise EndpointTakenError(project.endpoint)
    run = ledger.run(project, command.run)
    if run is None:
        raise NotFoundError(f"Run {command.run} is not in the ledger.")
    if run.ended:
        ending = Ending(Outcome(run.state), str(run.reason_code), str(run.reason))
        tasks.succeed(command.task_token, told(ending))
        return "ended"
    if run.passed_over_by is not None:
        tasks.succeed(command.task_token, told(passed_over(run.passed_over_by)))
        return "superseded"
    return _decide(project, run, Claim(run.run, run.order, command.task_token, command.visit), ledger, tasks)


def told(ending: Ending) -> dict[str, Any]:
    """An ending as `promote` returns it, for the run's record."""
    return {"outcome": str(ending.outcome), "reason_code": ending.reason_code, "reason": ending.reason}


def wake_next(project: Project, *, ledger: Ledger, tasks: Tasks) -> None:
    """Wake whoever waits for a lease that is free. Should that be lost, it comes by itself when its term is over."""
    lease = ledger.lease(project)
    if lease.holder is None and lease.waiting is not None:
        tasks.succeed(lease.waiting.token, FREE)


def _decide(project: Project, run: Run, claim: Claim, ledger: Ledger, tasks: Tasks) -> str:
    lease = ledger.lease(project)
    match take(lease, claim):
        case Granted(granted, overtaken):
            ledger.change_lease(project, granted, *_passing(overtaken, by=run.run))
            _tell(overtaken, run.run, tasks)
            tasks.succeed(claim.token, GRANTED)
            return "granted"
        case InLine(waiting, overtaken):
            # Were it freed since it was read, this is refused: nobody waits for a lease that is free, and sleeps on.
            ledger.change_lease(project, waiting, *_passing(overtaken, by=run.run))
            _tell(overtaken, run.run, tasks)
            return "in line"
        case PassedOver(by):
            # Written down first: the task that hears of it may be gone, and the newer one too when it comes again.
            ledger.change_lease(project, lease, RunPassedOver(run.run, by))
            tasks.succeed(claim.token, told(passed_over(by)))
            return "superseded"


def _passing(overtaken: Place | None, by: str) -> list[RunPassedOver]:
    return [RunPassedOver(overtaken.holder, by)] if overtaken is not None else []


def _tell(overtaken: Place | None, by: str, tasks: Tasks) -> None:
    if overtaken is not None:
        tasks.succeed(overtaken.token, told(passed_over(by)))
