"""Look again at an alarm that rang: it tells nothing while it stays red, so what is red still is an incident anew."""

from dataclasses import dataclass

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.stepfunctions import Executions
from headgate.domain.errors import NotFoundError
from headgate.domain.incidents import again
from headgate.services.alarm import given_to
from headgate.services.commands import OfIncident


@dataclass(frozen=True, slots=True)
class LookAgain(OfIncident):
    """The command: which incident's alarm."""


def look_again(command: LookAgain, *, ledger: Ledger, alarms: Alarms, executions: Executions, now: str) -> str:
    """Look, and open the next incident of an alarm that is red still. Safe to repeat: the next one has one name.

    An alarm that was quiet meanwhile and rang again has told so itself, and is not opened here.

    Returns:
        The decision in one word: quiet, told by itself, or red.
    """
    incident = ledger.incident(command.project, command.incident)
    if incident is None:
        raise NotFoundError(f"Incident {command.incident} is not in the ledger of {command.project.endpoint}.")
    alarm = alarms.now(incident.alarm)
    if alarm is None or alarm.state != "ALARM":
        return "quiet"
    if alarm.since > incident.at:
        return "told by itself"
    following = again(incident, now)
    ledger.add_incident(following)
    executions.start(following.incident, given_to(following))
    return "red"
