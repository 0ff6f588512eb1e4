"""A storm: 500 alarms of 50 endpoints at once; none is lost, all are explained, none acts twice on one endpoint.

    python -m benchmarks.storm [--json] [--endpoints 50] [--alarms 500]

On the local cloud, with a model in service behind every endpoint. The alarms of each are set to ALARM, and those that
are to ring more than once to OK in between: every ring is a transition of its own, which has to end as an incident.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any

from benchmarks.cloud import local_cloud
from headgate.aws.ledger import Ledger
from headgate.domain.alarms import standing_name
from headgate.domain.incidents import RETRAINING, ROLLING_BACK, Incident
from headgate.domain.names import Project
from headgate.domain.rules import Rules
from headgate_cli.invented import table
from headgate_cli.scenes import KINDS
from headgate_local.card import Card

PATIENCE_SECONDS = 1800.0
TENANT = "storm"
SETTINGS = b"training: {epochs: 3, members: 1}\nendpoint: {rollout: {bake_minutes: 0, termination_wait_minutes: 0}}\n"


def serve(cloud: Card, count: int) -> list[Project]:
    """Put a model of its own in service for each of so many projects."""
    projects = [Project(TENANT, f"storm-{number}") for number in range(count)]
    s3, ledger = cloud.client("s3"), Ledger(cloud.client("dynamodb"), cloud.output("LedgerTable"))

    def drop(number: int) -> None:
        prefix = projects[number].prefix
        s3.put_object(Bucket=cloud.data_bucket, Key=f"{prefix}project.yaml", Body=SETTINGS)
        s3.put_object(Bucket=cloud.data_bucket, Key=f"{prefix}incoming/a.csv", Body=table(300, number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drop, range(count)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(ended := [run for run in ledger.runs_of_tenant(TENANT) if run.ended]) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(ended)} of {count} runs have ended")
        time.sleep(1)
    serving = [each for each in projects if ledger.head(each).champion is not None]
    if len(serving) < count:
        raise SystemExit(f"{len(serving)} of {count} are in service: {Counter(run.reason_code for run in ended)}")
    return serving


def ring(cloud: Card, projects: list[Project], count: int) -> None:
    """Let so many alarms ring, one after the other over all endpoints."""
    client = cloud.client("cloudwatch")
    every = [standing_name(project.release_name(1), kind) for kind in KINDS for project in projects]
    rung: set[str] = set()

    def state(name: str, value: str) -> None:
        client.set_alarm_state(AlarmName=name, StateValue=value, StateReason="A storm.")

    for name in islice(cycle(every), count):
        if name in rung:
            state(name, "OK")
        state(name, "ALARM")
        rung.add(name)


def measure(cloud: Card, endpoints: int, alarms: int) -> dict[str, Any]:
    """Ring, wait until every incident has ended, and count."""
    projects, ledger = serve(cloud, endpoints), Ledger(cloud.client("dynamodb"), cloud.output("LedgerTable"))
    begun = time.perf_counter()
    ring(cloud, projects, alarms)
    rung = time.perf_counter() - begun
    found = _ended(ledger, alarms)
    acted = Counter((each.project, each.action) for each in found if each.action in ROLLING_BACK | RETRAINING)
    return {
        "endpoints": len(projects),
        "alarms": alarms,
        "seconds to ring": round(rung, 1),
        "seconds until all ended": round(time.perf_counter() - begun, 1),
        "lost": alarms - len(found),
        "not ended": sum(not each.ended for each in found),
        "not explained": sum(not each.reason for each in found),
        "most of one kind of action at an endpoint": max(acted.values(), default=0),
        "retrainings": sum(count for (_, action), count in acted.items() if action in RETRAINING),
        "outcomes": dict(Counter(str(each.outcome) for each in found)),
    }


def _ended(ledger: Ledger, count: int) -> list[Incident]:
    deadline, shown, found = time.monotonic() + PATIENCE_SECONDS, -1, list[Incident]()
    while time.monotonic() < deadline:
        found = ledger.incidents_of_tenant(TENANT)
        ended = sum(each.ended for each in found)
        if ended != shown:
            print(f"  {ended} of {count} ended", file=sys.stderr)
            shown = ended
        if ended >= count:
            return found
        time.sleep(1)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--alarms", type=int, default=500)
    options = parser.parse_args()
    with local_cloud() as cloud:
        measured = measure(cloud, options.endpoints, options.alarms)
    if options.json:
        print(json.dumps(measured))
    else:
        for name, value in measured.items():
            print(f"{name:45} {value}")
    wrong = measured["lost"], measured["not ended"], measured["not explained"]
    most, budget = measured["most of one kind of action at an endpoint"], Rules().tenant_retrains_per_day
    sys.exit(int(any(wrong) or most > 1 or measured["retrainings"] > budget))


if __name__ == "__main__":
    main()
