"""Decide what is done about an incident, and write the decision down before anything is done."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import Change, IncidentMoved, ReleaseTakenBack, RetrainCounted
from headgate.aws.sagemaker import Endpoints
from headgate.domain.errors import NotFoundError
from headgate.domain.freezes import joined
from headgate.domain.incidents import BY_HAND, ENDPOINT, RETRAINING, Incident, IncidentState, freeze_of
from headgate.domain.names import Project
from headgate.domain.policy import Situation, decide
from headgate.domain.releases import ReleaseState, is_condemned_by_its_watch
from headgate.domain.rules import Rules
from headgate.domain.runs import Head
from headgate.domain.stand import Stand
from headgate.services.commands import OfIncident


@dataclass(frozen=True, slots=True)
class DecideResponse(OfIncident):
    """The command: which incident."""


@dataclass(frozen=True, slots=True)
class World:
    """What a decision looks at; `rules` are those of a project, read when they are needed."""

    ledger: Ledger
    alarms: Alarms
    endpoints: Endpoints
    rules: Callable[[Project], Rules]


def decide_response(command: DecideResponse, world: World, *, now: str) -> dict[str, Any]:
    """Decide; an incident that was decided before keeps its decision. Where people have to look first, the same write
    freezes the project. A release on its way that a person takes back is told to be bad by the same write: its watch
    makes SageMaker give the requests back, whatever comes of the rollback.

    Returns:
        The incident as the tasks after this one read it: `action`, `reason`, `release`, `look_again`.

    Raises:
        ConflictError: when another writer was faster, so that the decision rests on the past; the machine tries again.
    """
    project, ledger = command.project, world.ledger
    head = ledger.head(project)  # first: whatever is decided beside this changes it
    incident = ledger.incident(project, command.incident)
    if incident is None:
        raise NotFoundError(f"Incident {command.incident} is not in the ledger of {project.endpoint}.")
    if incident.state == IncidentState.OPEN:
        situation = _look(incident, project, head, world, now)
        decision = decide(situation, world.rules(project), now)
        champion = situation.champion
        facts = {
            "action": str(decision.action),
            "reason": decision.reason,
            "runbook": decision.runbook,
            "freezes": decision.freezes,
            "fails_closed": decision.fails_closed,
            "look_again": decision.look_again,
            "release": decision.takes_back or (champion.sequence if champion is not None else None),
            "decided_at": now,
        }
        move = IncidentMoved(incident.incident, IncidentState.OPEN, IncidentState.DECIDED, facts)
        counted = RetrainCounted(project.tenant, now[:10], situation.tenant_retrains)
        if decision.freezes:
            head = replace(head, freeze=joined(head.freeze, freeze_of(incident, decision.reason, now)))
        beside: list[Change] = [counted] if decision.action in RETRAINING else []
        if (back := situation.on_its_way) is not None and decision.takes_back and not is_condemned_by_its_watch(back):
            said: dict[str, Any] = {
                "stand": str(Stand.FAILED),
                "reason": decision.reason,
                "signals": {},
                "at": now,
                "by": incident.by,
            }
            beside.append(ReleaseTakenBack(back.sequence, ReleaseState(back.state), said))
        ledger.write(project, head, move, *beside)
        incident = ledger.incident(project, command.incident) or incident
    return asdict(incident)


def _look(incident: Incident, project: Project, head: Head, world: World, now: str) -> Situation:
    ledger = world.ledger
    lease = ledger.lease(project)
    champion = ledger.release(project, head.champion.sequence) if head.champion is not None else None
    newest = ledger.release(project, head.next_release - 1)
    moving = newest is not None and newest.state in (ReleaseState.PLANNED, ReleaseState.DEPLOYING)
    by_plan = newest is not None and moving and newest.repeats is None
    tried = newest is not None and newest.state == ReleaseState.TRYING  # a trial ends at once for a rollback
    endpoint = world.endpoints.describe(project.endpoint) if champion is not None else None
    return Situation(
        incident=incident,
        champion=champion,
        serves=endpoint is not None,
        status=endpoint.status if endpoint is not None else "",
        moving=moving or (lease.holder is not None and not tried),
        on_its_way=newest if by_plan else None,
        alarm=world.alarms.now(incident.alarm) if incident.kind not in (BY_HAND, ENDPOINT) else None,
        past=[each for each in ledger.incidents(project) if each.incident != incident.incident],
        tenant_retrains=ledger.retrains(project.tenant, now[:10]),
        runs=ledger.runs_of_project(project),
    )
