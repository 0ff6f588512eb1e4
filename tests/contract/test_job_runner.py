"""The runner of jobs, without a cloud around it: starts, stops and hosts that cannot be."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate_local.pool import WarmPool, WarmProcess
from headgate_local.sagemaker.jobs import runner, training_jobs
from headgate_local.sagemaker.jobs.runner import Cluster, Host, Job, Jobs
from headgate_local.sagemaker.jobs.script import Script
from headgate_local.sagemaker.resources import Collection


class SmallPool(WarmPool):
    """A pool that has room for one process."""

    def __init__(self) -> None:
        super().__init__(preload=["headgate_local.sagemaker.jobs.script"])
        self.started: list[WarmProcess] = []

    def start(self, *task: object) -> WarmProcess:
        if self.started:
            raise OSError("no memory")
        self.started.append(super().start(*task))
        return self.started[0]


@pytest.fixture
def pool() -> Iterator[SmallPool]:
    made = SmallPool()
    yield made
    made.close()


@pytest.fixture
def jobs(pool: SmallPool, tmp_path: Path) -> Jobs:
    return Jobs(pool, "http://127.0.0.1:1", tmp_path)


@pytest.fixture
def records() -> Collection:
    return Collection(training_jobs.KIND)


def test_a_host_that_cannot_start_takes_those_before_it_along(pool, jobs, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runner, "logs_client", lambda *_: None)
    script = Script(("sleep", "600"), {"PATH": "/usr/bin:/bin"}, str(tmp_path))
    hosts = [Host(f"algo-{number}", script, f"stream-{number}") for number in (1, 2)]
    with pytest.raises(OSError, match="no memory"):
        jobs.execute(Cluster(hosts, "role", "group"), lambda: None)
    assert pool.started[0].wait(30) == -signal.SIGKILL


@pytest.mark.parametrize(("status", "stopped"), [("InProgress", False), ("Stopping", True)])
def test_a_stop_that_came_before_the_job_was_there_is_heeded(jobs, records, status, stopped) -> None:
    arn = records.add("job", {"TrainingJobStatus": status})["TrainingJobArn"]
    seen: list[bool] = []
    jobs.submit(records, "job", lambda job: seen.append(job.stopped.is_set()))
    assert jobs.wait(arn, 30)
    assert seen == [stopped]


def test_a_job_whose_work_cannot_begin_leaves_nothing(jobs, records, monkeypatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    arn = records.add("job", {"TrainingJobStatus": "InProgress"})["TrainingJobArn"]
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            jobs.submit(records, "job", lambda _: None)
    assert records.find("job") is None
    assert jobs.wait(arn, 0)
    jobs.close()


def test_the_end_of_a_job_is_not_that_of_the_next_one_of_its_name(jobs, records) -> None:
    arn = records.add("job", {"TrainingJobStatus": "InProgress"})["TrainingJobArn"]
    go_on = threading.Event()
    stopped: list[bool] = []
    ending: list[threading.Thread] = []

    def work(job: Job) -> None:
        stopped.append(job.stopped.wait(30))

    def end_and_begin_again(_: Job) -> None:
        ending.append(threading.current_thread())
        jobs.submit(records, "job", work)
        go_on.set()

    jobs.submit(records, "job", end_and_begin_again)
    assert go_on.wait(30)
    ending[0].join(30)
    jobs.stop(arn)
    assert jobs.wait(arn, 30)
    assert stopped == [True]
