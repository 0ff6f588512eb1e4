"""An incident: an alarm that rang, or a person who asked, and what was done about it.

Rules only. An incident has one identity, made of the alarm, the time at which its state changed and how often it was
looked at since; so an alarm that is told twice is one incident.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from headgate.domain.errors import BadKeyError
from headgate.domain.freezes import Freeze
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.domain.releases import TAKEN_BACK
from headgate.domain.runs import Ending, Outcome

_ID = re.compile(r"(?P<tenant>[a-z0-9]+)-(?P<project>[a-z0-9-]+)-\d{8}T\d{6}-[0-9a-f]{8}")
BY_HAND = "by-hand"
"""Stands for the alarm, and is the kind, of what a person asks for."""
ENDPOINT = "endpoint"
"""Stands for the alarm, and is the kind, of an endpoint that SageMaker says is broken."""
BROKEN = {"FAILED": "Failed", "UPDATE_ROLLBACK_FAILED": "UpdateRollbackFailed"}
"""Statuses of an endpoint that is broken, as events write them, and as the API does."""


class Action(StrEnum):
    """What may be done about an alarm."""

    ROLLBACK = "rollback"
    RETRAIN = "retrain"
    ROLLBACK_THEN_RETRAIN = "rollback-then-retrain"
    PAGE = "page"
    IGNORE = "ignore"


ROLLING_BACK = frozenset({Action.ROLLBACK, Action.ROLLBACK_THEN_RETRAIN})
RETRAINING = frozenset({Action.RETRAIN, Action.ROLLBACK_THEN_RETRAIN})


class IncidentOutcome(StrEnum):
    """What came of an incident."""

    ROLLED_BACK = "ROLLED_BACK"
    REPAIRED = "REPAIRED"  # an endpoint that failed was made anew
    TAKEN_OUT_OF_SERVICE = "TAKEN_OUT_OF_SERVICE"  # a version that is bad answers nobody, for want of another
    NOT_ROLLED_BACK = "NOT_ROLLED_BACK"  # a version that is bad serves on, for want of another
    RETRAINING_ASKED_FOR = "RETRAINING_ASKED_FOR"
    PAGED = "PAGED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


NO_TARGET = frozenset({"NO_VERSION_BEFORE", "NOTHING_DEPLOYABLE"})
"""Codes of a rollback's ending that leave a bad version in service for want of another one."""


ANOTHER_SERVES = "ANOTHER_SERVES"
"""Code of the ending of a rollback that found another version in service than the one to be left."""
STOPPED = "TAKEN_OUT_OF_SERVICE"
"""Code of a rollback's ending that found nothing to go back to, and left nothing in service."""


class IncidentState(StrEnum):
    """Where an incident stands: recorded, decided (what is done now is `action`), or over."""

    OPEN = "OPEN"
    DECIDED = "DECIDED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as the ledger keeps it.

    `at` is when the alarm's state changed, by its own clock, `said` what it gave as the reason, `watches` the
    configuration whose instances it looks at, where it looks at those of one alone, and `since` where the time begins
    that it looked at. `look` counts how often the alarm was found red again. `by` is the person who asked, `to` the
    version asked for, `anyway` that it may be a condemned one. `release` is the number of the release that served when
    it was decided, or of the one on its way that a person takes back, `rollback` that of the release that was made to
    go back. `runbook` is the page for people, `freezes`
    says that the project was frozen until they have looked. `fails_closed`: where its rollback finds nothing to go
    back to, the endpoint is deleted.
    """

    incident: str
    tenant: str
    project: str
    alarm: str
    kind: str
    at: str
    seen_at: str
    said: str = ""
    watches: str | None = None
    since: str | None = None
    look: int = 0
    by: str | None = None
    to: str | None = None
    anyway: bool = False
    state: str = IncidentState.OPEN
    action: str | None = None
    reason: str | None = None
    release: int | None = None
    decided_at: str | None = None
    runbook: str | None = None
    freezes: bool = False
    fails_closed: bool = False
    look_again: int | None = None
    rollback: int | None = None
    outcome: str | None = None
    done: str | None = None
    ended_at: str | None = None
    passed_over_by: str | None = None

    @property
    def ended(self) -> bool:
        """Whether all is done that will be done."""
        return self.state == IncidentState.CLOSED

    @property
    def order(self) -> str:
        """Its place in the line for the endpoint: before every run, whose orders begin with a digit."""
        return f"~{self.seen_at}|{self.incident}"

    @property
    def seconds(self) -> float | None:
        """From the alarm to the end of what was done."""
        if self.ended_at is None:
            return None
        return (datetime.fromisoformat(self.ended_at) - datetime.fromisoformat(self.at)).total_seconds()


def incident_id(project: Project, alarm: str, at: str, look: int = 0) -> str:
    """The name of an incident, which is also that of its executions; at most 76 characters, and sorts by time."""
    moment = datetime.fromisoformat(at).astimezone(UTC)
    digest = hashlib.sha256(f"{alarm}\0{at}\0{look}".encode()).hexdigest()[:8]
    return f"{project.endpoint}-{moment:%Y%m%dT%H%M%S}-{digest}"


def again(incident: Incident, seen_at: str) -> Incident:
    """The next incident of an alarm that is red still: what is known of the alarm, and nothing of what was done."""
    project, look = Project(incident.tenant, incident.project), incident.look + 1
    return Incident(
        incident_id(project, incident.alarm, incident.at, look),
        incident.tenant,
        incident.project,
        incident.alarm,
        incident.kind,
        incident.at,
        seen_at,
        incident.said,
        incident.watches,
        incident.since,
        look,
    )


def freeze_of(incident: Incident, why: str, at: str) -> Freeze:
    """The freeze that an incident asks for: until a person has looked."""
    return Freeze("policy", why, at, incident=incident.incident)


def answered_first(by: str) -> Ending:
    """The ending of a rollback that waited for the endpoint when a newer incident took its place; incidents wait for
    no run.
    """
    reason = f"Incident {by} came while this one waited for the endpoint, and goes on in its place."
    return Ending(Outcome.SUPERSEDED, "NEWER_INCIDENT", reason)


def is_incident(name: str) -> bool:
    """Whether a name is an incident's, and not a run's."""
    return _ID.fullmatch(name) is not None


def project_of(incident: str) -> Project | None:
    """The project that an incident belongs to by its name, or None when it is no incident's."""
    parts = _ID.fullmatch(incident)
    try:
        return Project(parts["tenant"], parts["project"]) if parts else None
    except BadKeyError:
        return None


