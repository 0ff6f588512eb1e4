"""What is written into the ledger: changes, and the conditional writes of DynamoDB that make them.

Every write carries the condition under which it is true; what belongs together is put into one transaction by `Ledger`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.aws.items import NEW, Write, as_item
from headgate.domain.incidents import IncidentState
from headgate.domain.keys import (
    OWNER,
    endpoint_key,
    holder_key,
    incident_key,
    project_key,
    release_key,
    retrains_key,
    run_key,
)
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import OUTCOMES, RUNNING, Ending
from headgate.domain.stand import Stand

_CAPITALS = re.compile(r"(?<!^)(?=[A-Z])")
OUTCOME_VALUES = {f":o{number}": str(outcome) for number, outcome in enumerate(sorted(OUTCOMES))}
NOT_ENDED = f"attribute_exists(pk) AND NOT #state IN ({', '.join(OUTCOME_VALUES)})"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A change of a run: it becomes the active one."""

    run: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A change of a run: its one terminal record is written."""

    run: str
    ending: Ending
    at: str


@dataclass(frozen=True, slots=True)
class ReleasePlanned:
    """A new release, and the run or the incident that asked for it."""

    release: Release


@dataclass(frozen=True, slots=True)
class ReleaseMoved:
    """A release goes from one state to another; `ending` is kept with it when it is settled by that, and `facts` are
    what else is known of it by then: fields of `Release`. `uncondemned`: only if neither its watch nor a person has
    said a last word on it meanwhile.
    """

    sequence: int
    was: ReleaseState
    state: ReleaseState
    at: str
    ending: Ending | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    uncondemned: bool = False


@dataclass(frozen=True, slots=True)
class RunPassedOver:
    """A change of a run, or of an incident: another one took its place in the line for the endpoint. The first one who
    did stays known.
    """

    run: str
    by: str


@dataclass(frozen=True, slots=True)
class ReleaseCondemned:
    """A change of a release: its version is never put in service again, but by a person."""

    sequence: int
    condemned: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReleaseTakenBack:
    """A change of a release on its way: a person said the last word on it in the place of its watch."""

    sequence: int
    was: ReleaseState
    verdict: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IncidentMoved:
    """An incident goes from one state to another; `facts` are what is known of it by then: fields of `Incident`."""

    incident: str
    was: IncidentState
    state: IncidentState
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RetrainCounted:
    """A retraining is asked for, one more than `was` for the tenant on that day."""

    tenant: str
    day: str
    was: int


@dataclass(frozen=True, slots=True)
class LeaseChanged:
    """A change of the endpoint's lease, from what was read; its revision is the one that was read."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class LeaseKept:
    """No change: the lease under which everything else is written is still the writer's, with the same fence."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class LeaseFreed:
    """A change of the endpoint's lease: the holder is done, with what is written beside. Who waits keeps its place."""

    lease: Lease


Change = (
    RunStarted
    | RunEnded
    | RunPassedOver
    | ReleasePlanned
    | ReleaseMoved
    | ReleaseCondemned
    | ReleaseTakenBack
    | IncidentMoved
    | RetrainCounted
    | LeaseChanged
    | LeaseKept
    | LeaseFreed
)


NO_LAST_WORD = "(attribute_not_exists(verdict) OR verdict = :null OR NOT verdict.stand IN (:failed, :held))"
LAST_WORDS: Mapping[str, Any] = {":null": None, ":failed": str(Stand.FAILED), ":held": str(Stand.HELD)}
"""The condition that neither a watch nor a person condemned a release, and its values."""
LEASES = (LeaseChanged, LeaseKept, LeaseFreed)
"""Changes of who may write, which the audit trail leaves out: what is written under the lease is what counts."""
_WHY: dict[type, str] = {
    RunStarted: "It is its turn: the project has no other active run.",
    RunPassedOver: "A newer one took its place in the line.",
    ReleaseMoved: "Its plan says so.",
    ReleaseTakenBack: "A person asked for it.",
    RetrainCounted: "An alarm asked for a retraining.",
}


def recorded_as(changes: Sequence[Change]) -> tuple[list[str], str]:
    """What the audit trail calls changes, and why they are made where they do not say so themselves."""
    kinds = [type(change) for change in changes if not isinstance(change, LEASES)]
    what = [_CAPITALS.sub(" ", kind.__name__).strip().lower() for kind in kinds]
    why = next((_WHY[kind] for kind in kinds if kind in _WHY), "It follows from what the ledger held.")
    return what or ["project changed"], why


