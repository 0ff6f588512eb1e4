"""From the alarm's event to the incident's end: on the account in memory, with the real adapters."""

import json
import random
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from prove.recorder import acting

from headgate.aws.cloudwatch import Alarms
from headgate.aws.items import as_item
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import IncidentMoved
from headgate.domain.alarms import alarm_names, sequence_of, standing_name
from headgate.domain.freezes import Freeze
from headgate.domain.incidents import RETRAINING, ROLLING_BACK, Action, Incident, IncidentState
from headgate.domain.names import Project
from headgate.domain.policy import LOOKS
from headgate.domain.rollout import Wishes
from headgate.domain.rules import DEFAULTS, Rules
from headgate.domain.runs import Champion, Ending, Outcome
from headgate.domain.standing_alarms import Patience, standing_alarms
from headgate.services.close_incident import close_incident
from headgate.services.execution_ended import stopped_incident
from headgate.services.incident_ended import announce_incident
from headgate.services.look_again import LookAgain, look_again

from .road import IRIS
from .room import ERRORS, Room, event


def test_alarms_of_what_no_longer_serves_are_gone_with_the_composite_one_first(room: Room) -> None:
    for number in (3, 4):
        standing, drift = standing_alarms(IRIS.release_name(number), IRIS, Wishes(), Patience(2, 60, 3), "ml.m5.xlarge")
        for alarm in standing:
            room.alarms.ensure(alarm, {})
        room.alarms.combine(drift, {})
    assert "Metrics" in room.account.alarms[standing_name("demo-iris-r3", "cost")]
    room.alarms.retire(IRIS.endpoint, 5, champion=2)
    assert {sequence_of(name, IRIS.endpoint) for name in room.account.alarms} == {2}


def test_an_alarm_told_twice_is_one_incident_and_one_execution(room: Room) -> None:
    assert [room.hear(event(ERRORS)) for _ in range(3)] == ["started"] * 3
    incident = room.only()
    assert (incident.alarm, incident.kind, incident.watches) == (ERRORS, "errors", "demo-iris-r2")
    assert (incident.at, incident.since) == ("2026-01-31T08:30:12.983Z", "2026-01-31T08:30:00.000Z")
    assert [name for name in room.account.executions if name.startswith("demo-iris-2026")] == [incident.incident]


def test_an_alarm_that_rings_again_is_another_incident(room: Room) -> None:
    for minute in (30, 31):
        room.hear(event(ERRORS, f"2026-01-31T08:{minute}:12.983+0000"))
    assert len(room.ledger.incidents(IRIS)) == 2


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        (event(ERRORS, state="OK"), "not ringing"),
        (event(alarm_names("demo-iris-r2")[0]), "guardrail"),
        (event(standing_name("demo-iris-r2", "data_drift")), "part"),
        (event(standing_name("acme-wards-r1", "errors")), "foreign"),
    ],
)
def test_what_is_not_ours_to_answer_costs_nothing(room: Room, told: dict[str, Any], decision: str) -> None:
    assert room.hear(told) == decision
    assert room.ledger.incidents(IRIS) == []
    assert room.account.made["PutItem"] == room.account.made["StartExecution"] == 0


@pytest.mark.parametrize(
    ("tags", "decision", "kind"),
    [
        ({"headgate:tenant": "demo", "headgate:project": "iris", "headgate:kind": "cost"}, "started", "cost"),
        ({"headgate:tenant": "demo", "headgate:project": "iris"}, "started", "other"),
        ({"headgate:tenant": "acme", "headgate:project": "wards"}, "unknown", None),
        ({"headgate:tenant": "demo-iris", "headgate:project": "x"}, "foreign", None),
        ({"team": "ops"}, "foreign", None),
    ],
)
def test_an_alarm_of_ones_own_joins_by_its_tags(
    room: Room, tags: dict[str, str], decision: str, kind: str | None
) -> None:
    class Tagged(Alarms):
        def tags(self, arn: str) -> dict[str, str]:
            assert arn.endswith(":alarm:my own")
            return tags

    room.alarms = Tagged(None, None)
    assert room.hear(event("my own", configuration={"metrics": []})) == decision
    assert [each.kind for each in room.ledger.incidents(IRIS)] == ([kind] if kind else [])


