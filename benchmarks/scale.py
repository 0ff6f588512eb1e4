"""How our own parts grow: with the rows of a dataset, with captured requests, with projects, with tenants.

    python -m benchmarks.scale [--json] [--rows N ...] [--captured N ...] [--projects N ...] [--tenants N ...]

Every measurement is a fresh process. Times are processor seconds, for machines are shared; memory is the peak of the
process. What counts is the slope: the last column is by how much a measure grew where the size grew by as much as is
told, so 1.0 is in proportion. Of projects the calls of AWS are counted, which are what a round waits for; the account
is moto's, in the same process, and its processor seconds are mostly moto's own.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

ROWS = [250_000, 500_000, 1_000_000, 2_000_000]
CAPTURED = [25_000, 50_000, 100_000, 200_000]
PROJECTS = [10, 50, 200]
TENANTS = [50, 100, 200]
FILES = 20
ROOT = Path(__file__).resolve().parents[1]
REGION = "eu-central-1"


def rows(size: int, folder: Path) -> dict[str, float]:
    """Validate a table of so many rows and 20 columns, in what a function gives DuckDB."""
    from benchmarks.validation import generate, headgate

    path = folder / "table.csv"
    maker = multiprocessing.get_context("spawn").Process(target=generate, args=(path, size))
    maker.start()  # what makes the table takes more memory than what validates it
    maker.join()
    return _measured(lambda: headgate(path)) | {"megabytes": path.stat().st_size / 10**6}


def captured(size: int, folder: Path) -> dict[str, float]:
    """Read and count so many captured requests of one row, in 20 files."""
    sys.path.insert(0, str(ROOT / "tests"))  # as pytest does
    from tests.capturing import captured
    from tests.watched import SPEC, baseline, people

    from headgate.domain.baseline import Baseline
    from headgate.domain.spec import TrainingSpec
    from headgate.tables.captures import read_captures
    from headgate.tables.engine import Limits, opened
    from headgate.tables.observe import observe

    told = {"label": "yes", "probabilities": [0.1, 0.9]}
    lines = "".join(captured(row, told, f"id-{number}") + "\n" for number, row in enumerate(people(size // FILES)))
    files = [folder / f"{number}.jsonl" for number in range(FILES)]
    for file in files:
        file.write_text(lines)
    spec, before = TrainingSpec.model_validate(SPEC), Baseline.parse(baseline())

    def read() -> None:
        with opened(folder, Limits()) as engine:
            assert read_captures(engine, files, spec.columns).rows == size // FILES * FILES
            observe(engine, before, spec)

    return _measured(read) | {"megabytes": FILES * len(lines) / 10**6}


def projects(size: int, _folder: Path) -> dict[str, float]:
    """A round of the reconciler over so many projects of which each had a run; ten tenants."""
    from moto import mock_aws

    with mock_aws():
        world = _account()
        from headgate import entrypoint
        from headgate.domain.runs import Run

        names = [(f"tenant{'abcdefghij'[number % 10]}", f"p{number}") for number in range(size)]
        for tenant, project in names:
            run, when = f"{tenant}-{project}-0123456789", "2026-01-01T00:00:00.000Z"
            entrypoint.ledger("_system").add_run(Run(run, tenant, project, "0123456789", "a.csv", "1", when))
            world.put_object(Bucket="data", Key=f"{tenant}/{project}/project.yaml", Body=b"")
        listing = _counted(entrypoint.all_projects)
        found = entrypoint.all_projects()
        assert len(found) == size
        whole = _counted(lambda: entrypoint.reconciler().round(found, whole=False, dry=True))
        return {"calls to list": listing["calls"], "calls to look": whole["calls"]}


def tenants(size: int, _folder: Path) -> dict[str, float]:
    """Sessions of so many tenants in one worker, each with the three clients of a look."""
    from moto import mock_aws

    with mock_aws():
        _account()
        from headgate import clients

        letters = "abcdefghijklmnopqrstuvwxyz"
        names = [f"ten{letters[number // 26 % 26]}{letters[number % 26]}" for number in range(size)]

        def work() -> None:
            for name in names:
                for service in ("dynamodb", "s3", "sagemaker"):
                    clients.client(service, name)
                clients.client("s3", name).list_objects_v2(Bucket="data", Prefix=f"{name}/")

        return _measured(work)


def _account() -> Any:
    """An account in memory with what the functions are told of."""
    import os

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION,
        "LEDGER_TABLE": "ledger", "DATA_BUCKET": "data", "ARTIFACT_BUCKET": "artifacts", "RULES": "rule",
        "DEAD_LETTER_QUEUES": "https://sqs/queue", "NOTIFICATION_TOPIC_ARN": f"arn:aws:sns:{REGION}:123456789012:t",
        "TENANT_KEYS": f"arn:aws:kms:{REGION}:123456789012:alias/headgate-",
    }  # fmt: skip
    for machine in ("TRAIN", "RESPOND"):
        arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:{machine.lower()}"
        os.environ[f"{machine}_STATE_MACHINE_ARN"] = arn
    role = boto3.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    os.environ["FUNCTION_ROLE_ARN"] = role
    from samtranslator.yaml_helper import yaml_parse

    table = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["Ledger"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    boto3.client("dynamodb").create_table(TableName="ledger", **{name: table[name] for name in wanted})
    s3 = boto3.client("s3")
    for bucket in ("data", "artifacts"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return s3


def _counted(work: Any) -> dict[str, float]:
    """How many calls of AWS were made."""
    from botocore.client import BaseClient

    made, original = [], BaseClient._make_api_call

    def counting(self: Any, operation: str, given: Any) -> Any:
        made.append(operation)
        return original(self, operation, given)

    BaseClient._make_api_call = counting
    try:
        work()
    finally:
        BaseClient._make_api_call = original
    return {"calls": len(made)}


def _measured(work: Any) -> dict[str, float]:
    """Processor seconds of this process with its threads, and its peak of memory so far."""
    begun = time.process_time()
    work()
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return {"cpu seconds": seconds, "peak MB": peak}


MEASURES = {"rows": rows, "captured": captured, "projects": projects, "tenants": tenants}


def _fresh(what: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", "--one", what, str(size)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _table(what: str, sizes: list[int]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for size in sizes:
        lines.append({"what": what, "size": size, **_fresh(what, size)})
        before = lines[-2] if len(lines) > 1 else None
        slopes = ""
        if before is not None:
            factor = size / before["size"]
            grown = {name: lines[-1][name] / before[name] / factor for name in lines[-1] if name in _SLOPED}
            lines[-1]["slope"] = grown
            slopes = ", ".join(f"{name} {value:.2f}" for name, value in grown.items())
        told = ", ".join(f"{name} {value:,.2f}" for name, value in lines[-1].items() if isinstance(value, float | int))
        print(f"{what:9} {told}" + (f"   slope: {slopes}" if slopes else ""), flush=True)
    return lines


_SLOPED = ("cpu seconds", "peak MB", "calls to list", "calls to look")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2)
    for name, default in (("rows", ROWS), ("captured", CAPTURED), ("projects", PROJECTS), ("tenants", TENANTS)):
        parser.add_argument(f"--{name}", nargs="*", type=int, default=default)
    asked = parser.parse_args()
    if asked.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(MEASURES[asked.one[0]](int(asked.one[1]), Path(folder))))
        return
    told = [line for what in MEASURES for line in _table(what, getattr(asked, what))]
    if asked.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
