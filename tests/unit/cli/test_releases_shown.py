"""`headgate releases --at TIME`: what served then, and why."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleaseMoved, ReleasePlanned
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import Ending, Outcome
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

IRIS = Project("demo", "iris")


@pytest.fixture
def served(aws: boto3.Session, ledger: Ledger, make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Release 1 serves from January on, release 2 from February on."""
    cloud = Cloud(aws, "headgate", None, {"LedgerTable": "ledger"})
    monkeypatch.setattr(connection, "connect", lambda _stack: cloud)
    for sequence, month in ((1, "01"), (2, "02")):
        run = make_run(f"run{sequence}")
        ledger.add_run(run)
        values: dict[str, Any] = dict.fromkeys(("dataset", "holdout", "model_data_url", "instance_type"), "x")
        release = Release(
            sequence, run.run, version=str(sequence), name=f"r{sequence}", endpoint="demo-iris", why="It is better.",
            state="PLANNED", at="", instance_count=1, **values,
        )  # fmt: skip
        head = ledger.write(IRIS, ledger.head(IRIS), ReleasePlanned(release))
        ending = Ending(Outcome.PROMOTED, "SERVING", f"Version {sequence} serves all requests.")
        facts = {"image": "image:1", "artifact": {"etag": "e"}, "alarms": ["errors"], "capacity_after": 2}
        at = f"2026-{month}-01T00:00:00.000Z"
        moved = ReleaseMoved(sequence, ReleaseState.PLANNED, ReleaseState.IN_SERVICE, at, ending, facts)
        ledger.write(IRIS, replace(head, next_release=sequence + 1), moved)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("at", "version"), [("2025-12-31", None), ("2026-01-31T17:00", "1"), ("2026-02-01T01:00+01:00", "2")]
)
def test_what_served_then_is_told_with_its_reason(
    at: str, version: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["releases", "--project", "iris", "--at", at, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["release"]
    assert (found and found["version"]) == version
    if found is not None:
        assert found["reason"] == f"Version {version} serves all requests."
        assert (found["artifact"], found["image"], found["why"]) == ({"etag": "e"}, "image:1", "It is better.")
    assert main(["releases", "--project", "iris", "--at", at]) == 0
    said = capsys.readouterr().out
    assert ("Nothing was in service then." in said) if version is None else ("none to 2" in said)


@pytest.mark.usefixtures("served")
def test_a_time_that_is_none_is_a_wrong_command_line() -> None:
    assert main(["releases", "--project", "iris", "--at", "yesterday", "--json"]) == 2
