"""What is not as it should be though nobody said so: an event was lost, a process died, somebody changed something by
hand. Rules only: what is seen is an argument, and what follows is done by the use cases that events start, too.

A finding is repaired where the same may be done at any time without harm, and told to people where only they know what
was meant. Those that people are told of have a page in docs/runbooks, named after the kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from headgate.domain.incidents import BROKEN, ENDPOINT, Incident, IncidentOutcome, IncidentState
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.releases import EndpointState, Release, ReleaseState, goes_back
from headgate.domain.runs import RUNNING, WAITING, Head, Run
from headgate.domain.scaling import Bounds, Target

GRACE = timedelta(minutes=2)
"""So long something may be under way: it is written down first, and then done."""
UPLOAD_GRACE, UPLOADS_BACK = timedelta(minutes=15), timedelta(days=7)
"""Uploads so fresh may still be told of, and of older ones than this nobody waits for a run any more."""
TRIES = 3
"""Rounds in a row in which a repair may not hold, until people are told."""
KEPT = timedelta(days=7)
"""How long a finding that is over stays on record."""
LATE = timedelta(minutes=30)
"""How long after the end of its plan a release may still be on its way before people are told."""
_CHANGING = frozenset({ReleaseState.TRYING, ReleaseState.DEPLOYING})
_MOVING = frozenset({ReleaseState.PLANNED, *_CHANGING})


class Kind(StrEnum):
    """What can be found."""

    UPLOAD_UNSEEN = "upload-unseen"
    RUN_LEFT = "run-left"
    RUN_WAITS = "run-waits"
    RELEASE_LEFT = "release-left"
    LEASE_LEFT = "lease-left"
    INCIDENT_LEFT = "incident-left"
    ALARM_MISSING = "alarm-missing"
    ALARM_DISABLED = "alarm-disabled"
    ENDPOINT_GONE = "endpoint-gone"
    ENDPOINT_FAILED = "endpoint-failed"
    ENDPOINT_DIFFERS = "endpoint-differs"
    ENDPOINT_STUCK = "endpoint-stuck"
    RULE_GONE = "rule-gone"
    RULE_DISABLED = "rule-disabled"
    DEAD_LETTERS = "dead-letters"
    SCALING_LOST = "scaling-lost"
    NOT_LOOKED_AT = "not-looked-at"


REPAIRED = frozenset(
    {
        *(Kind.UPLOAD_UNSEEN, Kind.RUN_LEFT, Kind.RUN_WAITS, Kind.RELEASE_LEFT, Kind.LEASE_LEFT, Kind.INCIDENT_LEFT),
        *(Kind.ALARM_MISSING, Kind.ENDPOINT_FAILED, Kind.SCALING_LOST),
    }
)
"""What is repaired; people are told of the others at once, and of these when repairs do not hold."""
REPAIR_FAILS = "repair-fails"
"""The runbook's page for those."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: what (`kind`, `subject`), whose, and in a sentence. The sentence changes
    when what is found does, and only then.
    """

    kind: Kind
    subject: str
    said: str
    tenant: str = ""
    project: str = ""

    @property
    def key(self) -> str:
        """Its identity from round to round."""
        return f"{self.tenant}#{self.project}#{self.kind}#{self.subject}"

    @property
    def is_repaired(self) -> bool:
        """Whether it can be repaired without a person."""
        return self.kind in REPAIRED


@dataclass(frozen=True, slots=True)
class FindingOnRecord:
    """A finding on record: in how many rounds in a row it was found, what was done, and since when it is over.

    A round in which people should have been told and could not be is not counted: the next one tells them.
    """

    key: str
    kind: str
    subject: str
    said: str
    tenant: str
    project: str
    rounds: int
    first_at: str
    done: str = ""
    over_at: str | None = None


@dataclass(frozen=True, slots=True)
class CompletedUpload:
    """An upload that completes a dataset, and the run that must come of it. `at` is when it was written."""

    key: str
    version_id: str
    size: int
    at: str
    run: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A project as it is: what the ledger says, and what the ledger speaks of.

    `executions` tells the status of those of runs and incidents that have not ended, None where there is none of that
    name. `standing` are the standing alarms of the champion that should be active, `alarms` those that are there and
    whether they are active. `all_alarms` are the names of all that should be there.
    """

    project: Project
    now: str
    head: Head = field(default_factory=Head)
    runs: Sequence[Run] = ()
    releases: Sequence[Release] = ()
    incidents: Sequence[Incident] = ()
    lease: Lease = field(default_factory=Lease)
    endpoint: EndpointState | None = None
    executions: Mapping[str, str | None] = field(default_factory=dict)
    all_alarms: Sequence[str] = ()
    standing: Sequence[str] = ()
    alarms: Mapping[str, bool] = field(default_factory=dict)
    uploads: Sequence[CompletedUpload] = ()
    target: Target | None = None

    @property
    def champion(self) -> Release | None:
        """The release that serves by the ledger."""
        number = self.head.champion.sequence if self.head.champion is not None else None
        return next((each for each in self.releases if each.sequence == number), None)

    @property
    def at_rest(self) -> bool:
        """Whether nobody is changing the endpoint."""
        moving = any(each.state in _MOVING for each in self.releases)
        return self.lease.holder is None and not moving and not (self.endpoint and self.endpoint.in_progress)

    def has_ended(self, holder: str) -> bool:
        """Whether a run or an incident is over; one that was not seen is newer than what was."""
        known = {each.run: each.ended for each in self.runs} | {each.incident: each.ended for each in self.incidents}
        return known.get(holder, False)

    def is_fresh(self, at: str) -> bool:
        """Whether something was written a moment ago, so that what follows from it may be under way."""
        return datetime.fromisoformat(self.now) - datetime.fromisoformat(at) < GRACE

    def found(self, kind: Kind, subject: str, said: str) -> Finding:
        """A finding of this project."""
        return Finding(kind, subject, said, self.project.tenant, self.project.name)


