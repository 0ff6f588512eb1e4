"""The scenes of a rehearsal: what goes wrong, and the good state in which it ends with nobody touching anything."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from headgate.domain.alarms import standing_name
from headgate.domain.incidents import RETRAINING, ROLLING_BACK, Incident, IncidentOutcome
from headgate.domain.names import Project
from headgate.domain.retraining import asked_for
from headgate.domain.runs import Outcome, Run
from headgate_cli.errors import UsageError
from headgate_cli.rehearsal import Rehearsal
from headgate_cli.rows import Row
from headgate_cli.runs import Records
from headgate_cli.timeline import Played

_FLAPS = 2
"""How often each alarm is over and rings again in a storm."""
KINDS = ("errors", "latency", "saturation", "missing_features", "quality")
"""Of the alarms that ring in a storm."""
_QUIET = 15.0
"""Seconds without anything new after which a storm is over."""


def bad_model(rehearsal: Rehearsal) -> Played:
    """What serves begins to fail: the version before comes back, and the bad one is condemned."""
    release = rehearsal.champion()
    rehearsal.note("rehearsal", f"version {release.version} begins to fail every request")
    with rehearsal.requests(), rehearsal.broken("errors", "fail-invocations", {"config": release.name}):
        return _taken_back(rehearsal, "errors")


def latency(rehearsal: Rehearsal) -> Played:
    """What serves becomes slow: the version before comes back."""
    release = rehearsal.champion()
    seconds = 1.5 * rehearsal.threshold("latency") / 1e6  # of microseconds
    rehearsal.note("rehearsal", f"version {release.version} begins to take {seconds:.1f} s for an answer")
    slow = {"config": release.name, "delaySeconds": str(seconds)}
    with rehearsal.requests(), rehearsal.broken("latency", "delay-invocations", slow):
        return _taken_back(rehearsal, "latency")


def outage(rehearsal: Rehearsal) -> Played:
    """No version answers: one rollback is tried, then nothing more is done but telling people; then it is over."""
    rehearsal.note("rehearsal", "every request fails, whichever version serves")
    with rehearsal.requests():
        with rehearsal.broken("errors", "fail-invocations", {}):
            first = rehearsal.answered_incident("errors")
            second = rehearsal.answered_incident("errors", 2) if first.action in ROLLING_BACK else first
        rehearsal.note("rehearsal", "the outage is over")
        rehearsal.well_again()
    releases = [
        each for each in Records(rehearsal.cloud).ledger.releases(rehearsal.project) if each.incident == first.incident
    ]
    good = second.outcome == IncidentOutcome.PAGED and len(releases) <= 1
    told = f"After {len(releases)} rollback people were told (docs/runbooks/{second.runbook}.md), and no more was done"
    frozen = "; nothing new is released until they have looked" if second.freezes else ""
    return Played(rehearsal.timeline, good, f"{told}{frozen}. The endpoint answers again.", _times(first))


def drift(rehearsal: Rehearsal) -> Played:
    """One feature comes in another unit: the monitor finds it, and a retraining is asked for."""
    column = _number_in(rehearsal.instances[0])
    rehearsal.note("rehearsal", f"{column} comes in another unit from now on: a thousand times as large")

    def another_unit(row: Row) -> Row:
        return {**row, column: row[column] * 1000}

    over = threading.Event()
    looking = threading.Thread(target=_look_again_and_again, args=(rehearsal, over), daemon=True)
    with rehearsal.requests(another_unit, at_once=50):
        looking.start()
        try:
            incident = rehearsal.answered_incident("drift")
        finally:
            over.set()
            looking.join()
    found = f"The monitor found that {column} moved."
    if incident.outcome != IncidentOutcome.RETRAINING_ASKED_FOR:
        told = incident.outcome == IncidentOutcome.PAGED
        return Played(rehearsal.timeline, told, f"{found} People were told: {incident.reason}", _times(incident))
    run = rehearsal.until(lambda: _retrained(rehearsal, incident), "the end of the retraining")
    rehearsal.note("headgate", f"retraining {run.run}: {run.state}. {run.reason}", run.ended_at)
    rehearsal.well_again()
    good = run.state != Outcome.FAILED
    return Played(
        rehearsal.timeline, good, f"{found} A retraining was asked for; it ended {run.state}.", _times(incident)
    )


def storm(rehearsal: Rehearsal) -> Played:
    """All alarms of a tenant's endpoints ring at once, again and again: none is acted on twice in one way."""
    owned = _serving(rehearsal)
    begun = [each.incident for each in Records(rehearsal.cloud).ledger.incidents_of_tenant(rehearsal.project.tenant)]
    alarms = [standing_name(name, kind) for name in owned.values() for kind in KINDS]
    count = len(alarms) * (_FLAPS + 1)
    rehearsal.note("rehearsal", f"{count} alarms ring at {len(owned)} endpoints within seconds")
    with rehearsal.requests():
        for _ in range(_FLAPS):
            rehearsal.ring(alarms)
            rehearsal.ring(alarms, state="OK")  # only what changes rings
        rehearsal.ring(alarms)
        every = _after_the_storm(rehearsal, set(begun))
        rehearsal.well_again()
    acted = Counter((each.project, each.action) for each in every if each.action in ROLLING_BACK | RETRAINING)
    explained = all(each.reason for each in every)
    for name in sorted({each.project for each in every}):
        of_it = [each for each in every if each.project == name]
        did = [action for project, action in acted if project == name]
        rehearsal.note("headgate", f"{name}: {len(of_it)} incidents; done: {', '.join(sorted(did)) or 'nothing'}")
    good = bool(every) and explained and all(count <= 1 for count in acted.values())
    return Played(
        rehearsal.timeline,
        good,
        f"{count} alarms became {len(every)} incidents, {'all' if explained else 'NOT ALL'} of them "
        f"explained; at most {max(acted.values(), default=0)} rollback and retraining of an endpoint.",
    )


