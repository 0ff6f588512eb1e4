"""Releases on the local cloud, good ones and bad ones, with nobody watching them.

    headgate up
    python examples/release_rehearsal.py     # about three minutes; prints what happens, and what should have

Several projects at once, each with models that are really trained and served: one of a single instance with versions
that do badly in service, one of two instances with a canary that first nobody asks, one that gets three datasets at
once, one whose versions wait for a person, and one that is frozen for a while. The names of scenes play only those.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headgate.domain import names
from headgate_cli.invented import COLUMNS, GOOD, WEAK, table
from headgate_local.card import Card

TENANT = "demo"
BAKE_MINUTES = 0.3
"""Enough for a verdict on a machine with little else to do; a busy one gets longer, for it answers fewer requests."""
BUSY = max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1)))
ROLLOUT = (
    f"  rollout: {{bake_minutes: {BAKE_MINUTES * BUSY:.2f}, termination_wait_minutes: %s, max_error_percent: %s}}\n"
)
ONE = "endpoint:\n  instance_count: 1\n" + ROLLOUT % (0, 5.0)
"""One instance, of whose version a few dozen requests without a failure tell enough."""
REQUESTS_PER_SECOND = 20
TROUBLES = {
    "a crashing version": ("errors", ["fail-invocations"]),
    "a slow version": ("latency", ["delay-invocations", "--set", "delaySeconds=0.1"]),
    "a version with a broken feature": ("answers", ["lose-feature", "--set", "column=x0"]),
}
"""What goes wrong with a version in service: the signal that tells it, and the order to `headgate fault`."""


@dataclass
class Told:
    """What happened, as it happens, and whether it should have."""

    begun: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)
    checks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, project: str, text: str) -> None:
        """A line of the timeline."""
        with self._lock:
            print(f"{time.monotonic() - self.begun:6.1f} s  {project:8}  {text}", flush=True)

    def check(self, project: str, should: str, right: bool, seen: object) -> None:
        """Whether something ended as it should."""
        self.checks += 1
        self.say(project, f"{'as it should' if right else 'NOT AS IT SHOULD'}: {should}. {seen}")
        if not right:
            self.wrong.append(f"{project}: {should}. {seen}")


def headgate(*arguments: str) -> dict[str, Any]:
    """Run a command as a person would, and answer its JSON; what becomes of a dataset is no failure of the command."""
    command = [str(Path(sys.executable).parent / "headgate"), *arguments, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if not ran.stdout.strip():
        raise SystemExit(f"headgate {' '.join(arguments)}: {ran.stderr}")
    return dict(json.loads(ran.stdout))


@dataclass
class Project:
    """A project of the rehearsal."""

    name: str
    told: Told
    cloud: Card
    folder: Path

    @property
    def endpoint(self) -> str:
        """The name of its endpoint."""
        return f"{TENANT}-{self.name}"

    def settings(self, text: str) -> None:
        """Write project.yaml."""
        key = f"{TENANT}/{self.name}/project.yaml"
        self.cloud.client("s3").put_object(Bucket=self.cloud.data_bucket, Key=key, Body=text.encode())

    def drop(self, name: str, rows: int, *, wait: bool = True) -> dict[str, Any]:
        """Drop a dataset; with `wait`, what became of it."""
        file = self.folder / f"{self.name}-{name.replace(' ', '-')}.csv"
        file.write_bytes(table(rows, seed=len(name)))
        self.told.say(self.name, f"{name} is dropped")
        ended = headgate("drop", str(file), "--project", self.name, *(["--wait"] if wait else []))
        if wait:
            self.told.say(self.name, f"{name}: {ended['outcome']}. {ended['reason']}")
        return ended

    def put(self, name: str, body: bytes) -> str:
        """Drop a dataset as any S3 client does, which takes no time; the run that must come of it."""
        owner = names.Project(TENANT, self.name)
        key = f"{owner.incoming}{name}.csv"
        stored = self.cloud.client("s3").put_object(Bucket=self.cloud.data_bucket, Key=key, Body=body)
        self.told.say(self.name, f"{name} is dropped")
        part = names.Part(key, stored["VersionId"], len(body))
        return owner.run_id(names.dataset_id(self.cloud.data_bucket, [part]))

    def trains(self, run: str) -> bool:
        """Whether a run's training has begun; asked of the cloud, for a command takes longer than a small training."""
        jobs = self.cloud.client("sagemaker").list_training_jobs(NameContains=run)["TrainingJobSummaries"]
        return bool(jobs)

    def begin_weak(self, rest: str) -> None:
        """Let a weak model serve, and what comes next be trained as it should."""
        self.settings(WEAK + rest)
        ended = self.drop("a weak first version", 2000)
        self.told.check(self.name, "the first version serves", ended["outcome"] == "PROMOTED", ended["outcome"])
        self.settings(GOOD + rest)

    def newest(self) -> dict[str, Any]:
        """The newest release in the ledger."""
        return dict(headgate("releases", "--project", self.name)["releases"][0])

    def serves(self) -> str:
        """The configuration that serves."""
        return str(self.cloud.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)["EndpointConfigName"])

    @contextmanager
    def asked(self) -> Iterator[Counter[str]]:
        """Ask the endpoint all the time; counts how that ended."""
        seen: Counter[str] = Counter()
        over = threading.Event()
        runtime = self.cloud.client("sagemaker-runtime")
        random = np.random.default_rng(0)

        def ask() -> None:
            while not over.wait(1 / REQUESTS_PER_SECOND):
                row = {f"x{number}": value for number, value in enumerate(random.normal(size=COLUMNS))}
                body = json.dumps({"instances": [row]})
                try:
                    answer = runtime.invoke_endpoint(
                        EndpointName=self.endpoint, ContentType="application/json", Body=body
                    )
                    answer["Body"].read()
                    seen["answered"] += 1
                except Exception as problem:
                    seen[type(problem).__name__] += 1

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()


