"""From the event of an endpoint that broke to what came of it; see `test_rollbacks` for what it goes back to."""

import json
from dataclasses import replace

import pytest
from prove.recorder import acting

from headgate.domain.incidents import Incident, IncidentState
from headgate.domain.runs import Ending, Outcome
from headgate.services.deploy_release import watch_over
from headgate.services.endpoint_broke import EndpointBroke, open_repair

from .road import IRIS
from .room import EXAMPLE, Room


@pytest.mark.parametrize(
    ("status", "endpoint", "said"),
    [
        ("FAILED", "demo-iris", "started"),
        ("UPDATE_ROLLBACK_FAILED", "demo-iris", "started"),
        ("IN_SERVICE", "demo-iris", "whole"),
        ("FAILED", "acme-wards", "foreign"),
    ],
)
def test_an_endpoint_that_broke_is_one_incident_however_often_it_is_told(
    room: Room, status: str, endpoint: str, said: str
) -> None:
    told = json.loads((EXAMPLE.parent / "sagemaker-endpoint-state-change.json").read_text())
    told["detail"] |= {"EndpointName": endpoint, "EndpointStatus": status}
    for second in ("13", "14", "15"):
        broke = EndpointBroke.parse({**told, "time": f"2026-01-31T08:30:{second}Z"})
        assert open_repair(broke, ledger=room.ledger, executions=room.executions, now=told["time"]) == said
    if said == "started":
        assert (room.only().kind, room.only().at) == ("endpoint", "2026-01-31T08:30:22.000Z")
        assert room.only().incident in room.account.executions
        assert room.account.endpoint is not None
        api = {"FAILED": "Failed", "UPDATE_ROLLBACK_FAILED": "UpdateRollbackFailed"}[status]
        room.account.endpoint = {**room.account.endpoint, "EndpointStatus": api}
        decided = room.decide(room.only())
        assert (decided["action"], decided["freezes"]) == (
            ("rollback", False) if status == "FAILED" else ("page", True)
        )
    else:
        assert room.ledger.incidents(IRIS) == []


@pytest.mark.parametrize(
    ("ending", "outcome", "frozen"),
    [
        (Ending(Outcome.PROMOTED, "SERVING", "It serves."), "REPAIRED", False),
        (Ending(Outcome.FAILED, "ENDPOINT_FAILED", "No."), "FAILED", True),
        (Ending(Outcome.NOT_PROMOTED, "NOTHING_DEPLOYABLE", "None."), "FAILED", True),
        (Ending(Outcome.NOT_PROMOTED, "WHOLE_AGAIN", "It is."), "IGNORED", False),
    ],
)
def test_what_came_of_a_repair_is_told_and_one_in_vain_freezes(
    room: Room, ending: Ending, outcome: str, frozen: bool
) -> None:
    name = "demo-iris-20260131T080000-00000000"
    broke = Incident(name, "demo", "iris", "endpoint", "endpoint", *["2026-01-31T08:00:00.000Z"] * 2)
    room.ledger.add_incident(replace(broke, state=IncidentState.DECIDED, action="rollback", release=2))
    closed = room.close(room.only(), rollback=ending)
    assert (closed["outcome"], room.ledger.head(IRIS).freeze is not None) == (outcome, frozen)


def test_alarms_that_somebody_deleted_are_made_again_and_those_that_are_there_are_let_be(room: Room) -> None:
    champion = room.ledger.release(IRIS, 2)
    assert champion is not None
    standing = {name: alarm for name, alarm in room.account.alarms.items() if name.startswith("headgate-demo-iris-r2.")}
    kept = "headgate-demo-iris-r2.errors"
    room.account.alarms = {kept: standing[kept]}
    with acting("roads", "Reconcile"):
        watch_over(IRIS, champion, room.alarms, {}, there={kept})
    assert room.account.alarms.keys() == standing.keys()
    assert room.account.alarms[kept] is standing[kept]
    assert any("AlarmRule" in alarm for alarm in room.account.alarms.values())