def moment(text: str) -> str:
    """A time as AWS's events write it, as the ledger writes it."""
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return written(at)


def outcome_of(incident: Incident, rollback: Ending | None, retraining: bool, failure: Ending | None) -> dict[str, Any]:
    """What came of a decided incident, as fields of it.

    Args:
        incident: as it was decided.
        rollback: how its rollback ended; None where there was none.
        retraining: whether a retraining was asked for.
        failure: what went wrong with a step, if anything did.
    """
    if rollback is not None:
        return _repaired(rollback) if incident.kind == ENDPOINT else _rolled(incident, rollback, retraining)
    if failure is not None:
        return _told(IncidentOutcome.FAILED, failure.reason, "incident-failed")
    if retraining:
        return _told(IncidentOutcome.RETRAINING_ASKED_FOR, "A retraining is asked for.", incident.runbook)
    if incident.action == Action.PAGE:
        return _told(IncidentOutcome.PAGED, "People are told.", incident.runbook)
    return _told(IncidentOutcome.IGNORED, "Nothing was done.", None)


def _repaired(made: Ending) -> dict[str, Any]:
    if made.outcome == Outcome.PROMOTED:
        return _told(IncidentOutcome.REPAIRED, f"The endpoint was made anew. {made.reason}", "endpoint-failed")
    if made.outcome in (Outcome.NOT_PROMOTED, Outcome.SUPERSEDED) and made.reason_code not in NO_TARGET:
        return _told(IncidentOutcome.IGNORED, f"Nothing was done. {made.reason}", None)
    said = f"The endpoint could not be made anew. {made.reason}"
    return _told(IncidentOutcome.FAILED, said, "endpoint-failed") | {"freezes": True}


def _rolled(incident: Incident, rollback: Ending, retraining: bool) -> dict[str, Any]:
    if rollback.outcome == Outcome.PROMOTED:
        asked = " A retraining is asked for." if retraining else ""
        if incident.action == Action.ROLLBACK_THEN_RETRAIN and not retraining:
            whose = f"--tenant {incident.tenant} --project {incident.project}"
            asked = f" The retraining that should follow could not be asked for; do so with `headgate retrain {whose}`."
        return _told(IncidentOutcome.ROLLED_BACK, f"{rollback.reason}{asked}", "rolled-back")
    if rollback.reason_code == TAKEN_BACK:
        return _told(IncidentOutcome.ROLLED_BACK, rollback.reason, "rolled-back")
    if rollback.reason_code in NO_TARGET:
        return _told(IncidentOutcome.NOT_ROLLED_BACK, rollback.reason, "nothing-to-go-back-to") | {"freezes": True}
    if rollback.reason_code == STOPPED:
        return _told(IncidentOutcome.TAKEN_OUT_OF_SERVICE, rollback.reason, "taken-out-of-service") | {"freezes": True}
    if rollback.outcome in (Outcome.NOT_PROMOTED, Outcome.SUPERSEDED):
        return _told(IncidentOutcome.IGNORED, f"Nothing was done. {rollback.reason}", None)
    return _told(IncidentOutcome.FAILED, f"The rollback did not succeed. {rollback.reason}", "rollback-failed")


def _told(outcome: "IncidentOutcome", done: str, runbook: str | None) -> dict[str, Any]:
    return {"outcome": str(outcome), "done": done, "runbook": runbook}


def document(incident: Incident) -> dict[str, Any]:
    """An incident for programs: what rang, what was done and why, in seconds."""
    return {
        "incident": incident.incident,
        "tenant": incident.tenant,
        "project": incident.project,
        "alarm": incident.alarm,
        "kind": incident.kind,
        "action": incident.action,
        "reason": incident.reason,
        "release": incident.release,
        "at": incident.at,
        "seconds": incident.seconds,
        "outcome": incident.outcome,
        "done": incident.done,
        "rollback": incident.rollback,
        "by": incident.by,
        "look": incident.look,
        "state": incident.state,
        "runbook": incident.runbook,
        "freezes": incident.freezes,
        "said": incident.said,
    }