@dataclass(frozen=True, slots=True)
class Writes:
    """Makes the writes of changes to one table."""

    table: str

    def of(self, project: Project, change: Change) -> list[Write]:
        """The writes that make one change."""
        match change:
            case RunStarted(run):
                return [self.update(project, run_key(run), {"state": RUNNING}, NOT_ENDED, OUTCOME_VALUES)]
            case RunEnded(run, ending, at):
                fields = {**asdict(ending), "state": str(ending.outcome), "ended_at": at}
                del fields["outcome"]
                return [self.update(project, run_key(run), fields, NOT_ENDED, OUTCOME_VALUES)]
            case RunPassedOver(run, by):
                once = f"{NOT_ENDED} AND (attribute_not_exists(passed_over_by) OR passed_over_by = :null)"
                return [
                    self.update(
                        project, holder_key(run), {"passed_over_by": by}, once, {**OUTCOME_VALUES, ":null": None}
                    )
                ]
            case LeaseChanged() | LeaseKept() | LeaseFreed():
                return [self._lease_write(project, change)]
            case ReleasePlanned() | ReleaseMoved() | ReleaseCondemned() | ReleaseTakenBack():
                return self._of_release(project, change)
            case IncidentMoved() | RetrainCounted():
                return [self._of_incident(project, change)]

    def _of_release(
        self, project: Project, change: ReleasePlanned | ReleaseMoved | ReleaseCondemned | ReleaseTakenBack
    ) -> list[Write]:
        match change:
            case ReleasePlanned(release):
                item = {"pk": project_key(project), "sk": release_key(release.sequence), **asdict(release)}
                name = "release" if release.incident is None else "rollback"
                once = f"attribute_not_exists(#{name}) OR #{name} = :null"
                made = {name: release.sequence}
                asked = self.update(project, holder_key(release.holder), made, once, {":null": None})
                return [Write.put(self.table, item, **NEW), asked]
            case ReleaseMoved(sequence, was, state, at, ending, facts, uncondemned):
                fields = {"state": str(state), "at": at, **facts}
                if state == ReleaseState.IN_SERVICE:
                    fields["in_service_at"] = at
                if ending is not None:
                    fields |= {
                        "outcome": str(ending.outcome),
                        "reason_code": ending.reason_code,
                        "reason": ending.reason,
                    }
                still, values = "#state = :was", {":was": str(was)}
                if uncondemned:
                    still += f" AND {NO_LAST_WORD}"
                    values |= LAST_WORDS
                return [self.update(project, release_key(sequence), fields, still, values)]
            case ReleaseTakenBack(sequence, was, verdict):
                open_ = f"#state = :was AND {NO_LAST_WORD}"
                return [
                    self.update(
                        project, release_key(sequence), {"verdict": verdict}, open_, {":was": str(was), **LAST_WORDS}
                    )
                ]
            case ReleaseCondemned(sequence, why):
                there = "attribute_exists(pk)"
                return [self.update(project, release_key(sequence), {"condemned": why}, there, {})]

    def _of_incident(self, project: Project, change: IncidentMoved | RetrainCounted) -> Write:
        match change:
            case IncidentMoved(incident, was, state, facts):
                fields = {**facts, "state": str(state)}
                return self.update(project, incident_key(incident), fields, "#state = :was", {":was": str(was)})
            case RetrainCounted(tenant, day, was):
                pk, sk = retrains_key(tenant, day)
                still = {
                    "ConditionExpression": "attribute_not_exists(pk) OR #count = :was",
                    "ExpressionAttributeNames": {"#count": "count"},
                    "ExpressionAttributeValues": as_item({":was": was}),
                }
                return Write.put(self.table, {"pk": pk, "sk": sk, "count": was + 1}, **still)

    def _lease_write(self, project: Project, change: LeaseChanged | LeaseKept | LeaseFreed) -> Write:
        lease = change.lease
        match change:
            case LeaseChanged():
                fields = {**asdict(lease), "revision": lease.revision + 1}
                unchanged = "(attribute_not_exists(#revision) OR #revision = :was)"
                return self.update_lease(project, fields, unchanged, {":was": lease.revision})
            case LeaseKept():
                return self.update_lease(project, {"fence": lease.fence}, *held(lease))
            case LeaseFreed():
                return self.update_lease(project, {"holder": None, "token": None}, *held(lease), counts=True)

    def update(
        self, project: Project, sk: str, fields: Mapping[str, Any], condition: str, values: Mapping[str, Any]
    ) -> Write:
        """An update of one of the project's items."""
        names = {f"#{name}": name for name in fields} | ({"#state": "state"} if "#state" in condition else {})
        written = as_item(fields)
        update = {
            "TableName": self.table,
            "Key": as_item({"pk": project_key(project), "sk": sk}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in fields),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {**{f":{name}": value for name, value in written.items()}, **as_item(values)},
        }
        return Write("Update", update, written)

    def update_lease(
        self,
        project: Project,
        fields: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any],
        counts: bool = False,
    ) -> Write:
        """An update of the endpoint's item, which another project's endpoint of that name refuses."""
        names = {f"#{name}": name for name in (*fields, "tenant", "project", "holder", "fence", "revision")}
        sets = [f"#{name} = :{name}" for name in fields] + (["#revision = #revision + :one"] if counts else [])
        condition = f"#tenant = :tenant AND #project = :project AND {condition}"
        ours = {":tenant": project.tenant, ":project": project.name, **({":one": 1} if counts else {})}
        written = as_item(fields)
        used = " ".join([*sets, condition])
        update = {
            "TableName": self.table,
            "Key": as_item({"pk": endpoint_key(project.endpoint), "sk": OWNER}),
            "UpdateExpression": "SET " + ", ".join(sets),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {each: name for each, name in names.items() if each in used},
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in written.items()},
                **as_item({**ours, **values}),
            },
        }
        return Write("Update", update, written)


def held(lease: Lease) -> tuple[str, dict[str, Any]]:
    """The condition that a lease still is what it was when it was entered."""
    return "#holder = :held_by AND #fence = :held_under", {":held_by": lease.holder, ":held_under": lease.fence}