def findings(seen: Seen) -> list[Finding]:
    """All that is not as it should be with a project, in the order in which it is to be repaired."""
    return [
        *_of_releases(seen),
        *_of_the_lease(seen),
        *_of_runs(seen),
        *_of_incidents(seen),
        *_of_uploads(seen),
        *_of_the_endpoint(seen),
        *_of_alarms(seen),
        *_of_scaling(seen),
    ]


def _of_releases(seen: Seen) -> Iterator[Finding]:
    for each in seen.releases:
        if each.state in _MOVING and seen.has_ended(each.holder):
            said = f"Release {each.sequence} is {each.state} since {each.at}, and {each.holder} has ended."
            yield seen.found(Kind.RELEASE_LEFT, each.name, said)
        elif each.state in _CHANGING and seen.endpoint is not None and seen.endpoint.in_progress:
            yield from _if_stuck(each, seen.endpoint, seen)


def _if_stuck(release: Release, endpoint: EndpointState, seen: Seen) -> Iterator[Finding]:
    """An endpoint that is on its way for longer than the plan of its release gave it; nothing can be done to it.

    A trial comes and goes without a plan, and a release that goes back has used its time.
    """
    planned = release.state == ReleaseState.DEPLOYING and not goes_back(release, endpoint)
    limit = timedelta(seconds=(release.plan or {}).get("limit_seconds", 0) if planned else 0) + LATE
    since = release.at if planned else max(release.at, endpoint.modified_at)
    if datetime.fromisoformat(seen.now) - datetime.fromisoformat(since) > limit:
        way = "goes into service" if planned else "is taken back"
        if release.state == ReleaseState.TRYING:
            way = "is tried"
        said = f"Release {release.sequence} {way} since {since}, and the endpoint is {endpoint.status} still."
        yield seen.found(Kind.ENDPOINT_STUCK, release.name, said)


def _of_the_lease(seen: Seen) -> Iterator[Finding]:
    waits = seen.lease.waiting.holder if seen.lease.waiting is not None else None
    left = [name for name in (seen.lease.holder, waits) if name is not None and seen.has_ended(name)]
    unsettled = {each.holder for each in seen.releases if each.state in _MOVING}
    for name in left:
        if name not in unsettled:  # its release is settled first, which frees the lease
            what = "holds the endpoint" if name == seen.lease.holder else "waits for the endpoint"
            yield seen.found(Kind.LEASE_LEFT, name, f"{name} {what}, and has ended.")


def _of_runs(seen: Seen) -> Iterator[Finding]:
    for run in seen.runs:
        if run.ended or seen.is_fresh(run.arrived_at):
            continue
        status = seen.executions.get(run.run)
        if run.state == WAITING and (run.run not in (seen.head.active, seen.head.waiting) or seen.head.active is None):
            yield seen.found(Kind.RUN_WAITS, run.run, "It waits, and nothing goes before it.")
        elif run.state == RUNNING and status != "RUNNING":
            how = f"is {status}" if status is not None else "is not there"
            yield seen.found(Kind.RUN_LEFT, run.run, f"It is RUNNING by the ledger, and its execution {how}.")


def _of_incidents(seen: Seen) -> Iterator[Finding]:
    for each in seen.incidents:
        status = seen.executions.get(each.incident)
        if each.ended or status == "RUNNING" or seen.is_fresh(each.decided_at or each.seen_at):
            continue
        how = f"is {status}" if status is not None else "is not there"
        yield seen.found(Kind.INCIDENT_LEFT, each.incident, f"It is {each.state}, and its execution {how}.")


def is_to_be_started(incident: Incident, status: str | None) -> bool:
    """Whether an incident that was left may begin: nothing was decided yet, and a decision rests on what is then. What
    was decided long ago is not done now.
    """
    return incident.state == IncidentState.OPEN and status is None


def _of_uploads(seen: Seen) -> Iterator[Finding]:
    known = {run.run for run in seen.runs}
    for each in seen.uploads:
        if each.run not in known:
            yield seen.found(Kind.UPLOAD_UNSEEN, each.key, f"It was dropped at {each.at}, and no run came of it.")


