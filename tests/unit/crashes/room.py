"""What answers alarms, in an account in memory: from the event to the closed incident."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from prove.recorder import acting

from headgate.aws.stepfunctions import Executions
from headgate.domain.alarms import standing_name
from headgate.domain.incidents import Incident
from headgate.domain.names import Project
from headgate.domain.rules import Rules
from headgate.services.alarm import AlarmChanged, open_incident
from headgate.services.close_incident import CloseIncident, close_incident
from headgate.services.decide_response import DecideResponse, World, decide_response

from .account import Account, Clients
from .road import IRIS, Road, Scenario

EXAMPLE = Path(__file__).resolve().parents[3] / "events/examples/cloudwatch-alarm-state-change.json"
_MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:headgate-respond"
SERVED = Scenario("two versions served", served=("a", "b"), runs=())
ERRORS = standing_name("demo-iris-r2", "errors")


def event(name: str, at: str = "2026-01-31T08:30:12.983+0000", state: str = "ALARM", **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(EXAMPLE.read_text())
    told["resources"] = [f"arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{name}"]
    told["detail"] |= {"alarmName": name, **more}
    told["detail"]["state"] |= {"value": state, "timestamp": at}
    return told


class Room:
    """What answers alarms, in one account."""

    def __init__(self, clients: Clients, account: Account) -> None:
        clients.account = self.account = account
        self.road = Road(clients, account, SERVED)
        self.ledger, self.alarms = self.road.ledger, self.road.alarms
        self.executions = Executions(clients["stepfunctions"], _MACHINE, starting=clients["stepfunctions"])
        self.rules = Rules()

    def hear(self, told: dict[str, Any], now: str = "2026-01-31T08:30:13.000Z") -> str:
        alarm = AlarmChanged.parse(told)
        with acting("roads", "OnAlarm"):
            return open_incident(alarm, ledger=self.ledger, alarms=self.alarms, executions=self.executions, now=now)

    def ring(self, name: str, at: str, state: str = "ALARM", active: bool = True) -> None:
        """The alarm is so, since a time as the ledger writes it."""
        known = {"AlarmName": name, "StateValue": state, "ActionsEnabled": active}
        self.account.alarms[name] = {
            **known,
            "StateTransitionedTimestamp": datetime.fromisoformat(at),
            "StateUpdatedTimestamp": self.account.now,  # CloudWatch moves it on while the alarm stays as it is
        }

    def decide(self, incident: Incident, now: str = "2026-01-31T08:30:13.500Z") -> dict[str, Any]:
        project = Project(incident.tenant, incident.project)
        world = World(self.ledger, self.alarms, self.road.endpoints, lambda _project: self.rules)
        with acting("roads", "DecideResponse"):
            return decide_response(DecideResponse(project, incident.incident), world, now=now)

    def close(self, incident: Incident, now: str = "2026-01-31T08:30:16.000Z", **told: Any) -> dict[str, Any]:
        command = CloseIncident(Project(incident.tenant, incident.project), incident.incident, **told)
        road = self.road
        return close_incident(
            command, ledger=self.ledger, open_endpoints=lambda: road.endpoints, tasks=road.tasks, now=now
        )

    def only(self) -> Incident:
        [incident] = self.ledger.incidents(IRIS)
        return incident
