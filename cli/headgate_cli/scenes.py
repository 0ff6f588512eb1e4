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
from headgate_cli.rows import Row
from headgate_cli.runs import Records
from headgate_cli.stage import Stage
from headgate_cli.timeline import Played

_FLAPS = 2
"""How often each alarm is over and rings again in a storm."""
KINDS = ("errors", "latency", "saturation", "missing_features", "quality")
"""Of the alarms that ring in a storm."""
_QUIET = 15.0
"""Seconds without anything new after which a storm is over."""


def bad_model(stage: Stage) -> Played:
    """What serves begins to fail: the version before comes back, and the bad one is condemned."""
    release = stage.champion()
    stage.note("rehearsal", f"version {release.version} begins to fail every request")
    with stage.requests(), stage.broken("errors", "fail-invocations", {"config": release.name}):
        return _taken_back(stage, "errors")


def latency(stage: Stage) -> Played:
    """What serves becomes slow: the version before comes back."""
    release = stage.champion()
    seconds = 1.5 * stage.threshold("latency") / 1e6  # of microseconds
    stage.note("rehearsal", f"version {release.version} begins to take {seconds:.1f} s for an answer")
    slow = {"config": release.name, "delaySeconds": str(seconds)}
    with stage.requests(), stage.broken("latency", "delay-invocations", slow):
        return _taken_back(stage, "latency")


def outage(stage: Stage) -> Played:
    """No version answers: one rollback is tried, then nothing more is done but telling people; then it is over."""
    stage.note("rehearsal", "every request fails, whichever version serves")
    with stage.requests():
        with stage.broken("errors", "fail-invocations", {}):
            first = stage.answered_incident("errors")
            second = stage.answered_incident("errors", 2) if first.action in ROLLING_BACK else first
        stage.note("rehearsal", "the outage is over")
        stage.well_again()
    releases = [each for each in Records(stage.cloud).ledger.releases(stage.project) if each.incident == first.incident]
    good = second.outcome == IncidentOutcome.PAGED and len(releases) <= 1
    told = f"After {len(releases)} rollback people were told (docs/runbooks/{second.runbook}.md), and no more was done"
    frozen = "; nothing new is released until they have looked" if second.freezes else ""
    return Played(stage.timeline, good, f"{told}{frozen}. The endpoint answers again.", _times(first))


def drift(stage: Stage) -> Played:
    """One feature comes in another unit: the monitor finds it, and a retraining is asked for."""
    column = _number_in(stage.instances[0])
    stage.note("rehearsal", f"{column} comes in another unit from now on: a thousand times as large")

    def another_unit(row: Row) -> Row:
        return {**row, column: row[column] * 1000}

    over = threading.Event()
    looking = threading.Thread(target=_look_again_and_again, args=(stage, over), daemon=True)
    with stage.requests(another_unit, at_once=50):
        looking.start()
        try:
            incident = stage.answered_incident("drift")
        finally:
            over.set()
            looking.join()
    found = f"The monitor found that {column} moved."
    if incident.outcome != IncidentOutcome.RETRAINING_ASKED_FOR:
        told = incident.outcome == IncidentOutcome.PAGED
        return Played(stage.timeline, told, f"{found} People were told: {incident.reason}", _times(incident))
    run = stage.until(lambda: _retrained(stage, incident), "the end of the retraining")
    stage.note("headgate", f"retraining {run.run}: {run.state}. {run.reason}", run.ended_at)
    stage.well_again()
    good = run.state != Outcome.FAILED
    return Played(stage.timeline, good, f"{found} A retraining was asked for; it ended {run.state}.", _times(incident))


