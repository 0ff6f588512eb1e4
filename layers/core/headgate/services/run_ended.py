"""A run ended: the one message that tells people, and the record of what it was, made from what the ledger holds.

Whoever closed the run, its end passes the ledger's stream; so no ending is untold, and none has no record.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from headgate.aws.errors import kind_of
from headgate.aws.events import Bus
from headgate.aws.ledger import Ledger
from headgate.aws.sns import Topic
from headgate.aws.tenants import Tenants
from headgate.domain.errors import ConflictError, TransientError
from headgate.domain.names import Project
from headgate.domain.notices import ended
from headgate.domain.release_events import of_run
from headgate.domain.runs import Outcome, Run
from headgate.services.experiments import Experiments
from headgate.tracking import Tracking

PATIENCE = timedelta(minutes=2)
"""So long after its end a run's record is tried again; people are told without it then. The stream tries for longer."""


def announce(run: Run, *, ledger: Ledger, bus: Bus, topic: Topic) -> str | None:
    """Tell people how a run ended, and put what became of its release on the bus; subscribers can filter.

    The event comes first, for it may come twice; people are told once more only if the message itself was lost.

    Returns:
        For the log: the event's kind, or None where the run came to no release.
    """
    project = Project(run.tenant, run.project)
    release = ledger.release(project, run.release) if run.release is not None else None
    serving = ledger.head(project).champion if run.version is not None else None
    event = of_run(run, release, serving)
    if event is not None:
        bus.put(event.kind, event.detail)
    notice = ended(run, release, serving)
    topic.publish(notice.subject, notice.message, notice.attributes)
    return event.kind if event is not None else None


def keep(
    run: Run, *, experiments: Experiments, tenants: Tenants, now: str
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Keep what a run was as an experiment, and count what it cost.

    Can be repeated, and comes before people are told: what fails in passing comes back with the stream, for a time.

    Returns:
        The record, None where there is none. And for the log: what became of the `record` and of the `cost`; `missed`
        is the kind of the error for which one of them is not there.

    Raises:
        TransientError, ConflictError: when it should be tried again.
    """
    if run.state == Outcome.SUPERSEDED:  # it never began
        return None, {}
    record, kept = None, dict[str, str]()
    try:
        record = experiments.record(run)
        kept["record"] = "written"
        kept["cost"] = _spend(run, record, tenants)
    except Exception as error:  # the run has ended; nothing that this meets may keep people from being told
        if isinstance(error, TransientError | ConflictError) and _is_young(run, now):
            raise
        kept["missed"] = kind_of(error)
    return record, kept


def track(record: Mapping[str, Any] | None, tracking: Tracking | None) -> dict[str, str]:
    """Tell the tracking server of a run's record, where there are both.

    The server is other people's: however it takes that, all else is done before.

    Returns:
        For the log: what became of the `tracking`, where a server is named.
    """
    if record is None or tracking is None:
        return {}
    refused = tracking.tell(record)
    return {"tracking": f"not told: {refused}" if refused else "told"}


def _is_young(run: Run, now: str) -> bool:
    return datetime.fromisoformat(now) - datetime.fromisoformat(run.ended_at or now) < PATIENCE


def _spend(run: Run, record: Mapping[str, Any], tenants: Tenants) -> str:
    """Count what is known of a run's cost to its tenant's month, once."""
    known = [part["estimated_usd"] for part in record["cost"]["parts"]]
    amount = sum(usd for usd in known if usd is not None)
    if not amount:
        return "nothing"
    return "counted" if tenants.spend(run.tenant, run.run, run.ended_at or "", amount) else "counted before"
