"""`headgate retrain`: the event that it puts on the bus, and what it tells of the run that follows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest

from headgate.aws.ledger import Ledger
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main
from headgate_cli.retraining import retrain_facts

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "events/schemas/retrain-requested.json").read_text())


class Bus:
    """A bus behind which a request becomes a run at once."""

    def __init__(self, ledger: Ledger, make_run: Callable[..., Any], changes: dict[str, Any]) -> None:
        self._ledger, self._make_run, self._changes = ledger, make_run, changes
        self.detail: dict[str, Any] = {}

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:
        [entry] = Entries
        assert entry["DetailType"] == "RetrainRequested"
        self.detail = json.loads(entry["Detail"])
        jsonschema.validate(self.detail, SCHEMA)
        retrain = {"request": self.detail["request"]}
        self._ledger.add_run(self._make_run("0123456789", retrain=retrain, **self._changes))
        return {"FailedEntryCount": 0}


@pytest.fixture
def on_the_bus(
    aws: boto3.Session, ledger: Ledger, make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Bus]:
    def behind(**changes: Any) -> Bus:
        bus, ours = Bus(ledger, make_run, changes), Cloud.client
        found = Cloud(aws, "headgate", None, {"LedgerTable": "ledger"})
        monkeypatch.setattr(connection, "connect", lambda _stack: found)
        monkeypatch.setattr(Cloud, "client", lambda cloud, name: bus if name == "events" else ours(cloud, name))
        return bus

    return behind


def test_it_tells_the_run_that_a_request_led_to(
    on_the_bus: Callable[..., Bus], capsys: pytest.CaptureFixture[str]
) -> None:
    bus = on_the_bus()
    assert main(["retrain", "--project", "iris", "--window", "last: 3", "--reason", "new labels", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["outcome"]) == ("demo-iris-0123456789", None)
    assert bus.detail["window"] == "last:3"
    assert bus.detail["reason"] == "user/moto asked for it: new labels"


def test_a_request_that_repeats_what_was_trained_is_told_at_once(
    on_the_bus: Callable[..., Bus], capsys: pytest.CaptureFixture[str]
) -> None:
    on_the_bus(state="REJECTED", reason_code="NOTHING_NEW", reason="It was trained before.", ended_at="2026")
    assert main(["retrain", "--project", "iris", "--wait"]) == 3
    assert "It was trained before." in capsys.readouterr().out


def test_a_window_that_is_none_is_not_asked_for(
    on_the_bus: Callable[..., Bus], capsys: pytest.CaptureFixture[str]
) -> None:
    bus = on_the_bus()
    assert main(["retrain", "--project", "iris", "--window", "some", "--json"]) == 2
    assert "days: 90" in json.loads(capsys.readouterr().out)["error"]
    assert bus.detail == {}


def test_a_run_tells_who_asked_for_it_and_what_is_in_it() -> None:
    asked = {"reason": "New labels.", "by": "com.example.lake", "window": "all", "of": ["a", "b"]}
    left = [{"name": "june.csv", "why": "it is deleted"}]
    assert retrain_facts(None) == {}
    assert retrain_facts({**asked, "left_out": left}) == {
        "asked for": "New labels. (com.example.lake)",
        "made of": "2 datasets (window all)",
        "left out": "june.csv: it is deleted",
    }