def test_a_decision_is_written_down_with_its_reason_and_stands(room: Room) -> None:
    room.hear(event(ERRORS))
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    decided = room.decide(room.only())
    assert (decided["action"], decided["release"], room.only().state) == ("rollback", 2, IncidentState.DECIDED)
    room.ring(ERRORS, "2026-01-31T08:31:00.000Z", "OK")
    assert room.decide(room.only()) == decided


def test_an_ok_that_came_first_is_heeded(room: Room) -> None:
    room.ring(ERRORS, "2026-01-31T08:30:20.000Z", "OK")
    room.hear(event(ERRORS))
    decided = room.decide(room.only())
    assert (decided["action"], "OK again" in decided["reason"]) == ("ignore", True)


def test_of_two_alarms_at_once_one_acts(room: Room) -> None:
    for kind in ("errors", "latency"):
        name = standing_name("demo-iris-r2", kind)
        room.ring(name, "2026-01-31T08:30:12.983Z")
        room.hear(event(name))
    actions = [room.decide(each)["action"] for each in room.ledger.incidents(IRIS)]
    assert sorted(actions) == ["ignore", "rollback"]


def test_what_is_red_still_is_an_incident_anew_and_not_for_ever(room: Room) -> None:
    mine = standing_name("demo-iris-r2", "traffic")
    room.ring(mine, "2026-01-31T08:30:12.983Z")
    room.hear(event(mine))
    last, said = room.only(), []
    for look in range(LOOKS + 3):
        decided = room.decide(last, f"2026-01-31T{9 + look // 4:02}:{15 * (look % 4):02}:00.000Z")
        room.close(last)
        said.append(decided["action"])
        if decided["look_again"] is None:
            break
        for _ in range(2):  # the task comes twice
            assert _again(room, last) == "red"
        last = next(each for each in room.ledger.incidents(IRIS) if each.look == look + 1)
    assert said[0] == "page"
    assert len(said) == 1, "what people are told of is theirs"
    room.ring(mine, "2026-01-31T10:00:00.000Z", "OK")
    assert _again(room, last) == "quiet"
    room.ring(mine, "2026-01-31T10:05:00.000Z")
    assert _again(room, last) == "told by itself"


def _again(room: Room, incident: Incident) -> str:
    command = LookAgain(IRIS, incident.incident)
    with acting("roads", "LookAgain"):
        return look_again(command, ledger=room.ledger, alarms=room.alarms, executions=room.executions, now=incident.at)


@pytest.mark.parametrize(
    ("told", "outcome", "runbook"),
    [
        ({"rollback": Ending(Outcome.PROMOTED, "SERVING", "It serves.")}, "ROLLED_BACK", "rolled-back"),
        (
            {"rollback": Ending(Outcome.NOT_PROMOTED, "NO_VERSION_BEFORE", "None.")},
            "NOT_ROLLED_BACK",
            "nothing-to-go-back-to",
        ),
        (
            {"rollback": Ending(Outcome.NOT_PROMOTED, "TAKEN_OUT_OF_SERVICE", "None.")},
            "TAKEN_OUT_OF_SERVICE",
            "taken-out-of-service",
        ),
        ({"rollback": Ending(Outcome.NOT_PROMOTED, "ANOTHER_SERVES", "Release 3.")}, "IGNORED", None),
        ({"rollback": Ending(Outcome.ROLLED_BACK, "UPDATE_ROLLED_BACK", "No.")}, "FAILED", "rollback-failed"),
        ({"failure": Ending(Outcome.FAILED, "X", "AWS refused.")}, "FAILED", "incident-failed"),
        ({"retraining": True}, "RETRAINING_ASKED_FOR", "rolled-back"),
    ],
)
def test_what_came_of_an_incident_is_told_once(
    room: Room, told: dict[str, Any], outcome: str, runbook: str | None
) -> None:
    room.hear(event(ERRORS))
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    room.decide(room.only())
    first = room.close(room.only(), **told)
    assert (first["outcome"], first["runbook"]) == (outcome, runbook)
    assert room.close(room.only(), failure=Ending(Outcome.FAILED, "X", "Later.")) == first
    assert room.only().seconds == pytest.approx(3.017)
    topic = Told()
    told_of = announce_incident(
        room.only(), ledger=room.ledger, bus=topic, topic=topic, training_cost=lambda _project, _run: 0.25
    )
    assert told_of == ("told" if runbook else "untold")
    for message in topic.messages:
        assert f"docs/runbooks/{runbook}.md" in message
        assert f"headgate explain {room.only().incident}" in message
        assert "What it cost: " in message
        assert (Path(__file__).resolve().parents[3] / f"docs/runbooks/{runbook}.md").exists()