def _taken_back(rehearsal: Rehearsal, kind: str) -> Played:
    bad = rehearsal.champion()
    incident = rehearsal.answered_incident(kind)
    if incident.outcome == IncidentOutcome.ROLLED_BACK:
        rehearsal.well_again()
        now, left = rehearsal.champion(), Records(rehearsal.cloud).ledger.release(rehearsal.project, bad.sequence)
        good = now.version != bad.version and left is not None and left.condemned is not None
        ending = f"Version {now.version} serves again; version {bad.version} comes back by a person only."
        return Played(rehearsal.timeline, good, ending, _times(incident, now.in_service_at))
    ending = f"There was no version to go back to: people were told (docs/runbooks/{incident.runbook}.md)."
    return Played(rehearsal.timeline, incident.runbook is not None, ending, _times(incident))


def _times(incident: Incident, serving: str | None = None) -> dict[str, float]:
    """Seconds from the alarm to the decision, to the end of the answer, and to the version before serving."""
    moments = {"decided": incident.decided_at, "answered": incident.ended_at, "serving": serving}
    rang = datetime.fromisoformat(incident.at)
    return {
        name: round((datetime.fromisoformat(moment) - rang).total_seconds(), 2)
        for name, moment in moments.items()
        if moment is not None
    }


def _retrained(rehearsal: Rehearsal, incident: Incident) -> Run | None:
    """The run that an incident led to, once it has ended."""
    run = asked_for(Records(rehearsal.cloud).ledger.runs_of_project(rehearsal.project), incident.incident)
    return run if run is not None and run.ended else None


def _number_in(row: Mapping[str, Any]) -> str:
    for name, value in row.items():
        if isinstance(value, float) and value not in (0.0, 1.0):
            return name
    raise UsageError("The rows have no column of numbers, so no unit can change.")


def _look_again_and_again(rehearsal: Rehearsal, over: threading.Event) -> None:
    while not over.wait(3):
        rehearsal.look_at_requests()


def _serving(rehearsal: Rehearsal) -> dict[str, str]:
    """The configurations in service of all projects of the tenant, by project."""
    ledger, tenant = Records(rehearsal.cloud).ledger, rehearsal.project.tenant
    owned: dict[str, str] = {}
    for run in ledger.runs_of_tenant(tenant):
        if run.project not in owned and (champion := ledger.head(Project(tenant, run.project)).champion):
            owned[run.project] = Project(tenant, run.project).release_name(champion.sequence)
    return owned


def _after_the_storm(rehearsal: Rehearsal, known: set[str]) -> list[Incident]:
    """The storm's incidents, once all have ended and no new one comes."""
    ledger, seen, since = Records(rehearsal.cloud).ledger, 0, time.monotonic()

    def look() -> list[Incident] | None:
        nonlocal seen, since
        every = [each for each in ledger.incidents_of_tenant(rehearsal.project.tenant) if each.incident not in known]
        if len(every) != seen or not all(each.ended for each in every):
            seen, since = len(every), time.monotonic()
        return every if time.monotonic() - since > _QUIET else None

    return rehearsal.until(look, "the end of the storm")


SCENES: Mapping[str, Callable[[Rehearsal], Played]] = {
    "bad-model": bad_model,
    "drift": drift,
    "outage": outage,
    "latency": latency,
    "storm": storm,
}
