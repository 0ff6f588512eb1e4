"""The warm pool: exit codes, and what its processes are not told."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from multiprocessing import connection, forkserver
from pathlib import Path

import pytest
from contract.live import processes

from headgate_local.pool import WarmPool


@pytest.fixture
def pool() -> Iterator[WarmPool]:
    made = WarmPool(preload=["headgate_local.warm"])
    yield made
    made.close()


def test_an_exit_code_is_told_as_it_is_while_others_start(pool, monkeypatch) -> None:
    process = pool.start(os.getpid)
    connection.wait([process.sentinel])
    read, moment = forkserver.read_signed, threading.Event()

    def read_late(descriptor: int) -> int:
        moment.wait(0.2)  # so that two who read at once do so for sure
        return read(descriptor)

    monkeypatch.setattr(forkserver, "read_signed", read_late)
    codes = []
    watching = [threading.Thread(target=lambda: codes.append(process.wait(0))) for _ in range(2)]
    for thread in watching:
        thread.start()
    other = pool.start(os.getpid)
    for thread in watching:
        thread.join()
    assert codes == [0, 0]
    assert other.wait(30) == 0


def tell_environments() -> None:
    """In a job's process: the environments that it, its guard and the fork server began with, as /proc shows them."""
    pid = os.getpid()
    for _ in range(3):
        os.write(1, Path(f"/proc/{pid}/environ").read_bytes() + b"\n")
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_no_process_above_a_job_holds_the_keys_of_the_cloud(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    pool = WarmPool(preload=["headgate_local.warm"])
    process = pool.start(tell_environments)
    assert process.wait(30) == 0
    told = process.output.readall().splitlines()
    pool.close()
    assert len(told) == 3
    assert b"the-secret" not in b"".join(told)
    assert all(b"PATH=" in each for each in told)


def leave_a_helper(seconds: float) -> None:
    """In a job's process: start a helper in a session of its own, one below a shell that ends, and say which."""
    for command in ("exec sleep 600", "sleep 600 & echo $!; exec sleep 0"):
        helper = subprocess.Popen(["sh", "-c", command], start_new_session=True)
        os.write(1, f"{helper.pid}\n".encode())
    helper.wait()
    time.sleep(seconds)


@pytest.mark.parametrize(("seconds", "exit_code"), [(0, 0), (600, -signal.SIGKILL)])
def test_what_a_job_left_running_ends_with_it_in_whatever_session(pool, seconds, exit_code) -> None:
    process = pool.start(leave_a_helper, seconds)
    said = b"".join(process.output.readline() for _ in range(3)).split()
    if seconds:
        process.end()
    assert process.wait(30) == exit_code
    assert not {int(each) for each in said} & processes().keys()
    assert process.output.readall() == b""  # nobody holds it any more
