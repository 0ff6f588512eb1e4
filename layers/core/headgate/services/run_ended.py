"""A run ended: the one message that tells people, and the record of what it was, made from what the ledger holds.

Whoever closed the run, its end passes the ledger's stream; so no ending is untold, and none has no record.
"""

from collections.abc import Mapping
from typing import Any

from headgate.aws.errors import kind_of
from headgate.aws.events import Bus
from headgate.aws.ledger import Ledger
from headgate.aws.sns import Topic
from headgate.aws.tenants import Tenants
from headgate.domain.errors import HeadgateError
from headgate.domain.names import Project
from headgate.domain.notices import ended
from headgate.domain.release_events import of_run
from headgate.domain.runs import Outcome, Run
from headgate.services.experiments import Experiments
from headgate.tracking import Tracking


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


def keep(run: Run, *, experiments: Experiments, tenants: Tenants, tracking: Tracking | None) -> dict[str, str]:
    """Keep what a run was as an experiment, count what it cost, and tell the tracking server where there is one.

    Nothing is raised.

    Returns:
        For the log: what became of the `record`, and of the `tracking` where a server is named.
    """
    if run.state == Outcome.SUPERSEDED:  # it never began
        return {}
    record = experiments.record(run)
    if record is None:
        return {"record": "not written"}
    kept = {"record": "written", "cost": _spend(run, record, tenants)}
    if tracking is None:
        return kept
    refused = tracking.tell(record)
    return {**kept, "tracking": f"not told: {refused}" if refused else "told"}


def _spend(run: Run, record: Mapping[str, Any], tenants: Tenants) -> str:
    """Count what is known of a run's cost to its tenant's month, once."""
    known = [part["estimated_usd"] for part in record["cost"]["parts"]]
    amount = sum(usd for usd in known if usd is not None)
    if not amount:
        return "nothing"
    try:
        return "counted" if tenants.spend(run.tenant, run.run, run.ended_at or "", amount) else "counted before"
    except HeadgateError as error:
        return f"not counted: {error}"
    except Exception as error:  # the run has ended; nothing that this meets may undo that
        return f"not counted: {kind_of(error)}"