def is_due(at: str, now: str) -> bool:
    """Whether an upload is old enough that its event must have come, and new enough that somebody waits for its run."""
    age = datetime.fromisoformat(now) - datetime.fromisoformat(at)
    return UPLOAD_GRACE <= age <= UPLOADS_BACK


def _of_the_endpoint(seen: Seen) -> Iterator[Finding]:
    champion, endpoint = seen.champion, seen.endpoint
    if champion is None or not seen.at_rest:
        return
    name, meant = seen.project.endpoint, f"release {champion.sequence} (version {champion.version})"
    if endpoint is None:
        stopped = (each for each in seen.incidents if each.outcome == IncidentOutcome.TAKEN_OUT_OF_SERVICE)
        if any(each.release == champion.sequence for each in stopped):
            return  # on purpose, and people were told
        yield seen.found(Kind.ENDPOINT_GONE, name, f"The endpoint is deleted; by the ledger {meant} serves.")
    elif endpoint.status in BROKEN.values():
        answered = any(each.kind == ENDPOINT and each.at >= endpoint.modified_at for each in seen.incidents)
        if not answered and not seen.is_fresh(endpoint.modified_at):
            said = f"The endpoint is {endpoint.status} since {endpoint.modified_at}, and no incident came of it."
            yield seen.found(Kind.ENDPOINT_FAILED, name, said)
    elif endpoint.config != champion.name:
        said = f"The endpoint serves {endpoint.config}; by the ledger {meant} serves, which is {champion.name}."
        yield seen.found(Kind.ENDPOINT_DIFFERS, name, said)


def _of_alarms(seen: Seen) -> Iterator[Finding]:
    champion = seen.champion
    if champion is None or not seen.at_rest:
        return
    missing = [name for name in seen.all_alarms if name not in seen.alarms]
    disabled = [name for name in seen.standing if seen.alarms.get(name) is False]
    if missing:
        said = f"Alarms that watch what serves are gone: {', '.join(missing)}."
        yield seen.found(Kind.ALARM_MISSING, champion.name, said)
    if disabled:
        said = f"Alarms that watch what serves are switched off: {', '.join(disabled)}."
        yield seen.found(Kind.ALARM_DISABLED, champion.name, said)


def _of_scaling(seen: Seen) -> Iterator[Finding]:
    champion = seen.champion
    if champion is None or not seen.at_rest or seen.endpoint is None or seen.endpoint.config != champion.name:
        return
    if scaled_by(champion) is None or seen.endpoint.status != "InService":
        return
    if seen.target is None:
        said = "The endpoint scaled by its requests, and its scalable target is gone."
        yield seen.found(Kind.SCALING_LOST, seen.project.endpoint, said)
    elif seen.target.ours and seen.target.held:
        said = "The endpoint's instances are held as during a release, and none is on its way."
        yield seen.found(Kind.SCALING_LOST, seen.project.endpoint, said)


def scaled_by(champion: Release) -> Bounds | None:
    """Between which counts a release was let scale when it was settled; None where it was not."""
    told = champion.scaled or {}
    return Bounds(told["min"], told["max"]) if told.get("min") is not None else None


@dataclass(frozen=True, slots=True)
class RuleNow:
    """A rule of EventBridge as it is."""

    enabled: bool
    targets: int


def findings_of_the_deployment(rules: Mapping[str, RuleNow | None], queues: Mapping[str, int]) -> list[Finding]:
    """What is not as it should be with what all projects share.

    Args:
        rules: those that the template has, by name; None for one that is gone.
        queues: of dead letters, by name, and how many messages lie in each.
    """
    found: list[Finding] = []
    for name, rule in rules.items():
        if rule is None or not rule.targets:
            what = "is deleted" if rule is None else "has no target"
            found.append(Finding(Kind.RULE_GONE, name, f"The rule {what}, so that its events reach nobody."))
        elif not rule.enabled:
            found.append(Finding(Kind.RULE_DISABLED, name, "The rule is disabled, so that its events reach nobody."))
    found += [
        Finding(Kind.DEAD_LETTERS, name, "Messages lie in it that could not be handled.")
        for name, count in queues.items()
        if count
    ]
    return found


@dataclass(frozen=True, slots=True)
class Followed:
    """What follows from a finding in this round; `again` where the round before found the same."""

    again: bool
    rounds: int
    page: str | None


def follow_up(finding: Finding, known: FindingOnRecord | None) -> Followed:
    """How often in a row it was found, and which page people are sent to now: once, until the finding changes."""
    again = known is not None and known.over_at is None and known.said == finding.said
    rounds = known.rounds + 1 if known is not None and again else 1
    page, due = (REPAIR_FAILS, TRIES + 1) if finding.is_repaired else (str(finding.kind), 1)
    return Followed(again, rounds, page if rounds == due else None)


def forget_at(known: FindingOnRecord) -> int | None:
    """When the record of a finding may go, in seconds since 1970; None while it is not over."""
    return round((datetime.fromisoformat(known.over_at) + KEPT).timestamp()) if known.over_at is not None else None