def bad_versions(project: Project) -> None:
    """Versions that the gate let through and that do badly in service, each taken back while it bakes."""
    project.begin_weak("endpoint:\n  instance_count: 1\n")
    for number, (name, (signal, fault)) in enumerate(TROUBLES.items(), start=2):
        target = f"config={project.endpoint}-r{number}"
        headgate("fault", "add", *fault, "--target", project.endpoint, "--set", target)
        ended = project.drop(name, 4000)
        back = (ended["outcome"], project.serves()) == ("ROLLED_BACK", f"{project.endpoint}-r1")
        back = back and signal in ended["reason"]
        project.told.check(project.name, f"{name} is taken back while it bakes", back, project.serves())


def a_persons_word(project: Project) -> None:
    """A version that waits for a person, and serves when one approved it."""
    project.begin_weak(ONE)
    project.settings(GOOD + "approval: manual\n" + ONE)
    before, run = project.serves(), project.drop("a version that needs a person's word", 4000, wait=False)["run"]
    wait_for(lambda: headgate("show", run).get("approval") is not None, "a version that waits")
    project.told.check(project.name, "it waits", project.serves() == before, project.serves())
    approved = headgate("approve", "--project", project.name, "--reason", "It was rehearsed.")["approval"]
    project.told.say(project.name, f"somebody says: {approved}")
    ended = headgate("watch", run)["runs"][0]
    right = ended["outcome"] == "PROMOTED" and project.serves() != before
    project.told.check(project.name, "what was approved serves", right, ended["reason"])


