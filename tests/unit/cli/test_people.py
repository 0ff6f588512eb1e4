"""`headgate approve`, `reject`, `freeze` and `unfreeze`, on moto's registry and ledger."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded
from headgate.aws.registry import Registry
from headgate.domain.approval import PENDING
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

IRIS = Project("demo", "iris")
Told = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def told(
    aws: boto3.Session, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """What a command answers: its exit code and its document."""
    cloud = Cloud(aws, "headgate", None, {"LedgerTable": "ledger"})
    monkeypatch.setattr(connection, "connect", lambda _stack: cloud)

    def tell(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main([*arguments, "--project", "iris", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return tell


@pytest.fixture
def package(aws: boto3.Session, ledger: Ledger, make_run: Callable[..., Any]) -> str:
    """The version of the active run, which waits for a person."""
    run = make_run("a", version="1")
    ledger.add_run(run)
    ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run))
    registry = Registry(aws.client("sagemaker"))
    registry.ensure_group(IRIS.endpoint, "Versions", {})
    archive, properties = "s3://artifacts/model.tar.gz", {"tenant": "demo", "project": "iris", "run": run.run}
    arn = registry.register(
        IRIS.endpoint, run.run, status=PENDING, image="i", model_data_url=archive, metrics_url=archive,
        properties=properties,
    )  # fmt: skip
    ledger.wait_for_approval(IRIS, run.run, arn, "token", 0)
    return arn


@pytest.mark.parametrize(("command", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_persons_word_stands_in_the_registry_with_name_and_reason(
    command: str, status: str, told: Told, package: str, aws: boto3.Session
) -> None:
    code, document = told(command, "1", "--reason", "seen it\ntwice")
    assert (code, document["approval"], document["run"]) == (0, status, "demo-iris-a")
    known = Registry(aws.client("sagemaker")).version(package)
    assert known.status == status
    assert known.description.startswith(f"{status} by ")
    assert known.description.endswith(": seen it twice")
    code, document = told(command)
    assert code == 2
    assert f"is {status.lower()} already" in document["error"]


def test_without_a_version_that_waits_nothing_is_written(told: Told, package: str, ledger: Ledger) -> None:
    assert "Version 7 does not wait for approval; version 1 does." in told("approve", "7")[1]["error"]
    ending = Ending(Outcome.NOT_PROMOTED, "APPROVAL_EXPIRED", "Nobody spoke.", "1")
    ledger.write(IRIS, replace(ledger.head(IRIS), active=None), RunEnded("demo-iris-a", ending, "2026"))
    code, document = told("approve", "1")
    assert code == 2
    assert "ended NOT_PROMOTED (APPROVAL_EXPIRED). Drop its dataset again" in document["error"]
    assert "No version of iris waits for approval." in told("approve")[1]["error"]


def test_a_freeze_is_told_with_who_why_and_until_and_lifted_once(
    told: Told, ledger: Ledger, make_run: Callable[..., Any]
) -> None:
    code, document = told("freeze", "--reason", "Of what is not there.")
    assert (code, document["error"]) == (2, "demo has no project iris. Its projects: none.")
    assert ledger.trail.entries("demo#iris") == []
    ledger.add_run(make_run("a"))
    code, document = told("freeze", "--reason", "The\nauditors come.", "--until", "2d")
    [frozen] = document["freezes"]
    assert (code, frozen["project"], frozen["why"]) == (0, "iris", "The auditors come.")
    assert frozen["until"] > frozen["at"]
    assert told("releases")[1]["freeze"] == frozen
    assert told("freeze", "--reason", "Longer.")[1]["freezes"][0]["until"] is None
    code, document = told("unfreeze")
    assert (code, document["freezes"][0]["why"], told("releases")[1]["freeze"]) == (0, "Longer.", None)
    assert ledger.head(IRIS).freeze.lifted_by  # type: ignore[union-attr]
    assert told("unfreeze") == (2, {"error": "demo/iris is not frozen.", "exit_code": 2})


def test_without_a_project_all_of_the_tenants_are_frozen(
    told: Told, ledger: Ledger, make_run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["freeze", "--reason", "Holidays.", "--json"]) == 2
    assert "demo has no projects yet" in json.loads(capsys.readouterr().out)["error"]
    ledger.add_run(make_run("a"))
    ledger.add_run(replace(make_run("b"), project="wards"))
    assert main(["freeze", "--reason", "Holidays."]) == 0
    said = capsys.readouterr().out
    assert "`headgate unfreeze --project wards --tenant demo` lifts it." in said
    assert ledger.head(Project("demo", "wards")).freeze == ledger.head(IRIS).freeze
    assert main(["releases", "--project", "iris"]) == 0
    assert "Holidays. Nothing new is put in service;" in " ".join(capsys.readouterr().out.split())
    assert main(["unfreeze", "--json"]) == 0
    assert {each["project"] for each in json.loads(capsys.readouterr().out)["freezes"]} == {"iris", "wards"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--reason", "x", "--until", "2020-01-01"], "2020-01-01 is not to come"),
        (["--reason", "x", "--until", "soon"], "Or name a span such as"),
        (["--reason", " "], "Say why"),
        ([], "--reason"),
    ],
)
def test_a_freeze_without_reason_or_future_is_refused(
    options: list[str], said: str, told: Told, ledger: Ledger
) -> None:
    code, document = told("freeze", *options)
    assert (code, said in document["error"], ledger.head(IRIS).freeze) == (2, True, None)


def test_a_run_that_waits_is_shown_without_what_wakes_it(told: Told, package: str) -> None:
    code, document = told("runs")
    assert (code, document["runs"][0]["approval"]) == (0, {"package": package})