def test_a_retraining_that_was_not_asked_for_behind_a_rollback_is_told_with_what_to_do(room: Room) -> None:
    room.hear(event(ERRORS))
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    room.rules = Rules(answers={**DEFAULTS, "errors": Action.ROLLBACK_THEN_RETRAIN})
    assert room.decide(room.only())["action"] == "rollback-then-retrain"
    back = Ending(Outcome.PROMOTED, "SERVING", "It serves.")
    closed = room.close(room.only(), rollback=back, failure=Ending(Outcome.FAILED, "X", "The bus is away."))
    assert closed["outcome"] == "ROLLED_BACK"
    assert "headgate retrain --tenant demo --project iris" in closed["done"]


@pytest.mark.parametrize("standing", [None, "2026-02-01T00:00:00.000Z", "-"])
def test_an_incident_that_people_have_to_look_at_freezes_the_project_and_says_so(
    room: Room, standing: str | None
) -> None:
    """Once by its decision, once by its end; a freeze that somebody has to lift is left as it is."""
    mine = Freeze("ada", "The auditors come.", "2026-01-01T00:00:00.000Z", None if standing == "-" else standing)
    for way in ("decided", "closed"):
        if standing is not None:
            room.ledger.write(IRIS, replace(room.ledger.head(IRIS), freeze=mine))
        if way == "decided":
            room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
            room.hear(event(ERRORS))
            tried = Incident("demo-iris-20260131T080000-00000000", "demo", "iris", "x", "errors", *["2026"] * 2)
            facts = {"action": "rollback", "release": 2, "state": IncidentState.CLOSED, "done": "No."}
            room.ledger.add_incident(replace(tried, **facts))
            incident = next(each for each in room.ledger.incidents(IRIS) if each.state == IncidentState.OPEN)
            assert room.decide(incident)["freezes"]
            room.close(incident)
        else:
            room.ledger.write(IRIS, replace(room.ledger.head(IRIS), freeze=mine if standing else None))
            room.hear(event(ERRORS, "2026-01-31T08:31:12.983+0000"))
            incident = next(each for each in room.ledger.incidents(IRIS) if each.state == IncidentState.OPEN)
            room.ledger.write(
                IRIS,
                room.ledger.head(IRIS),
                IncidentMoved(incident.incident, IncidentState.OPEN, IncidentState.DECIDED, {"action": "rollback"}),
            )
            room.close(incident, rollback=Ending(Outcome.NOT_PROMOTED, "NO_VERSION_BEFORE", "None."))
        freeze = room.ledger.head(IRIS).freeze
        assert freeze is not None
        assert (freeze.who, freeze.incident) == (("ada", None) if standing == "-" else ("policy", incident.incident))
        topic = Told()
        over = next(each for each in room.ledger.incidents(IRIS) if each.incident == incident.incident)
        announce_incident(over, ledger=room.ledger, bus=topic, topic=topic, training_cost=lambda *_: None)
        assert "headgate unfreeze --tenant demo --project iris" in topic.messages[0]


