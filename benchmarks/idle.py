"""What a local cloud costs that nobody uses: memory by process, CPU seconds and wake-ups. Linux only.

    python -m benchmarks.idle [--json] [--idle 45] [--seconds 20]

Memory is read at three moments: `up`, as soon as the cloud is up and has warmed; `run`, right after a dataset came into
service; and `rest`, once what was kept warm has been ended for want of work, which takes `--idle` seconds here and five
minutes else. RSS counts a page that processes share once for each of them, PSS once in all; `own` is the part that no
file backs, which the kernel cannot take back. CPU and wake-ups (voluntary context switches of all threads) are
counted over `--seconds` at `up` and at `rest`. A second dataset then shows what waking up costs the road.
"""

import argparse
import json
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cloud import local_cloud
from benchmarks.road import ours
from headgate.domain.names import Project
from headgate_local.card import Card

GOAL_MB = 600
NAMES = {
    "headgate_local.cloud": "cloud",
    "multiprocessing.forkserver": "fork server",
    "multiprocessing.resource_tracker": "resource tracker",
    "headgate_local.serving": "serving",
    "headgate_local.forked": "lambda template",
}
TEMPLATE, LAMBDA = "lambda template", "lambda worker"
"""A worker is a fork of the template: its command is the same, and its parent tells them apart."""
WARM = ("fork server", TEMPLATE, LAMBDA)
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Memory:
    """Megabytes of all processes of one kind."""

    processes: int
    rss: float
    pss: float
    own: float


@dataclass(frozen=True)
class Quiet:
    """What the processes did while nobody asked them for anything."""

    seconds: float
    cpu_seconds: float
    wake_ups_per_second: float


def processes(root: int) -> dict[int, str]:
    """A process and all below it, by what they are."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, waiting = {root: "cloud"}, {root}
    while waiting:
        waiting = {child for child, parent in parents.items() if parent in waiting}
        found |= {child: _kind(child, found[parents[child]]) for child in waiting}
    return found


def _kind(pid: int, parent: str) -> str:
    """What a process is, whose parent is what is said."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "ended"
    kind = next((kind for part, kind in NAMES.items() if part in command), command)
    return LAMBDA if kind == TEMPLATE and parent in (TEMPLATE, LAMBDA) else kind


def memory(root: int) -> dict[str, Memory]:
    """The memory of each kind of process, and of all."""
    sums: dict[str, Counter[str]] = {}
    for pid, kind in processes(root).items():
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except (FileNotFoundError, ProcessLookupError):
            continue
        sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
        for each in (kind, "all"):
            held = sums.setdefault(each, Counter())
            parts = {"processes": 1.0, "rss": sizes["Rss:"], "pss": sizes["Pss:"], "own": sizes["Anonymous:"]}
            held.update(parts)
    return {
        kind: Memory(int(held["processes"]), *(round(held[part], 1) for part in ("rss", "pss", "own")))
        for kind, held in sums.items()
    }


def _work(root: int) -> tuple[float, int]:
    """CPU seconds and voluntary context switches so far, of all threads that live."""
    cpu, switches = 0, 0
    for pid in processes(root):
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            cpu += int((thread / "schedstat").read_text().split()[0])
            status = (thread / "status").read_text().splitlines()
            switches += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches:"))
    return cpu / 1e9, switches


def quiet(root: int, seconds: float) -> Quiet:
    """What the processes do in so many seconds; none may start or end meanwhile."""
    before, began = _work(root), time.perf_counter()
    time.sleep(seconds)
    after, lasted = _work(root), time.perf_counter() - began
    return Quiet(round(lasted, 1), round(after[0] - before[0], 3), round((after[1] - before[1]) / lasted, 1))


def settle(root: int) -> None:
    """Wait until the processes have done next to nothing for a second."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while quiet(root, 1.0).cpu_seconds > 0.05:
        if time.monotonic() > deadline:
            raise TimeoutError("The local cloud does not come to rest.")


def rest(root: int) -> float:
    """Wait until nothing is kept warm; answers how many seconds it took."""
    began = time.monotonic()
    while any(kind in WARM for kind in processes(root).values()):
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError("The local cloud keeps processes warm that nobody uses.")
        time.sleep(0.5)
    return round(time.monotonic() - began, 1)


def measure(cloud: Card, seconds: float) -> dict[str, Any]:
    """All moments of one cloud that has just been started."""
    settle(cloud.pid)
    moments: dict[str, dict[str, Memory]] = {"up": memory(cloud.pid)}
    calm = {"up": quiet(cloud.pid, seconds)}
    roads = {"after up": ours(cloud, Project("idle", "first"))["whole"]}
    moments["run"] = memory(cloud.pid)
    rested = rest(cloud.pid)
    settle(cloud.pid)
    moments["rest"], calm["rest"] = memory(cloud.pid), quiet(cloud.pid, seconds)
    roads["from rest"] = ours(cloud, Project("idle", "second"))["whole"]
    roads["at once again"] = ours(cloud, Project("idle", "third"))["whole"]
    return {
        "megabytes": {when: {kind: asdict(held) for kind, held in kinds.items()} for when, kinds in moments.items()},
        "quiet": {when: asdict(each) for when, each in calm.items()},
        "road_seconds": {when: round(whole, 2) for when, whole in roads.items()},
        "seconds_to_rest": rested,
        "goal_megabytes": GOAL_MB,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--idle", type=float, default=45.0, help="seconds without work until the cloud rests")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds over which CPU and wake-ups are counted")
    options = parser.parse_args()
    if not Path("/proc/self/smaps_rollup").exists():
        parser.exit(0, "This benchmark reads /proc, which only Linux has.\n")
    os.environ["HEADGATE_IDLE_SECONDS"] = str(options.idle)
    with local_cloud() as cloud:
        measured = measure(cloud, options.seconds)
    if options.json:
        print(json.dumps(measured))
        return
    for when, kinds in measured["megabytes"].items():
        print(f"{when + ', MB':24}{'processes':>10}{'RSS':>8}{'PSS':>8}{'own':>8}")
        for kind, held in sorted(kinds.items(), key=lambda item: (item[0] == "all", -item[1]["rss"])):
            print(f"  {kind:22}{held['processes']:10}{held['rss']:8.0f}{held['pss']:8.0f}{held['own']:8.0f}")
    print(f"goal: an idle cloud holds under {GOAL_MB} MB in all")
    for when, each in measured["quiet"].items():
        print(
            f"{when}: {each['cpu_seconds']:.2f} s of CPU and {each['wake_ups_per_second']:.0f} wake-ups a second "
            f"in {each['seconds']:.0f} s"
        )
    print(f"to rest after a run: {measured['seconds_to_rest']:.0f} s")
    print("road: " + ", ".join(f"{when} {seconds:.2f} s" for when, seconds in measured["road_seconds"].items()))


if __name__ == "__main__":
    main()