def a_freeze(project: Project) -> None:
    """Nothing new is put in service while a project is frozen, and the next dataset is once it is not."""
    project.begin_weak(ONE)
    before = project.serves()
    headgate("freeze", "--project", project.name, "--reason", "The auditors come.", "--until", "1d")
    ended = project.drop("a better version in a freeze", 4000)
    frozen = (ended["reason_code"], project.serves()) == ("FROZEN", before) and "The auditors come." in ended["reason"]
    project.told.check(project.name, "in a freeze what serves goes on", frozen, ended["outcome"])
    headgate("unfreeze", "--project", project.name)
    ended = project.drop("the same after it", 4000)
    project.told.check(project.name, "after it the next one serves", ended["outcome"] == "PROMOTED", project.serves())


def canary(project: Project) -> None:
    """On two instances: one that nobody asks, of which our own requests cannot tell enough, and a good one."""
    strict = "endpoint:\n  instance_count: 2\n" + ROLLOUT % (0, 0.1)
    project.begin_weak(strict)
    ended = project.drop("a version that nobody asks, and that may fail once in a thousand requests", 4000)
    held = ended["outcome"] == "ROLLED_BACK" and project.serves() == f"{project.endpoint}-r1"
    should = "a canary without traffic is held after requests of our own"
    project.told.check(project.name, should, held and verdict(project)["stand"] == "held", asked(project))
    project.settings(GOOD + strict.replace("0.1", "5"))
    project.told.say(project.name, str(headgate("plan", "--project", project.name)["reason"]))
    with project.asked() as seen:
        ended = project.drop("a good version", 4000)
    promoted = ended["outcome"] == "PROMOTED" and project.newest()["plan"]["strategy"] == "canary"
    project.told.check(project.name, "a good version is promoted by a canary", promoted, asked(project))
    project.told.check(project.name, "no request failed meanwhile", set(seen) == {"answered"}, dict(seen))


def verdict(project: Project) -> dict[str, Any]:
    """What the watch said of the newest release."""
    return project.newest()["verdict"] or {"stand": None, "signals": {}}


def asked(project: Project) -> str:
    """Of how many requests to the newest release the watch knew."""
    known = verdict(project)["signals"].get("errors", {}).get("canary", {"requests": 0})
    return f"{known['requests']} requests reached it"


def three_at_once(project: Project) -> None:
    """While a first version is trained, three datasets come at once: the newest takes the place of the others."""
    project.settings(WEAK + ONE)
    sizes = {"one": 3000, "two": 3500, "three": 4000}
    bodies = {name: table(rows, seed=len(name)) for name, rows in sizes.items()}
    first = project.put("first", table(2000, seed=5))
    wait_for(lambda: project.trains(first), "a training")
    project.settings(GOOD + ONE)
    runs = [first, *(project.put(name, body) for name, body in bodies.items())]
    outcomes = [headgate("watch", run)["runs"][0]["outcome"] for run in runs]
    right = outcomes == ["PROMOTED", "SUPERSEDED", "SUPERSEDED", "PROMOTED"]
    project.told.check(project.name, "of three at once the newest is promoted, two are superseded", right, outcomes)


def wait_for(done: Callable[[], bool], what: str, seconds: float = 120 * BUSY) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} was not seen within {seconds:.0f} s")
        time.sleep(0.2)


SCENES: dict[str, Callable[[Project], None]] = {
    "watched": bad_versions,
    "canary": canary,
    "queue": three_at_once,
    "people": a_persons_word,
    "frozen": a_freeze,
}


def main(names: list[str]) -> int:
    """Play these scenes, or all, beside each other; 0 when everything ended as it should."""
    cloud = Card.load()
    if cloud is None:
        raise SystemExit("There is no local cloud. Start one with: headgate up")
    told = Told()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(names)) as pool:
        played = [pool.submit(SCENES[name], Project(name, told, cloud, Path(folder))) for name in names]
        for scene in played:
            scene.result()
    headgate("fault", "clear")
    print(f"\n{told.checks - len(told.wrong)} of {told.checks} ended as they should.")
    for each in told.wrong:
        print(f"not: {each}")
    return int(bool(told.wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(SCENES)))
