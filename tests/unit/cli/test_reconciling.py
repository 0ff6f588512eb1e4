"""`headgate reconcile`: what it asks for, and what it shows of the round."""

import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

FOUND = {
    "kind": "lease-left", "subject": "demo-iris-a", "said": "It has ended.", "tenant": "demo", "project": "iris",
    "done": "freed", "page": None, "untold": None,
}  # fmt: skip


class Function:
    """The reconciler behind Lambda: answers with what it is given, and keeps what it was asked."""

    def __init__(self, answer: dict[str, Any], **more: str) -> None:
        self._answer, self._more, self.asked = answer, more, dict[str, Any]()

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "reconcile"
        self.asked = json.loads(Payload)
        return {"Payload": io.BytesIO(json.dumps(self._answer).encode()), **self._more}


@pytest.fixture
def behind(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Function]:
    def make(answer: dict[str, Any], **more: str) -> Function:
        function = Function(answer, **more)
        found = Cloud(aws, "headgate", None, {"ReconcileFunction": "reconcile"})
        monkeypatch.setattr(connection, "connect", lambda _stack: found)
        monkeypatch.setattr(Cloud, "client", lambda _cloud, _name: function)
        return function

    return make


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {"dry_run": False}),
        (["--dry-run"], {"dry_run": True}),
        (["--project", "iris"], {"dry_run": False, "tenant": "demo", "project": "iris"}),
    ],
)
def test_a_round_by_hand_tells_what_was_found(
    behind: Callable[..., Function], arguments: list[str], asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    function = behind({"projects": 3, "findings": [FOUND]})
    assert main(["reconcile", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"projects": 3, "findings": [FOUND]}
    assert function.asked == asked
    assert main(["reconcile", *arguments]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(word in said for word in ("demo/iris", "lease-left", "freed"))
    assert ("would be done" in said) == ("--dry-run" in arguments)


def test_where_all_is_well_it_says_so(behind: Callable[..., Function], capsys: pytest.CaptureFixture[str]) -> None:
    behind({"projects": 3, "findings": []})
    assert main(["reconcile"]) == 0
    assert "All is well with 3 projects." in capsys.readouterr().out


def test_a_round_in_which_people_could_not_be_told_shows_all_and_ends_with_5(
    behind: Callable[..., Function], capsys: pytest.CaptureFixture[str]
) -> None:
    found = [FOUND, FOUND | {"untold": "NotFoundError"}]
    behind({"projects": 3, "findings": found})
    assert main(["reconcile", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["findings"] == found
    behind({"projects": 3, "findings": found})
    assert main(["reconcile"]) == 5
    said = " ".join(capsys.readouterr().out.split())
    assert "lease-left" in said
    assert "People could not be told of 1 of these: NotFoundError. Look at the notification topic" in said


def test_a_round_that_failed_is_an_error(behind: Callable[..., Function], capsys: pytest.CaptureFixture[str]) -> None:
    behind({"errorMessage": "AWS refused to list the data bucket."}, FunctionError="Unhandled")
    assert main(["reconcile", "--json"]) == 5
    assert "AWS refused to list" in json.loads(capsys.readouterr().out)["error"]


def test_a_round_is_begun_once_and_waited_for(
    behind: Callable[..., Function], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for endpoint in (None, "http://127.0.0.1:1"):
        config = connection._client(boto3.Session(region_name="eu-central-1"), "lambda", endpoint).meta.config
        assert config.retries["total_max_attempts"] == 1
        assert config.read_timeout > 900  # the function's Timeout
    calls = []

    def cut_off(**asked: Any) -> None:
        calls.append(asked)
        raise ReadTimeoutError(endpoint_url="https://lambda")

    monkeypatch.setattr(behind({}), "invoke", cut_off)
    assert main(["reconcile", "--json"]) == 5
    assert len(calls) == 1
    said = json.loads(capsys.readouterr().out)["error"]
    assert all(words in said for words in ("may go on", "/aws/lambda/reconcile"))
