"""Records what every role does, and compares it with what the template allows.

    python -m tests.prove [--recorded FOLDER] [--quick]

Without `--recorded` it runs the tests that call the handlers, those that play releases, and the template on a local
cloud; with it, it judges what an earlier run wrote there. `--quick` leaves the local cloud out, and with it what only
that shows: unused grants are then counted but no failure.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.lint_template import ROOT
from tests.prove import fences, matrix, mutants, tenancy
from tests.prove.recorder import VARIABLE
from tests.prove.referee import Referee, is_there
from tests.prove.stack import Stack, stack_of
from tests.prove.table import Table, compare
from tests.prove.worlds import everything

ACCOUNT = "123456789012"
RECORDS = ROOT / "build" / "prove"
HANDLERS = [
    "tests/functions",
    "tests/unit/services/test_monitor_endpoint.py",
    "tests/unit/services/test_large_windows.py",
    "tests/unit/services/test_captured.py",
    "tests/unit/aws/test_autoscaling.py",
]
ROADS = [
    f"tests/unit/crashes/{name}.py" for name in ("test_crashes", "test_rollbacks", "test_incidents", "test_repairs")
]
PLAYED = (
    "not anywhere and not wherever and not always_dies and not invoked_twice and not lease_over and not old_model"
    " and not at_once_end"
)
"""Of the roads those without deaths: a process that dies calls nothing that it would not call otherwise."""
CLOUD = [f"tests/e2e/{name}.py" for name in ("test_road", "test_rollout", "test_searches", "test_release_rehearsal")]


def main(arguments: list[str] | None = None) -> int:
    """0 when every call is allowed, every grant needed and every wildcard explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__.splitlines()[0])
    parser.add_argument("--recorded", type=Path, help="judge what an earlier run recorded in this folder")
    parser.add_argument("--quick", action="store_true", help="without the local cloud")
    options = parser.parse_args(arguments)
    if not is_there():
        print("The referee is not installed. It needs Node.js 20 or newer: make .venv-referee/.ready")
        return 2
    folder = options.recorded or RECORDS
    whole = bool(options.recorded) or record(folder, options.quick)
    started = time.monotonic()
    with Referee() as referee:
        asked = everything(folder)
        table = compare(referee, asked)
        show(table)
        kept = all([apart(referee), noticed(referee)])  # both are told, whatever the first one finds
        print(f"{referee.asked} questions judged by @cloud-copilot/iam-simulate in {time.monotonic() - started:.0f} s")
    unused = 0 if options.quick else sum(map(len, table.unused.values()))
    proved = not (any(table.denied.values()) or any(table.wildcards.values()) or table.stale or unused)
    if not whole:
        print("A run that was recorded failed (above): what its tests would have called is missing here.")
    return int(not (proved and kept and whole))


def apart(referee: Referee) -> bool:
    """Whether nothing of another tenant is reached, no role gets over a fence, and no service is misled."""
    stack = Stack(ACCOUNT)
    tried = [
        each
        for other in matrix.OTHERS
        for who in (["anybody"], matrix.roles_of_functions(stack) if other == matrix.OTHERS[0] else [])
        for each in matrix.play(referee, stack, matrix.catalogue(stack, other), who)
    ]
    through = [each for each in tried if each.allowed or each.senseless]
    print(
        f"across tenants: {len(tried)} attempts by {len({each.who for each in tried})} sessions: {len(through)} succeed"
    )
    own = matrix.play(referee, stack, matrix.catalogue(stack, matrix.OWN), ["anybody"])
    wrong = [each for each in own if each.allowed != each.attempt.own]
    print(f"control: {len(own)} of the same on what is the tenant's own: {len(wrong)} end otherwise than they should")
    over = fences.climbed(referee, stack, stack.roles)
    print(f"fences: {len(fences.fences(stack))} for each of {len(stack.roles)} roles: {len(over)} are got over")
    made = fences.calls(stack)
    misled = fences.misled(referee, stack, made)
    print(f"services: {len(made)} calls, for us and for others: {len(misled)} end otherwise than they should")
    tries = tenancy.tries(stack)
    strayed = tenancy.wrong(referee, stack, stack_of(matrix.OWN, stack), tries)
    print(f"a tenant's own role and key: {len(tries)} tries: {len(strayed)} end otherwise than they should")
    for each in (*through, *wrong, *over, *misled, *strayed):
        print(f"  {each}")
    return not (through or wrong or over or misled or strayed)


def noticed(referee: Referee) -> bool:
    """Whether every policy that was changed for the worse is noticed."""
    stack, all_noticed = Stack(ACCOUNT), True
    kinds = {
        "the session policy": mutants.session_mutants,
        "policies of roles": mutants.role_mutants,
        "policies of resources": mutants.resource_mutants,
        "a tenant's own stack": mutants.tenant_mutants,
    }
    for what, kind in kinds.items():
        made = list(kind(referee, stack))
        missed = [each for each in made if not each.caught_by]
        print(f"mutants of {what}: {len(made)}, {len(missed)} of them not noticed")
        for each in missed:
            print(f"  {each.where}: {each.what}")
        all_noticed = all_noticed and not missed
    return all_noticed


def record(folder: Path, quick: bool) -> bool:
    """Run what is recorded; whether all of it succeeded."""
    shutil.rmtree(folder, ignore_errors=True)
    whole = True
    runs = [
        ("the handlers, each with the events that start it", ["-n", "2", *HANDLERS]),
        ("the roads of releases", ["-n", "2", *ROADS, "-k", PLAYED]),
    ]
    if not quick:
        runs.append(("the template on a local cloud: datasets, searches, rollouts, a rehearsal", CLOUD))
    for number, (what, chosen) in enumerate(runs, 1):
        started = time.monotonic()
        print(f"[{number}/{len(runs)}] recording {what} ...", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
        environment = {**os.environ, VARIABLE: str(folder), "HEADGATE_STRICT": "1"}
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        print(f"      {time.monotonic() - started:.0f} s", flush=True)
        if ended.returncode != 0:
            print(ended.stdout[-2000:])
            whole = False
    return whole


def show(table: Table) -> None:
    """The table by role, and what is wrong below it."""
    line = "{:36}{:>8}{:>8}{:>8}{:>8}{:>12}"
    print(line.format("role or shared policy", "needs", "denied", "grants", "unused", "unexplained"))
    counted = (table.denied, table.unused, table.wildcards)
    for name in sorted({*table.asked, *table.grants}):
        denied, unused, wildcards = (len(each[name]) for each in counted)
        print(line.format(name, table.asked[name], denied, table.grants[name], unused, wildcards))
    denied, unused, wildcards = (sum(map(len, each.values())) for each in counted)
    print(line.format("all", table.asked.total(), denied, table.grants.total(), unused, wildcards))
    for role, found in sorted(table.denied.items()):
        for each, why in found:
            context = f" with {dict(each.need.context)}" if each.need.context else ""
            print(f"denied: {role}: {each.need.action} on {each.need.resource}{context} ({each.source}; {why})")
    for title, findings in (("unused", table.unused), ("wildcard without a reason", table.wildcards)):
        for name, lines in sorted(findings.items()):
            for each_line in lines:
                print(f"{title}: {name}: {each_line}")
    for place in table.stale:
        print(f"reason for nothing in tests/prove/wildcards.yaml: {place}")


if __name__ == "__main__":
    sys.exit(main())
