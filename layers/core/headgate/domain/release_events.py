"""What others hear of releases: one event for each that is settled, the same for whoever listens on the bus.

In every event `release` is what was tried and `serving` what serves. An event may come twice; tenant, project, release
and kind name it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.incidents import ENDPOINT, Incident
from headgate.domain.releases import HOLDING, Release
from headgate.domain.runs import Champion, Ending, Outcome, Run

PROMOTED, ROLLED_BACK = "ReleasePromoted", "ReleaseRolledBack"
HELD, FAILED = "ReleaseHeld", "ReleaseFailed"


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event: its kind, and its detail (`events/schemas/release-settled.json`)."""

    kind: str
    detail: Mapping[str, Any]


def of_run(run: Run, release: Release | None, serving: Champion | None) -> Announcement | None:
    """What is heard of a run's release; None where it came to none.

    Args:
        run: that has ended.
        release: its release; None where it has none, as when a freeze met it before one was planned.
        serving: the champion now.
    """
    if release is not None and release.ending is not None:
        detail = _detail(release, release.ending, serving, release.at)
        return Announcement(_kind(release.ending), {"tenant": run.tenant, "project": run.project, **detail})
    if release is None and run.reason_code == "FROZEN":
        detail = {
            "release": None,
            "version": run.version,
            "run": run.run,
            "incident": None,
            "outcome": run.state,
            "reason_code": run.reason_code,
            "reason": run.reason,
            "strategy": None,
            "serving": _serving(serving),
            "at": run.ended_at,
        }
        return Announcement(HELD, {"tenant": run.tenant, "project": run.project, **detail})
    return None


def of_incident(
    incident: Incident, made: Release | None, left: Release | None, serving: Champion | None
) -> Announcement | None:
    """What is heard of an incident's rollback; None where none was tried.

    Where it succeeded, that is what became of the release that was left; of an endpoint that was made anew, that of the
    release on it.

    Args:
        incident: that is over.
        made: the release that goes back.
        left: the release that served when the incident was decided.
        serving: the champion now.
    """
    if made is None or made.ending is None or left is None:
        return None
    whose = {"tenant": incident.tenant, "project": incident.project}
    if made.ending.outcome != Outcome.PROMOTED:
        return Announcement(FAILED, {**whose, **_detail(made, made.ending, serving, made.at)})
    if incident.kind == ENDPOINT:
        return Announcement(PROMOTED, {**whose, **_detail(made, made.ending, serving, made.at)})
    back = Ending(Outcome.ROLLED_BACK, "BY_INCIDENT", str(made.why))
    detail = _detail(left, back, serving, made.at)
    strategy = (made.plan or {}).get("strategy")
    return Announcement(ROLLED_BACK, {**whose, **detail, "incident": incident.incident, "strategy": strategy})


def _kind(ending: Ending) -> str:
    if ending.outcome == Outcome.PROMOTED:
        return PROMOTED
    if ending.reason_code in HOLDING or ending.reason_code == "HELD":  # of the latter nothing could be told
        return HELD
    return ROLLED_BACK if ending.outcome == Outcome.ROLLED_BACK else FAILED


def _detail(release: Release, ending: Ending, serving: Champion | None, at: str) -> dict[str, Any]:
    return {
        "release": release.sequence,
        "version": release.version,
        "run": release.run,
        "incident": release.incident,
        "outcome": str(ending.outcome),
        "reason_code": ending.reason_code,
        "reason": ending.reason,
        "strategy": (release.plan or {}).get("strategy"),
        "serving": _serving(serving),
        "at": at,
    }


def _serving(champion: Champion | None) -> dict[str, Any] | None:
    return {"release": champion.sequence, "version": champion.version} if champion is not None else None
