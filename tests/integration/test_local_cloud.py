"""The local cloud as a person starts and stops it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.live import descendants, processes
from waiting import eventually

from headgate_local.launcher import DEFAULT_PORT

pytestmark = pytest.mark.enable_socket


def command(home: Path, *arguments: str, program: str = "headgate_local") -> "subprocess.Popen[str]":
    """A program in a process group of its own, as a terminal runs it."""
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        # Nothing is trained here, so that no cloud has to import TensorFlow to be ready for it.
        env={**os.environ, "HEADGATE_HOME": str(home), "HEADGATE_IDLE_SECONDS": "0", "TMPDIR": str(temporary(home))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def temporary(home: Path) -> Path:
    """Where a cloud of this home puts what it needs for a while."""
    folder = home / "t"
    folder.mkdir(exist_ok=True)
    return folder


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    process = command(home, *arguments)
    answer, progress = process.communicate(timeout=120)
    return process.returncode, answer, progress


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    run(tmp_path, "down")


def family(pid: int) -> set[int]:
    """A process and all below it."""
    return {pid, *descendants(pid)}


def alive(pids: set[int]) -> set[int]:
    return pids & processes().keys()


def test_it_starts_once_is_found_again_and_leaves_nothing_behind(home: Path) -> None:
    both = [command(home, "up") for _ in range(2)]
    (answer, progress), (again, more) = (process.communicate(timeout=120) for process in both)
    assert [process.returncode for process in both] == [0, 0]
    card = json.loads(answer)
    assert json.loads(again) == card
    assert ["already running" in said for said in (progress, more)] in ([False, True], [True, False])
    assert (home / "local.json").stat().st_mode & 0o777 == 0o600
    everything = family(card["pid"])
    assert len(everything) > 1
    assert list(temporary(home).iterdir())
    assert run(home, "down")[0] == 0
    assert not (home / "local.json").exists()
    eventually(lambda: not alive(everything), "the end of every process", 30)
    assert list(temporary(home).iterdir()) == []


@pytest.fixture
def taken() -> Iterator[int]:
    """The default port, taken by this test or by whoever was there before."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            holder.bind(("127.0.0.1", DEFAULT_PORT))
            holder.listen()
        yield DEFAULT_PORT


def test_a_taken_port_is_passed_over(home: Path, taken: int) -> None:
    code, answer, _ = run(home, "up")
    assert code == 0
    assert not json.loads(answer)["endpoint_url"].endswith(f":{taken}")


def test_a_taken_port_that_was_asked_for_is_an_error(home: Path, taken: int) -> None:
    code, _, progress = run(home, "up", "--port", str(taken))
    assert code == 1
    assert f"Port {taken} is taken" in progress


def test_it_ends_whole_when_it_is_killed_and_starts_again_over_the_card_that_it_left(home: Path) -> None:
    pid = json.loads(run(home, "up")[1])["pid"]
    everything = family(pid)
    os.kill(pid, signal.SIGKILL)  # contract/test_stopping.py: other signals, and a cloud that is busy
    eventually(lambda: not alive(everything), "the end of every process", 30)
    again = json.loads(run(home, "up")[1])["pid"]
    assert again != pid
    assert [str(again) in folder.name for folder in temporary(home).iterdir()] == [True]
    os.kill(again, signal.SIGKILL)
    eventually(lambda: not alive({again}), "its end", 30)
    assert (home / "local.work").exists()
    assert run(home, "down", "--purge")[0] == 0
    assert not any((home / name).exists() for name in ("local.work", "local.log", "local.json"))
    assert list(temporary(home).iterdir()) == []


def started_until(process: "subprocess.Popen[str]", said: str) -> set[int]:
    """All processes of a start that is held up when it has said so and the cloud is there; SIGCONT lets it go on."""
    assert process.stderr is not None
    while said not in process.stderr.readline():
        assert process.poll() is None
    eventually(lambda: "headgate_local.cloud" in " ".join(descendants(process.pid).values()), "the cloud")
    os.killpg(process.pid, signal.SIGSTOP)
    everything = family(process.pid)
    assert len(everything) > 1
    return everything


def test_starting_it_can_be_interrupted(home: Path) -> None:
    process = command(home, "up", program="headgate_cli.main")
    everything = started_until(process, "creating the stack")
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    os.killpg(process.pid, signal.SIGCONT)
    _, progress = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing was left running" in progress
    assert not (home / "local.json").exists()
    eventually(lambda: not alive(everything), "the end of every process", 30)
    assert list(temporary(home).iterdir()) == []


def test_a_cloud_whose_launcher_is_killed_before_it_has_left_a_card_ends_itself(home: Path) -> None:
    process = command(home, "up")
    everything = started_until(process, "starting the local cloud")
    process.kill()
    process.communicate(timeout=60)
    eventually(lambda: not alive(everything), "the end of every process", 30)
    assert list(temporary(home).iterdir()) == []


def test_a_cloud_that_is_too_busy_to_answer_is_stopped_and_keeps_its_card_until_then(home: Path) -> None:
    pid = json.loads(run(home, "up")[1])["pid"]
    everything = family(pid)
    os.kill(pid, signal.SIGSTOP)
    process = command(home, "down")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("stopping the local cloud")
    assert (home / "local.json").exists()
    os.kill(pid, signal.SIGCONT)
    answer, _ = process.communicate(timeout=60)
    assert json.loads(answer) == {"was_running": True}
    assert not (home / "local.json").exists()
    eventually(lambda: not alive(everything), "the end of every process", 30)


def test_a_card_whose_number_another_process_has_stops_nobody(home: Path) -> None:
    card = json.loads(run(home, "up")[1])
    assert run(home, "down")[0] == 0
    with subprocess.Popen(["sleep", "600"]) as other:
        (home / "local.json").write_text(json.dumps(card | {"pid": other.pid}))
        code, answer, _ = run(home, "down")
        assert (code, json.loads(answer)) == (0, {"was_running": False})
        assert other.poll() is None
        other.kill()
