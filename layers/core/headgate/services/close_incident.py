"""Close an incident: from what its answer came to, to the one record that people are told from."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import IncidentMoved, LeaseChanged
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Tasks
from headgate.domain.errors import EndpointBusyError, LeaseLostError, NotFoundError
from headgate.domain.failures import failed
from headgate.domain.freezes import joined
from headgate.domain.incidents import IncidentState, freeze_of, outcome_of
from headgate.domain.lease import leave
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate.services.settle_release import settled
from headgate.services.take_endpoint import wake_next


@dataclass(frozen=True, slots=True)
class CloseIncident:
    """The command: which incident, how its rollback ended where there was one, whether a retraining was asked for, and
    the failure of a step where there was one.
    """

    project: Project
    incident: str
    rollback: Ending | None = None
    retraining: bool = False
    failure: Ending | None = None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "CloseIncident":
        """Read the task's payload."""
        rolled, failure = event.get("rollback"), event.get("failure")
        if rolled and rolled.get("failure"):
            failure, rolled = rolled["failure"], None
        return cls(
            Project(event["tenant"], event["project"]),
            event["incident"],
            Ending(Outcome(rolled["outcome"]), rolled["reason_code"], rolled["reason"]) if rolled else None,
            bool(event.get("retraining")),
            failed(str(failure["error"]), str(failure.get("cause", ""))) if failure else None,
        )


def close_incident(
    command: CloseIncident, *, ledger: Ledger, open_endpoints: Callable[[], Endpoints], tasks: Tasks, now: str
) -> dict[str, Any]:
    """Write what was done, and give back whatever the incident still has of the endpoint's lease.

    A release of it that is on its way is settled first, so that what is told is what serves. Closed once; asking again
    changes nothing.

    Returns:
        The incident, as the ledger has it.

    Raises:
        EndpointBusyError: while its release is on its way; the state machine tries again.
        ConflictError: when another writer was faster.
    """
    project = command.project
    incident = ledger.incident(project, command.incident)
    if incident is None:
        raise NotFoundError(f"Incident {command.incident} is not in the ledger of {project.endpoint}.")
    if not incident.ended:
        rolled = command.rollback
        if incident.rollback is not None:
            rolled = _settled(project, incident.rollback, ledger, open_endpoints, command.failure, now)
        facts = outcome_of(incident, rolled, command.retraining, command.failure)
        lease = ledger.lease(project)
        left = leave(lease, incident.incident)
        leaves = [LeaseChanged(left)] if left != lease else []
        over = IncidentMoved(
            incident.incident, IncidentState(incident.state), IncidentState.CLOSED, {**facts, "ended_at": now}
        )
        head = ledger.head(project)
        if facts.get("freezes"):
            head = replace(head, freeze=joined(head.freeze, freeze_of(incident, facts["done"], now)))
        ledger.write(project, head, over, *leaves)
        incident = ledger.incident(project, command.incident) or incident
    wake_next(project, ledger=ledger, tasks=tasks)
    return asdict(incident)


def _settled(
    project: Project,
    sequence: int,
    ledger: Ledger,
    open_endpoints: Callable[[], Endpoints],
    failure: Ending | None,
    now: str,
) -> Ending:
    release = ledger.release(project, sequence)
    if release is None:
        raise NotFoundError(f"Release {sequence} of {project.endpoint} is not in the ledger.")
    ending = release.ending
    if ending is None:
        try:
            lease = ledger.enter(project, release.holder, if_free=True)
        except LeaseLostError as error:
            raise EndpointBusyError(project.endpoint) from error  # who took the lease over settles the release too
        ending = settled(project, release, lease, ledger=ledger, endpoints=open_endpoints(), now=now, stopped=failure)
    if ending is None:
        raise EndpointBusyError(project.endpoint)
    return ending
