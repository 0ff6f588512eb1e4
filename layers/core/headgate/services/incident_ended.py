"""An incident ended: the one message that tells people, made from what the ledger holds."""

from headgate.domain.incidents import BY_HAND, Answered, Incident
from headgate.services.run_ended import Topic


def announce_incident(incident: Incident, *, topic: Topic) -> str:
    """Tell people of an incident about which something was done, or has to be; subscribers can filter.

    Returns:
        For the log: told, or untold where nothing was done and nobody needs to do anything.
    """
    if incident.outcome == Answered.IGNORED and incident.kind != BY_HAND:
        return "untold"
    subject = f"{incident.tenant}/{incident.project}: {incident.outcome}"
    attributes = {"tenant": incident.tenant, "project": incident.project, "outcome": str(incident.outcome)}
    topic.publish(subject, message(incident), attributes)
    return "told"


def message(incident: Incident) -> str:
    """What happened, what was done, what it took, what a person should do, and the commands."""
    named = f"--tenant {incident.tenant} --project {incident.project}"
    seconds = f"{incident.seconds:.1f} s" if incident.seconds is not None else "not known"
    page = f"What to do: docs/runbooks/{incident.runbook}.md\n" if incident.runbook else ""
    frozen = (
        f"Frozen: nothing new is put in service until somebody has looked: headgate unfreeze {named}\n"
        if incident.freezes
        else ""
    )
    return (
        f"{incident.done}\n\n"
        f"What happened: {incident.alarm} ({incident.kind}) at {incident.at}. {incident.said}\n"
        f"What was decided: {incident.action}. {incident.reason}\n"
        f"What it took: {seconds} from the alarm to the end of the answer.\n"
        f"{page}{frozen}\n"
        f"More: headgate explain {incident.incident}\n"
        f"What serves: headgate releases {named}\n"
    )
