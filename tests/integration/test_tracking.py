"""A tracking server that is away, or never answers, holds up nothing."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headgate_training import tracking


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in tracking.IMPATIENT | tracking.QUIET:
        monkeypatch.setenv(name, "")  # remembered, so that what is set below ends with the test
        monkeypatch.delenv(name)
    (tmp_path / "output").mkdir()
    card = {"identity": {"tenant": "acme", "project": "valves", "run": "acme-valves-1"}, "spec": {}, "training": {}}
    (tmp_path / "output" / "card.json").write_text(json.dumps(card | {"evaluation": {}}))
    return tmp_path


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port of loopback that is ours."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def address(taken: socket.socket) -> str:
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_nobody_listens(root: Path, taken: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    assert not tracking.tell(root, address(taken))
    assert "warning: MLflow was not told of this run" in capsys.readouterr().out


@pytest.mark.timeout(60)
def test_nobody_answers(root: Path, taken: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "IMPATIENT", tracking.IMPATIENT | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1"})
    taken.listen()
    assert not tracking.tell(root, address(taken))
