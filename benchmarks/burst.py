"""A burst: 200 uploads to 20 projects at once; every one must end in exactly one terminal record.

python -m benchmarks.burst [--json] [--uploads 200] [--projects 20]
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from benchmarks.cloud import local_cloud
from headgate.aws.ledger import Ledger, runs_of
from headgate.domain.names import Project
from headgate.domain.runs import Run
from headgate_cli.invented import table
from headgate_local.card import Card

PATIENCE_SECONDS = 900.0


def burst(cloud: Card, uploads: int, projects: int) -> dict[str, object]:
    """Upload, wait until every run has ended, count the records."""
    owners = [Project("demo", f"burst-{number}") for number in range(projects)]
    s3 = cloud.client("s3")
    bodies = [table(rows=200, seed=number) for number in range(uploads)]

    def upload(number: int) -> None:
        key = f"{owners[number % projects].incoming}{number}.csv"
        s3.put_object(Bucket=cloud.data_bucket, Key=key, Body=bodies[number])

    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, range(uploads)))
    uploaded = time.perf_counter() - start
    runs = _wait(cloud, uploads, start)
    names = Counter((run.project, run.name) for run in runs)
    return {
        "uploads": uploads,
        "projects": projects,
        "terminal records": sum(run.ended for run in runs),
        "lost": uploads - len(names),
        "twice": sum(count - 1 for count in names.values()),
        "outcomes": dict(Counter(run.state for run in runs)),
        "seconds to upload": round(uploaded, 2),
        "seconds until all ended": round(time.perf_counter() - start, 1),
    }


def _wait(cloud: Card, uploads: int, start: float) -> list[Run]:
    client, table = cloud.client("dynamodb"), cloud.output("LedgerTable")
    shown = -1
    while time.perf_counter() - start < PATIENCE_SECONDS:
        pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        runs = [run for page in pages for run in runs_of(page["Items"])]
        ended = sum(run.ended for run in runs)
        if ended != shown:
            print(f"  {ended} of {uploads} ended", file=sys.stderr)
            shown = ended
        if ended >= uploads and not any(
            Ledger(client, table).head(Project("demo", run.project)).active for run in runs
        ):
            return runs
        time.sleep(0.5)
    return runs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--projects", type=int, default=20)
    options = parser.parse_args()
    with local_cloud() as cloud:
        measured = burst(cloud, options.uploads, options.projects)
    if options.json:
        print(json.dumps(measured))
    else:
        for name, value in measured.items():
            print(f"{name:26}{value}")


if __name__ == "__main__":
    main()
