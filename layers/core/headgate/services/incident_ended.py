"""An incident ended: the one message that tells people, and the event about its release, of what the ledger holds."""

from headgate.aws.ledger import Ledger
from headgate.domain.incidents import BY_HAND, Answered, Incident
from headgate.domain.names import Project
from headgate.domain.notices import answered
from headgate.domain.release_events import of_incident
from headgate.services.run_ended import Bus, Topic


def announce_incident(incident: Incident, *, ledger: Ledger, bus: Bus, topic: Topic) -> str:
    """Tell people of an incident about which something was done, or has to be; subscribers can filter.

    What became of its rollback is put on the bus first, for that may come twice.

    Returns:
        For the log: told, or untold where nothing was done and nobody needs to do anything.
    """
    made = serving = None
    if incident.rollback is not None and incident.release is not None:
        project = Project(incident.tenant, incident.project)
        made, left = ledger.release(project, incident.rollback), ledger.release(project, incident.release)
        serving = ledger.head(project).champion
        if (event := of_incident(incident, made, left, serving)) is not None:
            bus.put(event.kind, event.detail)
    if incident.outcome == Answered.IGNORED and incident.kind != BY_HAND:
        return "untold"
    notice = answered(incident, made, serving)
    topic.publish(notice.subject, notice.message, notice.attributes)
    return "told"
