"""The warm pool: exit codes, and what its processes are not told."""

import os
import threading
from collections.abc import Iterator
from multiprocessing import connection, forkserver
from pathlib import Path

import pytest

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
