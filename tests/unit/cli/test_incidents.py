"""`headgate incidents`, `explain` and `rollback`."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import IncidentMoved, ReleaseMoved, ReleasePlanned
from headgate.domain.incidents import BY_HAND, Incident, IncidentState, incident_id
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import Champion
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

IRIS = Project("demo", "iris")
AT, LATER = "2026-01-31T08:30:12.983Z", "2026-01-31T08:30:16.100Z"
NAME = incident_id(IRIS, "headgate-demo-iris-r2.errors", AT)


class Answering:
    """A state machine that closes the incident which it is started for, as `respond` would."""

    def __init__(self, ledger: Ledger, outcome: str) -> None:
        self._ledger, self._outcome = ledger, outcome

    def start_execution(self, name: str, input: str, **_more: str) -> None:
        asked = self._ledger.incident(IRIS, name)
        assert asked is not None
        assert json.loads(input) == {"tenant": "demo", "project": "iris", "incident": name}
        close(self._ledger, name, outcome=self._outcome, action="rollback", reason="asked for", done="Done.")


def close(ledger: Ledger, name: str, **facts: Any) -> None:
    over = IncidentMoved(name, IncidentState.OPEN, IncidentState.CLOSED, {**facts, "ended_at": LATER})
    ledger.write(IRIS, ledger.head(IRIS), over)


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    found = Cloud(aws, "headgate", None, {"LedgerTable": "ledger", "RespondStateMachine": "arn:respond"})
    monkeypatch.setattr(connection, "connect", lambda _stack: found)
    ledger.add_incident(Incident(NAME, "demo", "iris", "headgate-demo-iris-r2.errors", "errors", AT, AT, "It rings."))
    close(ledger, NAME, action="rollback", reason="It serves badly.", release=2, outcome="ROLLED_BACK", done="Back.")
    return found


@pytest.fixture
def served(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Any]) -> Cloud:
    """Version 1 serves."""
    ledger.add_run(make_run("a"))
    values: dict[str, Any] = dict.fromkeys(("dataset", "holdout", "model_data_url", "instance_type"), "x")
    release = Release(
        1, "demo-iris-a", version="1", name="r1", endpoint="demo-iris", why="Better.", state="PLANNED", at=AT,
        instance_count=1, **values,
    )  # fmt: skip
    head = replace(ledger.write(IRIS, ledger.head(IRIS), ReleasePlanned(release)), champion=Champion(1, "1", "x", "x"))
    ledger.write(IRIS, head, ReleaseMoved(1, ReleaseState.PLANNED, ReleaseState.IN_SERVICE, AT))
    return cloud


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("whose", [[], ["--project", "iris"]])
def test_incidents_tell_what_was_done_and_why(whose: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incidents", *whose, "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["incidents"]
    expected = {
        "alarm": "headgate-demo-iris-r2.errors",
        "action": "rollback",
        "reason": "It serves badly.",
        "release": 2,
        "at": AT,
        "seconds": pytest.approx(3.117),
    }
    assert {key: told[key] for key in expected} == expected
    assert main(["incidents", *whose]) == 0
    assert "ROLLED_BACK" in capsys.readouterr().out
    assert main(["incidents", "--tenant", "nobody"]) == 0
    assert "No alarm of nobody rang yet." in capsys.readouterr().out
    assert (told["tenant"], told["project"]) == ("demo", "iris")


@pytest.mark.usefixtures("cloud")
def test_an_incident_is_explained_by_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", NAME]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("It rings.", "It serves badly.", "Back.", "3.1 s"))
    assert "unfreeze" not in said


def test_an_incident_that_froze_its_project_says_how_that_is_lifted(
    cloud: Cloud, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    name = incident_id(IRIS, "headgate-demo-iris-r2.latency", AT)
    ledger.add_incident(Incident(name, "demo", "iris", "latency", "latency", AT, AT, "It is slow."))
    close(ledger, name, action="rollback", outcome="NOT_ROLLED_BACK", done="Nothing before it.", freezes=True)
    assert main(["explain", name]) == 0
    assert "`headgate unfreeze --project iris --tenant demo`" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("cloud")
def test_what_there_is_no_incident_of_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "demo-iris-20260131T083012-ffffffff", "--json"]) == 2
    assert "headgate incidents" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("outcome", "code"), [("ROLLED_BACK", 0), ("IGNORED", 4), ("NOT_ROLLED_BACK", 4), ("FAILED", 5)]
)
def test_a_rollback_by_hand_ends_as_its_incident_did(
    served: Cloud,
    ledger: Ledger,
    outcome: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = Cloud.client
    monkeypatch.setattr(
        Cloud,
        "client",
        lambda self, service: Answering(ledger, outcome) if service == "stepfunctions" else ours(self, service),
    )
    assert main(["rollback", "--project", "iris", "--to", "1", "--reason", "it guesses", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["alarm"], told["outcome"], told["said"]) == (BY_HAND, outcome, "it guesses")
    asked = ledger.incident(IRIS, told["incident"])
    assert asked is not None
    assert (asked.to, asked.anyway, asked.by) == ("1", False, connection.user_name(served))


@pytest.mark.usefixtures("cloud")
def test_nothing_is_asked_for_where_nothing_serves() -> None:
    assert main(["rollback", "--project", "iris", "--json"]) == 2


@pytest.mark.usefixtures("served")
def test_a_version_that_never_served_is_not_gone_back_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--project", "iris", "--to", "9", "--json"]) == 2
    assert "Those that did: 1." in json.loads(capsys.readouterr().out)["error"]
