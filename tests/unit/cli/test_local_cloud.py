import json
import sys
from pathlib import Path

import pytest

from headgate_cli import local_cloud
from headgate_cli.errors import CommandError

CARD = {
    "endpoint_url": "http://127.0.0.1:4566",
    "region": "eu-central-1",
    "access_key_id": "key",
    "secret_access_key": "secret",
    "data_bucket": "data",
    "artifact_bucket": "artifacts",
    "stack": "headgate",
    "pid": 4711,
    "log": "local.log",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the local cloud's place: what stands in the file is run for `python -m headgate_local`."""
    package = tmp_path / "stead" / "headgate_local"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return package / "__main__.py"


def test_the_card_is_read(home: Path) -> None:
    (home / "local.json").write_text(json.dumps(CARD))
    assert local_cloud.read_card() == CARD


@pytest.mark.parametrize("content", ["", "[]", "{", '{"endpoint_url": "x"}'])
def test_a_card_that_is_not_whole_is_none(home: Path, content: str) -> None:
    (home / "local.json").write_text(content)
    assert local_cloud.read_card() is None


def test_without_a_card_there_is_no_cloud() -> None:
    assert local_cloud.read_card() is None


def test_starting_gives_the_card(home: Path, program: Path) -> None:
    program.write_text(
        "import json, os, pathlib, sys\n"
        f"card = {CARD!r} | {{'log': ' '.join(sys.argv[1:])}}\n"
        "pathlib.Path(os.environ['HEADGATE_HOME'], 'local.json').write_text(json.dumps(card))\n"
        "print(json.dumps(card))\n"
    )
    assert local_cloud.start(4600)["log"] == "up --port 4600"


def test_a_start_that_fails_points_to_the_doctor(program: Path) -> None:
    program.write_text("raise SystemExit(1)\n")
    with pytest.raises(CommandError, match="headgate doctor"):
        local_cloud.start()


@pytest.mark.parametrize("ran", [True, False])
def test_stopping_tells_whether_anything_ran(program: Path, ran: bool) -> None:
    program.write_text(
        f"import json, sys\nassert sys.argv[1:] == ['down']\nprint(json.dumps({{'was_running': {ran}}}))\n"
    )
    assert local_cloud.stop(purge=False) is ran


def test_the_program_runs_in_the_same_interpreter(program: Path) -> None:
    program.write_text(
        f"import json, sys\nprint(json.dumps({{'was_running': sys.executable == {sys.executable!r}}}))\n"
    )
    assert local_cloud.stop(purge=True)
