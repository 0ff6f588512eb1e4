import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.commands import every_command, takes

from headgate_cli import connection, local_cloud
from headgate_cli.errors import CommandError, ExitCode
from headgate_cli.main import main

OTHERWISE = {"doctor", "rehearse"}
"""The doctor tells in its own way that there is no cloud; a night starts one, and scenes need what others do not."""
COMMANDS = {
    name: command for name, command in every_command().items() if takes(command, "--stack") and name not in OTHERWISE
}
"""Those that talk to a cloud."""
GIVEN = {
    "run": "demo-iris-aaaaaaaaaa",
    "name": "demo",
    "project": "iris",
    "incident": "r-1",
    "key": "ward=B2",
    "version": "1",
}
"""What commands cannot do without, by the names of their parameters; whatever else it is, it is a file with a row."""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a local cloud, and no stack named."""
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    monkeypatch.delenv("HEADGATE_STACK", raising=False)
    monkeypatch.setattr(local_cloud, "listens", lambda _: False)
    return tmp_path


def test_help_does_not_import_the_aws_libraries() -> None:
    code = (
        "import sys; from headgate_cli.main import main; main(['--help']); main(['drop', '--help']); "
        "main(['fault', 'add', '-h']); "
        "heavy = {'boto3', 'botocore', 'duckdb', 'jinja2'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_cloud_every_command_says_how_to_start_one(
    name: str, nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = nowhere / "rows.csv"
    file.write_text("id,label,a\nx,y,1\n")
    command = name.split()
    for parameter in COMMANDS[name].params:
        if parameter.required:
            value = GIVEN.get(parameter.name, str(file))
            command += [parameter.opts[0], value] if parameter.opts[0].startswith("-") else [value]
    assert_unreachable(command, capsys)


def assert_unreachable(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == ExitCode.UNREACHABLE
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == 6
    assert "headgate up" in said.err


def test_a_scene_is_not_rehearsed_without_a_cloud(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (nowhere / "rows.csv").write_text("a\nx\n")
    assert_unreachable(["rehearse", "bad-model", "--project", "iris", "--rows", str(nowhere / "rows.csv")], capsys)
    assert not (nowhere / "local.log").exists(), "a local cloud was started"


def test_dropping_without_a_cloud_is_no_different(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (nowhere / "x.csv").touch()
    assert main(["drop", str(nowhere / "x.csv")]) == ExitCode.UNREACHABLE
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "command",
    [
        ["drop"],
        ["drop", "not-there.csv"],
        ["nonsense"],
        ["drop", "x.csv", "--task", "guessing"],
        ["up", "--port", "0"],
        ["releases"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == 2
    assert said.err
    assert "Value error" not in said.err


@pytest.mark.parametrize(("command", "code"), [([], 2), (["tenant"], 2), (["--version"], 0)], ids=str)
def test_help_and_version_are_told_without_an_error(
    command: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == code
    said = capsys.readouterr()
    assert "headgate" in said.out
    assert said.err == ""


def test_errors_leave_stdout_alone_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == ExitCode.UNREACHABLE
    assert capsys.readouterr().out == ""


def failing(error: BaseException) -> Any:
    def connect(_: str | None) -> None:
        raise error

    return connect


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("The thing broke."), ExitCode.FAILED),
        (KeyError("surprise"), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_no_error_shows_a_traceback(
    error: BaseException, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "connect", failing(error))
    assert main(["runs", "--json"]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert json.loads(said.out)["exit_code"] == code


def test_a_traceback_is_shown_on_demand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HEADGATE_DEBUG", "1")
    monkeypatch.setattr(connection, "connect", failing(KeyError("surprise")))
    main(["runs"])
    assert "Traceback" in capsys.readouterr().err


def test_a_name_that_cannot_be_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["releases", "--tenant", "No", "--project", "iris"]) == ExitCode.USAGE
    assert "cannot be a tenant" in capsys.readouterr().err


def test_up_gives_what_clients_need(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("endpoint_url", "region", "access_key_id", "secret_access_key", "data_bucket", "artifact_bucket")
    card = dict.fromkeys((*names, "stack", "pid", "log"), "x")
    monkeypatch.setattr(local_cloud, "start", lambda port: card | {"endpoint_url": f"http://127.0.0.1:{port}"})
    assert main(["up", "--port", "4577", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == dict.fromkeys(names, "x") | {"endpoint_url": "http://127.0.0.1:4577"}
    assert main(["up", "--port", "4577"]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4577" in said
    assert "export DATA_BUCKET=x" in said


@pytest.mark.parametrize(("ran", "said"), [(True, "is stopped"), (False, "No local cloud was running")])
def test_down_tells_whether_it_stopped_anything(
    ran: bool, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_cloud, "stop", lambda *, purge: ran)
    assert main(["down"]) == ExitCode.DONE
    assert said in capsys.readouterr().out
    assert main(["down", "--purge", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"stopped": ran, "purged": True}


def test_the_doctor_tells_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert {check["what"] for check in document["checks"]} >= {"Python", "packages", "memory", "disk", "cloud"}
    assert all(check["mend"] for check in document["checks"] if not check["ok"])
