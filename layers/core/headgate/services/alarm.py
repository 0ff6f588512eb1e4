"""An alarm rang: find whose it is, record the incident once, and start its answer."""

import re
from dataclasses import dataclass
from typing import Any

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.stepfunctions import Executions
from headgate.domain.alarms import is_guard, standing_alarm
from headgate.domain.errors import BadKeyError
from headgate.domain.incidents import Incident, incident_id, moment
from headgate.domain.names import KIND_TAG, PROJECT_TAG, TENANT_TAG, Project
from headgate.domain.standing_alarms import PARTS


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """What a `CloudWatch Alarm State Change` event says; times as the ledger writes them.

    `watches` is the endpoint configuration in the dimensions of its metrics, where all that have one name the same;
    `since` the earliest datapoint that the state rests on.
    """

    name: str
    arn: str
    state: str
    at: str
    said: str
    watches: str | None
    since: str | None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "AlarmChanged":
        """Read the event, whatever kind of alarm it is about."""
        detail, state = event["detail"], event["detail"]["state"]
        return cls(
            str(detail["alarmName"]),
            str(event["resources"][0]),
            str(state["value"]),
            moment(str(state["timestamp"])),
            str(state.get("reason", ""))[:1000],
            _watched(detail.get("configuration", {}).get("metrics", [])),
            _since(str(state.get("reasonData", ""))),
        )


def open_incident(alarm: AlarmChanged, *, ledger: Ledger, alarms: Alarms, executions: Executions, now: str) -> str:
    """Record the incident that an alarm is, and start its answer; the same alarm told again is the same incident.

    Returns:
        The decision in one word: started, or why nothing was: not ringing, guardrail, part, foreign, unknown.
    """
    if alarm.state != "ALARM":
        return "not ringing"
    if is_guard(alarm.name):
        return "guardrail"  # SageMaker heeds it during a deployment; what serves has alarms of its own
    found = _owner(alarm, ledger, alarms)
    if found is None:
        return "foreign"
    project, kind, watches = found
    if kind in PARTS:
        return "part"  # of a composite alarm, which speaks for it
    if ledger.owner(project.endpoint) != project:
        return "unknown"
    incident = Incident(
        incident_id(project, alarm.name, alarm.at),
        project.tenant,
        project.name,
        alarm.name,
        kind,
        alarm.at,
        now,
        alarm.said,
        watches,
        alarm.since,
    )
    ledger.add_incident(incident)
    executions.start(incident.incident, given_to(incident))
    return "started"


def given_to(incident: Incident) -> dict[str, str]:
    """The input of an incident's execution. It depends on nothing but the incident, so starting twice is one start."""
    return {"tenant": incident.tenant, "project": incident.project, "incident": incident.incident}


def _owner(alarm: AlarmChanged, ledger: Ledger, alarms: Alarms) -> tuple[Project, str, str | None] | None:
    """Whose an alarm is, of which kind, and which release it watches: by its name if it is one of ours, else by its
    tags and its dimensions.
    """
    if (ours := standing_alarm(alarm.name)) is not None:
        endpoint, release, kind = ours
        project = ledger.owner(endpoint)
        return (project, kind, release) if project is not None else None
    tags = alarms.tags(alarm.arn)
    try:
        project = Project(tags[TENANT_TAG], tags[PROJECT_TAG])
    except (KeyError, BadKeyError):
        return None
    return project, tags.get(KIND_TAG, "other"), alarm.watches


def _watched(metrics: list[dict[str, Any]]) -> str | None:
    """The one endpoint configuration that an alarm's metrics are of, or None."""
    stats = [each["metricStat"]["metric"] for each in metrics if "metricStat" in each]
    named = {each.get("dimensions", {}).get("EndpointConfigName") for each in stats}
    return named.pop() if len(named) == 1 else None


_DATAPOINT = re.compile(r'"(?:startDate|timestamp)"\s*:\s*"([^"]+)"')


def _since(data: str) -> str | None:
    """The earliest time in what a state rests on (`reasonData`, JSON in a string)."""
    return min((moment(each) for each in _DATAPOINT.findall(data)), default=None)
