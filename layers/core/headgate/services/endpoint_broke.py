"""An endpoint broke: record the incident once, and start its answer, as an alarm's."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.stepfunctions import Executions
from headgate.domain.incidents import BROKEN, ENDPOINT, Incident, incident_id, moment
from headgate.services.alarm import given_to

EVENT = "SageMaker Endpoint State Change"


@dataclass(frozen=True, slots=True)
class EndpointBroke:
    """What the event says: which endpoint, how it is, and since when, as the ledger writes times."""

    endpoint: str
    status: str
    at: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "EndpointBroke":
        """Read the event. SageMaker may tell one change more than once; the time of the change is the same in all."""
        detail = event["detail"]
        changed = detail.get("LastModifiedTime")
        at = datetime.fromtimestamp(changed / 1000, UTC).isoformat() if changed else str(event["time"])
        return cls(str(detail["EndpointName"]), str(detail["EndpointStatus"]), moment(at))


def open_repair(broke: EndpointBroke, *, ledger: Ledger, executions: Executions, now: str) -> str:
    """Record the incident that a broken endpoint is, and start its answer; the same event again is the same incident.

    Returns:
        The decision in one word: started, or why nothing was: foreign, whole.
    """
    if (status := BROKEN.get(broke.status)) is None:
        return "whole"
    project = ledger.owner(broke.endpoint)
    if project is None:
        return "foreign"
    name = incident_id(project, ENDPOINT, broke.at)
    said = f"SageMaker says that the endpoint is {status}."
    incident = Incident(name, project.tenant, project.name, ENDPOINT, ENDPOINT, broke.at, now, said)
    ledger.add_incident(incident)
    executions.start(incident.incident, given_to(incident))
    return "started"
