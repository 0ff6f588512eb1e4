"""Where the local cloud works: it takes away what killed ones left, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headgate_local import launcher
from headgate_local.cloud import TEMPORARY
from headgate_local.sagemaker.service import _working_folder

DEAD = str(2**22 + 1)  # greater than any process's number
MINE = ("work/thesis.tex", f"work/{DEAD}/photo.jpg", f"{DEAD}/photo.jpg", "local.work/notes", "local.work/1/of-another")


def test_a_start_takes_away_what_killed_clouds_left_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    left = (f"local.work/{DEAD}/left", f"local.work/{os.getpid()}/left")
    for name in (*MINE, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    folder = _working_folder()
    assert (folder.parent, list(folder.iterdir())) == (tmp_path / "local.work", [])
    assert all((tmp_path / name).exists() for name in MINE)
    assert not any((tmp_path / name).exists() for name in left)


def test_a_purge_takes_away_what_is_the_clouds_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path))
    for name in ("work/thesis.tex", "local.work/1/left"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    launcher.down(purge=True, progress=lambda _: None)
    assert (tmp_path / "work" / "thesis.tex").exists()
    assert not (tmp_path / "local.work").exists()


def test_a_stop_takes_away_what_killed_clouds_needed_for_a_while_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = (f"{TEMPORARY}1-abc", f"{TEMPORARY}{DEAD}.txt", f"headgate-erase-{DEAD}", DEAD)
    for name in (*mine, f"{TEMPORARY}{DEAD}-a_c0"):
        (tmp_path / name).mkdir()
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody takes note
        (tmp_path / f"{TEMPORARY}{zombie.pid}-x").mkdir()
        launcher.down(purge=False, progress=lambda _: None)
    assert {path.name for path in tmp_path.iterdir()} == {"home", *mine}
