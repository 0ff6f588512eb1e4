"""Execution environments of functions: forks that have nothing but what they are given."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import idle

from headgate_local.environments import Environment, Environments

SCRIPT = """
import json, os, sys
print("begun", file=sys.stderr, flush=True)
for line in sys.stdin:
    told = {"line": line, "variables": dict(os.environ), "cwd": os.getcwd(), "modules": list(sys.modules)}
    print(json.dumps(told), flush=True)
"""


@pytest.fixture(scope="module")
def environments() -> Iterator[Environments]:
    made = Environments()
    yield made
    made.rest()


@pytest.fixture
def begin(environments: Environments, tmp_path: Path):
    begun: list[Environment] = []
    script = tmp_path / "worker.py"
    script.write_text(SCRIPT)

    def begin() -> Environment:
        begun.append(environments.begin(str(script), str(tmp_path), {"GIVEN": "é"}))
        return begun[-1]

    yield begin
    for environment in begun:
        environment.kill()
        environment.wait(30)
        for stream in (environment.stdin, environment.stdout, environment.stderr):
            stream.close()


def ask(environment: Environment) -> dict:
    environment.stdin.write("hello\n")
    environment.stdin.flush()
    return json.loads(environment.stdout.readline())


def test_an_environment_has_what_it_is_given_and_no_code_of_headgate(begin, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the cloud's own")
    environment = begin()
    told = ask(environment)
    assert told["line"] == "hello\n"
    assert told["variables"] == {"GIVEN": "é"}
    assert told["cwd"] == str(tmp_path)
    assert "boto3" in told["modules"]
    assert "headgate" not in told["modules"]  # that is imported from the layer that was deployed
    assert environment.stderr.readline() == "begun\n"
    assert "AWS_SECRET_ACCESS_KEY" not in Path(f"/proc/{environment.pid}/environ").read_text()


def test_an_environment_that_is_asked_to_ends(begin) -> None:
    first, second = begin(), begin()
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0.01)
    first.terminate()
    assert first.wait(30) is not None
    first.terminate()  # nothing is left to be ended
    assert second.poll() is None
    second.stdin.close()  # as when the cloud dies
    assert second.wait(30) is not None


def test_environments_go_on_when_what_they_are_forks_of_rests(begin, environments) -> None:
    before = begin()
    environments.rest()
    assert ask(before)
    assert ask(begin())


def test_what_environments_are_forks_of_may_be_killed(begin, environments) -> None:
    before = begin()
    template = environments._template
    os.kill(template.pid, signal.SIGKILL)
    template.wait()
    assert ask(before)
    assert ask(begin())


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc")
def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_benchmark_of_an_idle_cloud_knows_environments_from_what_they_are_forks_of(begin) -> None:
    mine = [begin(), begin()]
    for environment in mine:
        ask(environment)
    kinds = idle.processes(os.getpid())
    assert {kinds[environment.pid] for environment in mine} == {idle.LAMBDA}
    assert {kinds[parent_of(environment.pid)] for environment in mine} == {idle.TEMPLATE}
