"""An incident ended: the one message that tells people, and the event about its release, of what the ledger holds."""

from collections.abc import Callable

from headgate.aws.events import Bus
from headgate.aws.ledger import Ledger
from headgate.aws.sns import Topic
from headgate.domain.incident_cost import told_cost
from headgate.domain.incidents import BY_HAND, RETRAINING, Incident, IncidentOutcome
from headgate.domain.names import Project
from headgate.domain.notices import answered
from headgate.domain.release_events import of_incident


def announce_incident(
    incident: Incident, *, ledger: Ledger, bus: Bus, topic: Topic, training_cost: Callable[[Project, str], float | None]
) -> str:
    """Tell people of an incident about which something was done, or has to be; subscribers can filter.

    `training_cost` tells what a run's training came to, in USD, where that is known. What became of the rollback is put
    on the bus first, for that may come twice.

    Returns:
        For the log: told, or untold where nothing was done and nobody needs to do anything.
    """
    project = Project(incident.tenant, incident.project)
    made = left = serving = None
    if incident.rollback is not None and incident.release is not None:
        made, left = ledger.release(project, incident.rollback), ledger.release(project, incident.release)
        serving = ledger.head(project).champion
        if (event := of_incident(incident, made, left, serving)) is not None:
            bus.put(event.kind, event.detail)
    if incident.outcome == IncidentOutcome.IGNORED and incident.kind != BY_HAND:
        return "untold"
    if left is None and incident.release is not None and incident.action in RETRAINING:
        left = ledger.release(project, incident.release)
    last = training_cost(project, left.run) if left is not None and incident.action in RETRAINING else None
    notice = answered(incident, made, serving, told_cost(incident, made, left, last))
    topic.publish(notice.subject, notice.message, notice.attributes)
    return "told"
