"""Promotion: what a guarded release and a rollback take beyond the waits of their plans, and what clients notice.

    python -m benchmarks.promotion [--json] [--rate 50]

On the local cloud, with real models: a version is promoted by a canary while clients ask at a fixed rate, and is then
left by hand for the one before. Overhead is the time of the `promote` execution less all waits that its plan holds:
lease, plan, probes, the start of the new instances and settling. Requests are sent when they are due, whether or not
those before were answered, so that a pause of the endpoint cannot hide.
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.cloud import ended, local_cloud
from headgate.aws.items import built
from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.rollout import Plan
from headgate_cli.connection import Cloud, connect
from headgate_cli.incidents import roll_back
from headgate_cli.invented import COLUMNS, GOOD, WEAK, table
from headgate_local.card import Card

GOAL_OVERHEAD = 5.0
PATIENCE_SECONDS = 300.0
PROJECT = Project("demo", "promotion")
ENDPOINT = (
    "endpoint: {instance_count: 2, rollout: {strategy: canary, bake_minutes: 0.5, termination_wait_minutes: 0.05}}\n"
)
WORKERS = 16


@contextmanager
def asked(cloud: Card, rate: float) -> Iterator[tuple[Counter[str], list[float]]]:
    """Ask the endpoint `rate` times a second; counts how that ended, and keeps each answer's seconds."""
    answers: Counter[str] = Counter()
    seconds: list[float] = []
    over = threading.Event()
    random = np.random.default_rng(0)
    bodies = [
        json.dumps({"instances": [dict(zip([f"x{n}" for n in range(COLUMNS)], row, strict=True))]})
        for row in random.normal(size=(500, COLUMNS)).tolist()
    ]
    runtime = cloud.client("sagemaker-runtime")

    def ask(body: str) -> None:
        begun = time.perf_counter()
        try:
            answer = runtime.invoke_endpoint(EndpointName=PROJECT.endpoint, ContentType="application/json", Body=body)
            answer["Body"].read()
            answers["answered"] += 1
        except Exception as problem:
            answers[type(problem).__name__] += 1
        seconds.append(time.perf_counter() - begun)

    def send() -> None:
        due, number = time.perf_counter(), 0
        while not over.wait(max(0.0, due - time.perf_counter())):
            pool.submit(ask, bodies[number % len(bodies)])
            due, number = due + 1 / rate, number + 1

    with ThreadPoolExecutor(WORKERS) as pool:
        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield answers, seconds
        finally:
            over.set()
            sender.join()


def promoted(cloud: Card, settings: str, rows: int, seed: int) -> Release:
    """Drop a table under these settings; the release that came of it."""
    s3, ledger = cloud.client("s3"), Ledger(cloud.client("dynamodb"), cloud.output("LedgerTable"))
    s3.put_object(Bucket=cloud.data_bucket, Key=PROJECT.settings, Body=(settings + ENDPOINT).encode())
    known = ended(cloud, PROJECT, f"{rows}.csv", table(rows, seed), PATIENCE_SECONDS)
    run = known.run
    release = ledger.releases(PROJECT)[0]
    if release.run != run or known.state != "PROMOTED":
        raise SystemExit(f"{run} ended {known.state}: {known.reason}")
    return release


def timed(cloud: Cloud, execution: str, release: Release) -> dict[str, Any]:
    """What an execution of `promote` took, and how long its plan waits."""
    client, arn = cloud.client("stepfunctions"), cloud.execution_arn("PromoteStateMachine", execution)
    described = client.describe_execution(executionArn=arn)
    whole = (described["stopDate"] - described["startDate"]).total_seconds()
    plan = built(Plan, dict(release.plan or {}))
    return {
        "strategy": plan.strategy,
        "seconds": round(whole, 2),
        "waits": plan.wait_seconds,
        "overhead": round(whole - plan.wait_seconds, 2),
    }


def measure(card: Card, rate: float) -> list[dict[str, Any]]:
    """A promotion and a rollback under requests."""
    promoted(card, WEAK, 2000, seed=1)
    cloud, measured = connect(None), []
    with asked(card, rate) as (answers, seconds):
        release = promoted(card, GOOD, 4000, seed=3)
    measured.append({"what": "promotion", **timed(cloud, release.run, release), **_noticed(answers, seconds)})
    with asked(card, rate) as (answers, seconds):
        time.sleep(2)
        incident = roll_back(cloud, PROJECT, None, "A benchmark.", anyway=False, timeout=PATIENCE_SECONDS)
    back = Ledger(card.client("dynamodb"), card.output("LedgerTable")).release(PROJECT, incident.rollback or 0)
    if back is None:
        raise SystemExit(f"{incident.incident} ended {incident.outcome}: {incident.done}")
    measured.append({"what": "rollback", **timed(cloud, incident.incident, back), **_noticed(answers, seconds)})
    return measured


def _noticed(answers: Counter[str], seconds: list[float]) -> dict[str, Any]:
    return {
        "requests": answers.total(),
        "failed": answers.total() - answers["answered"],
        "p50 ms": round(float(np.percentile(seconds, 50)) * 1000, 1),
        "p99 ms": round(float(np.percentile(seconds, 99)) * 1000, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    with local_cloud() as card:
        measured = measure(card, options.rate)
    if options.json:
        print(json.dumps(measured))
        return
    for each in measured:
        print(
            f"{each['what']} ({each['strategy']}): {each['seconds']} s, of which {each['waits']} s are the plan's waits"
        )
        print(f"  overhead {each['overhead']} s (goal: {GOAL_OVERHEAD:g})")
        print(
            f"  {each['requests']} requests at {options.rate:g}/s, {each['failed']} failed (goal: 0), "
            f"p50 {each['p50 ms']} ms, p99 {each['p99 ms']} ms"
        )
    sys.exit(int(any(each["failed"] or each["overhead"] > GOAL_OVERHEAD for each in measured)))


if __name__ == "__main__":
    main()
