import json

import pytest

from headgate_cli import faults
from headgate_cli.errors import ExitCode, UsageError
from headgate_cli.main import main


@pytest.mark.parametrize(
    ("said", "meant"),
    [("30s", "PT30S"), ("1.5s", "PT1.5S"), ("10m", "PT10M"), ("1h30m", "PT1H30M"), ("PT5M", "PT5M"), ("p1d", "P1D")],
)
def test_durations_are_taken_as_people_write_them(said: str, meant: str) -> None:
    assert faults.duration(said) == meant


@pytest.mark.parametrize("said", ["", "soon", "10", "10 m", "m", "5s1h"])
def test_what_is_no_duration_is_the_callers_mistake(said: str) -> None:
    with pytest.raises(UsageError, match="is no duration"):
        faults.duration(said)


def test_parameters_may_hold_an_equals_sign() -> None:
    assert faults.settings(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("said", ["a", "=1", ""])
def test_a_parameter_needs_a_name_and_a_value(said: str) -> None:
    with pytest.raises(UsageError, match="name=value"):
        faults.settings([said])


@pytest.mark.parametrize("command", [["add", "drop-events"], ["list"], ["clear"], ["actions"]], ids=" ".join)
def test_aws_is_refused_in_plain_words(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_STACK", "production")
    assert main(["fault", *command, "--json"]) == ExitCode.USAGE
    assert "local cloud only" in json.loads(capsys.readouterr().out)["error"]


def test_an_action_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fault", "add"]) == ExitCode.USAGE
    assert "ACTION" in capsys.readouterr().err
