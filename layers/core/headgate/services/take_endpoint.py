"""Take the lease of an endpoint, or the place in line behind whoever has it."""

from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunPassedOver
from headgate.aws.stepfunctions import Tasks
from headgate.domain.errors import EndpointTakenError, NotFoundError
from headgate.domain.incidents import Incident, answered_first, is_incident
from headgate.domain.lease import Claim, Granted, InLine, PassedOver, PlaceInLine, take
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome, Run, passed_over, rolled_back_first

GRANTED = {"outcome": "GRANTED"}
FREE = {"outcome": "FREE"}
"""What wakes the one in line: the lease is free, it may come and take it."""


@dataclass(frozen=True, slots=True)
class TakeEndpoint:
    """The command: whose version wants the endpoint, a run's or an incident's, and the task that waits for the answer.

    `visit` is how many whole terms it has waited in line.
    """

    project: Project
    holder: str
    task_token: str
    visit: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "TakeEndpoint":
        """Read the task's payload."""
        holder = event.get("incident") or event["run"]
        return cls(Project(event["tenant"], event["project"]), holder, event["task_token"], int(event["visit"]))


def take_endpoint(command: TakeEndpoint, *, ledger: Ledger, tasks: Tasks) -> str:
    """Take the lease for a run, let it wait in line, or tell it that another one does. Safe to repeat at any point.

    An incident, which rolls back, comes before every run. The task gets its token back with `GRANTED`, with `FREE` once
    it is worth while to come again, or with an ending (`outcome`, `reason_code`, `reason`), SUPERSEDED.

    Returns:
        The decision in one word: granted, in line, superseded, or ended when the run had ended before.

    Raises:
        EndpointTakenError: when another project owns the endpoint's name.
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project = command.project
    if not ledger.claim_endpoint(project):
        raise EndpointTakenError(project.endpoint)
    holder = _known(project, command.holder, ledger)
    if holder.ended:
        tasks.succeed(command.task_token, returned(_ending(holder)))
        return "ended"
    if holder.passed_over_by is not None:
        tasks.succeed(command.task_token, returned(_passed_over(command.holder, holder.passed_over_by)))
        return "superseded"
    return _decide(project, Claim(command.holder, holder.order, command.task_token, command.visit), ledger, tasks)


def returned(ending: Ending) -> dict[str, Any]:
    """An ending as `promote` returns it, for the run's record."""
    return {"outcome": str(ending.outcome), "reason_code": ending.reason_code, "reason": ending.reason}


def wake_next(project: Project, *, ledger: Ledger, tasks: Tasks) -> None:
    """Wake whoever waits for a lease that is free. Should that be lost, it comes by itself when its term is over."""
    lease = ledger.lease(project)
    if lease.holder is None and lease.waiting is not None:
        tasks.succeed(lease.waiting.token, FREE)


def _known(project: Project, holder: str, ledger: Ledger) -> Run | Incident:
    known = ledger.incident(project, holder) if is_incident(holder) else ledger.run(project, holder)
    if known is None:
        raise NotFoundError(f"{holder} is not in the ledger of {project.endpoint}.")
    return known


def _ending(holder: Run | Incident) -> Ending:
    if isinstance(holder, Run):
        return Ending(Outcome(holder.state), str(holder.reason_code), str(holder.reason))
    return Ending(Outcome.FAILED, "INCIDENT_CLOSED", f"Incident {holder.incident} is closed: {holder.done}")


def _passed_over(holder: str, by: str) -> Ending:
    if is_incident(holder):
        return answered_first(by)
    return rolled_back_first(by) if is_incident(by) else passed_over(by)


def _decide(project: Project, claim: Claim, ledger: Ledger, tasks: Tasks) -> str:
    lease = ledger.lease(project)
    match take(lease, claim):
        case Granted(granted, overtaken):
            ledger.change_lease(project, granted, *_passing(overtaken, by=claim.holder))
            _tell(overtaken, claim.holder, tasks)
            tasks.succeed(claim.token, GRANTED)
            return "granted"
        case InLine(waiting, overtaken):
            # Were it freed since it was read, this is refused: nobody waits for a lease that is free, and sleeps on.
            ledger.change_lease(project, waiting, *_passing(overtaken, by=claim.holder))
            _tell(overtaken, claim.holder, tasks)
            return "in line"
        case PassedOver(by):
            # Written down first: the task that hears of it may be gone, and the newer one too when it comes again.
            ledger.change_lease(project, lease, RunPassedOver(claim.holder, by))
            tasks.succeed(claim.token, returned(_passed_over(claim.holder, by)))
            return "superseded"


def _passing(overtaken: PlaceInLine | None, by: str) -> list[RunPassedOver]:
    return [RunPassedOver(overtaken.holder, by)] if overtaken is not None else []


def _tell(overtaken: PlaceInLine | None, by: str, tasks: Tasks) -> None:
    if overtaken is not None:
        tasks.succeed(overtaken.token, returned(_passed_over(overtaken.holder, by)))
