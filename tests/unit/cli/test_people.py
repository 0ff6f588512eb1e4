"""`headgate approve`, `reject`, `freeze` and `unfreeze`, on moto's registry and ledger."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded
from headgate.aws.sagemaker import Registry
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


def test_a_run_that_waits_is_shown_without_what_wakes_it(told: Told, package: str) -> None:
    code, document = told("runs")
    assert (code, document["runs"][0]["approval"]) == (0, {"package": package})
