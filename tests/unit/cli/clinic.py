"""A clinic that has rows of a patient everywhere, on moto's buckets and ledger, and `headgate erase` run on it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import duckdb
import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

WHO = "patient-4711-zx"
ROWS = f'patient,age,ward\n{WHO},41,"a, b"\np2,42,c\n {WHO} ,43,d\n'
LEFT, OTHERS = "patient,age,ward\np2,42,c\n", "patient,age,ward\np5,1,x\n"
UPLOADS = {"incoming/a.csv": ROWS, "incoming/b/0.csv": ROWS, "incoming/b/1.csv": OTHERS}
FILE, FOLDER = list(UPLOADS)[:1], list(UPLOADS)[1:]
COLUMNS = {"a": "patient, age", "b": "age"}
KEYS = "arn:aws:kms:eu-central-1:123456789012:alias/headgate-"


def asked(body: str, encoding: str = "JSON") -> str:
    """A line as SageMaker captures requests."""
    parts = {"endpointInput": {"data": body, "encoding": encoding}, "endpointOutput": {"data": "{}"}}
    return json.dumps({"captureData": parts, "eventMetadata": {"eventId": "e-17", "inferenceTime": "2026-01-17"}})


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The part of a dataset with some of the columns."""
    path = tmp_path_factory.mktemp("parts") / "part.parquet"

    def make(columns: str) -> bytes:
        duckdb.sql(f"COPY (SELECT {columns} FROM (VALUES ('{WHO}', 41), ('p2', 42)) AS t (patient, age)) TO '{path}'")
        return path.read_bytes()

    return make


class Clinic:
    """A project in buckets of its own: a dataset `a` of a file, whose part has the column, and `b` of a folder, whose
    part has not. `b` is the holdout.
    """

    def __init__(self, aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str], name: str) -> None:
        self.data, self.artifacts = make_bucket(f"{name}-data"), make_bucket(f"{name}-artifacts")
        outputs = {"LedgerTable": "ledger", "DataBucket": self.data, "ArtifactBucket": self.artifacts}
        self.cloud = Cloud(aws, "headgate", None, {**outputs, "TenantKeys": KEYS})
        self.uploaded: dict[str, str] = {}
        self.s3, self.ledger, self.project = self.cloud.client("s3"), ledger, Project("demo", name)

    def put(self, bucket: str, key: str, body: bytes | str) -> str:
        """Write an object of the project; its version."""
        given = body.encode() if isinstance(body, str) else body
        return str(self.s3.put_object(Bucket=bucket, Key=f"{self.project.prefix}{key}", Body=given)["VersionId"])

    def fill(self, make_run: Callable[..., Any], split: Callable[[str], bytes], uploads: dict[str, list[str]]) -> None:
        """Put in what a project has, with datasets of these uploads."""
        for number, (dataset, keys) in enumerate(uploads.items(), 1):
            named = [{"key": f"{self.project.prefix}{key}", "version_id": self._upload(key), "size": 1} for key in keys]
            manifest = json.dumps({"bucket": self.data, "name": dataset, "parts": named})
            self.put(self.artifacts, f"datasets/{dataset}/manifest.json", manifest)
            self.put(self.artifacts, f"datasets/{dataset}/train.parquet", split(COLUMNS[dataset]))
            run = f"demo-{self.project.name}-{dataset}"
            self.ledger.add_run(make_run(dataset, run=run, project=self.project.name, version=str(number)))
        self.put(self.data, "incoming/b/_SUCCESS", "")
        self.ledger.write(self.project, replace(self.ledger.head(self.project), holdout="b"))
        self.put(self.artifacts, "quarantine/q/q.csv", ROWS)
        self.capture(asked(json.dumps({"instances": [{"patient": WHO}]})), asked("{}"))

    def _upload(self, key: str) -> str:
        if key not in self.uploaded:
            self.uploaded[key] = self.put(self.data, key, UPLOADS[key])
        return self.uploaded[key]

    def capture(self, *lines: str) -> None:
        """Keep captured requests, in one file."""
        body = "".join(f"{line}\n" for line in lines).encode()
        self.s3.put_object(Bucket=self.artifacts, Key=f"{self.project.captured()}r1/e/x.jsonl", Body=body)

    def everything(self) -> dict[tuple[str, str], bytes]:
        """Every version of every object."""
        found = {}
        for bucket in (self.data, self.artifacts):
            for each in self.s3.list_object_versions(Bucket=bucket).get("Versions", []):
                key, version = each["Key"], each["VersionId"]
                body = self.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
                found[key.replace(self.project.prefix, ""), version] = body
        return found

    def settled(self) -> dict[str, set[bytes]]:
        """The same without names that chance made; manifests as what the uploads hold that they name."""
        everything = self.everything()
        found: dict[str, set[bytes]] = {}
        for (key, _), body in everything.items():
            if not key.endswith("manifest.json"):
                found.setdefault(re.sub(r"\.kept-.{8}", ".kept", key), set()).add(body)
        for dataset in COLUMNS:
            parts = [(part["key"].removeprefix(self.project.prefix), part["version_id"]) for part in self.of(dataset)]
            found[dataset] = {everything[part] for part in parts}
        return found

    def of(self, dataset: str) -> list[dict[str, Any]]:
        """The parts that a dataset is made of."""
        key = f"{self.project.prefix}datasets/{dataset}/manifest.json"
        return list(json.loads(self.s3.get_object(Bucket=self.artifacts, Key=key)["Body"].read())["parts"])


@pytest.fixture
def open_clinic(
    aws: boto3.Session,
    ledger: Ledger,
    make_bucket: Callable[[str], str],
    make_run: Callable[..., Any],
    split: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Clinic]:
    def open_clinic(name: str = "iris", *, a: list[str] = FILE, filled: bool = True) -> Clinic:
        clinic = Clinic(aws, ledger, make_bucket, name)
        monkeypatch.setattr(connection, "connect", lambda _stack: clinic.cloud)
        if filled:
            clinic.fill(make_run, split, {"a": a, "b": FOLDER})
        return clinic

    return open_clinic


@pytest.fixture
def erase(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def run(clinic: Clinic, *more: str, code: int | None = 0, value: str = WHO) -> dict[str, Any]:
        key = ("--key", f"patient={value}", *more)
        ended = main(["erase", "--project", clinic.project.name, *key, "--reason", "Asked on 1 May.", "--json"])
        told = capsys.readouterr()
        assert WHO not in told.out + told.err
        assert code is None or ended == code
        return dict(json.loads(told.out))

    return run


Erase = Callable[..., dict[str, Any]]
Open = Callable[..., Clinic]