def storm(stage: Stage) -> Played:
    """All alarms of a tenant's endpoints ring at once, again and again: none is acted on twice in one way."""
    owned = _serving(stage)
    begun = [each.incident for each in Records(stage.cloud).ledger.incidents_of_tenant(stage.project.tenant)]
    alarms = [standing_name(name, kind) for name in owned.values() for kind in KINDS]
    count = len(alarms) * (_FLAPS + 1)
    stage.note("rehearsal", f"{count} alarms ring at {len(owned)} endpoints within seconds")
    with stage.requests():
        for _ in range(_FLAPS):
            stage.ring(alarms)
            stage.ring(alarms, state="OK")  # only what changes rings
        stage.ring(alarms)
        every = _after_the_storm(stage, set(begun))
        stage.well_again()
    acted = Counter((each.project, each.action) for each in every if each.action in ROLLING_BACK | RETRAINING)
    explained = all(each.reason for each in every)
    for name in sorted({each.project for each in every}):
        of_it = [each for each in every if each.project == name]
        did = [action for project, action in acted if project == name]
        stage.note("headgate", f"{name}: {len(of_it)} incidents; done: {', '.join(sorted(did)) or 'nothing'}")
    good = bool(every) and explained and all(count <= 1 for count in acted.values())
    return Played(
        stage.timeline,
        good,
        f"{count} alarms became {len(every)} incidents, {'all' if explained else 'NOT ALL'} of them "
        f"explained; at most {max(acted.values(), default=0)} rollback and retraining of an endpoint.",
    )


def _taken_back(stage: Stage, kind: str) -> Played:
    bad = stage.champion()
    incident = stage.answered_incident(kind)
    if incident.outcome == IncidentOutcome.ROLLED_BACK:
        stage.well_again()
        now, left = stage.champion(), Records(stage.cloud).ledger.release(stage.project, bad.sequence)
        good = now.version != bad.version and left is not None and left.condemned is not None
        ending = f"Version {now.version} serves again; version {bad.version} comes back by a person only."
        return Played(stage.timeline, good, ending, _times(incident, now.in_service_at))
    ending = f"There was no version to go back to: people were told (docs/runbooks/{incident.runbook}.md)."
    return Played(stage.timeline, incident.runbook is not None, ending, _times(incident))


def _times(incident: Incident, serving: str | None = None) -> dict[str, float]:
    """Seconds from the alarm to the decision, to the end of the answer, and to the version before serving."""
    moments = {"decided": incident.decided_at, "answered": incident.ended_at, "serving": serving}
    rang = datetime.fromisoformat(incident.at)
    return {
        name: round((datetime.fromisoformat(moment) - rang).total_seconds(), 2)
        for name, moment in moments.items()
        if moment is not None
    }


def _retrained(stage: Stage, incident: Incident) -> Run | None:
    """The run that an incident led to, once it has ended."""
    run = asked_for(Records(stage.cloud).ledger.runs_of_project(stage.project), incident.incident)
    return run if run is not None and run.ended else None


def _number_in(row: Mapping[str, Any]) -> str:
    for name, value in row.items():
        if isinstance(value, float) and value not in (0.0, 1.0):
            return name
    raise UsageError("The rows have no column of numbers, so no unit can change.")


def _look_again_and_again(stage: Stage, over: threading.Event) -> None:
    while not over.wait(3):
        stage.look_at_requests()


def _serving(stage: Stage) -> dict[str, str]:
    """The configurations in service of all projects of the tenant, by project."""
    ledger, tenant = Records(stage.cloud).ledger, stage.project.tenant
    owned: dict[str, str] = {}
    for run in ledger.runs_of_tenant(tenant):
        if run.project not in owned and (champion := ledger.head(Project(tenant, run.project)).champion):
            owned[run.project] = Project(tenant, run.project).release_name(champion.sequence)
    return owned


def _after_the_storm(stage: Stage, known: set[str]) -> list[Incident]:
    """The storm's incidents, once all have ended and no new one comes."""
    ledger, seen, since = Records(stage.cloud).ledger, 0, time.monotonic()

    def look() -> list[Incident] | None:
        nonlocal seen, since
        every = [each for each in ledger.incidents_of_tenant(stage.project.tenant) if each.incident not in known]
        if len(every) != seen or not all(each.ended for each in every):
            seen, since = len(every), time.monotonic()
        return every if time.monotonic() - since > _QUIET else None

    return stage.until(look, "the end of the storm")


SCENES: Mapping[str, Callable[[Stage], Played]] = {
    "bad-model": bad_model,
    "drift": drift,
    "outage": outage,
    "latency": latency,
    "storm": storm,
}