class Told:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def publish(self, _subject: str, message: str, _attributes: dict[str, str]) -> None:
        self.messages.append(message)

    def put(self, kind: str, _detail: Any) -> None:
        raise AssertionError(f"no release was made, but the bus hears {kind}")


def test_a_storm_of_alarms_is_one_action_for_each_endpoint_within_the_budget(room: Room) -> None:
    """500 alarms over 50 endpoints of two tenants, told twice and in any order."""
    dice, projects = random.Random(7), [Project(("demo", "acme")[n % 2], f"p{n}") for n in range(50)]
    for project in projects:
        _serve(room, project)
    kinds = ["errors", "latency", "drift", "quality", "traffic"]
    rings = [
        (standing_name(project.release_name(2), kind), f"2026-01-31T08:30:{second:02}.{n:03}+0000")
        for n, project in enumerate(projects)
        for kind in kinds
        for second in (10, 40)
    ]
    assert len(rings) == 500
    told = [event(*ring) for ring in rings] * 2
    dice.shuffle(told)
    for each in told:
        room.ring(each["detail"]["alarmName"], "2026-01-31T08:30:40.999Z")
        assert room.hear(each) == "started"
    every = [(project, each) for project in projects for each in room.ledger.incidents(project)]
    assert len(every) == 500, "none is lost, and none is there twice"
    dice.shuffle(every)
    for _, incident in every:
        room.decide(incident)

    done = [(project, each) for project in projects for each in room.ledger.incidents(project)]
    assert all(each.reason and each.action for _, each in done), "all are explained"
    acts = Counter(project for project, each in done if each.action in ROLLING_BACK | RETRAINING)
    assert set(acts.values()) <= {1}, "at most one action for each endpoint"
    asked = Counter(each.tenant for _, each in done if each.action in RETRAINING)
    assert max(asked.values()) <= room.rules.tenant_retrains_per_day
    assert {each.action for _, each in done} >= {Action.ROLLBACK, Action.RETRAIN, Action.PAGE, Action.IGNORE}


def _serve(room: Room, project: Project) -> None:
    """The project serves its second release, as iris does."""
    ledger: Ledger = room.ledger
    assert ledger.claim_endpoint(project)
    release = ledger.release(IRIS, 2)
    assert release is not None

    mine = replace(release, name=project.release_name(2), endpoint=project.endpoint)
    key = (f"{project.tenant}#{project.name}", "RELEASE#00000002")
    room.account.items[key] = as_item({"pk": key[0], "sk": key[1], **asdict(mine)})
    head = ledger.head(project)
    champion = Champion(2, mine.version, mine.dataset, mine.model_data_url)
    ledger.write(project, replace(head, champion=champion, next_release=3))


@pytest.mark.parametrize(
    ("status", "said"), [("ABORTED", "stopped by hand"), ("TIMED_OUT", "longer than it may"), ("FAILED", "No.")]
)
def test_an_answer_that_stopped_on_its_way_is_closed_and_told(room: Room, status: str, said: str) -> None:
    room.hear(event(ERRORS))
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    room.decide(room.only())
    given = {"tenant": "demo", "project": "iris", "incident": room.only().incident}
    detail = {"status": status, "input": json.dumps(given), "error": "AccessDeniedError", "cause": "No."}
    command = stopped_incident({"detail": detail})
    assert command is not None
    road = room.road
    for _ in range(2):
        close_incident(
            command, ledger=room.ledger, open_endpoints=lambda: road.endpoints, tasks=road.tasks, now="2026-02-01"
        )
    assert (room.only().outcome, said in str(room.only().done)) == ("FAILED", True)
    assert stopped_incident({"detail": {**detail, "input": json.dumps({**RUN_INPUT})}}) is None


RUN_INPUT = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
