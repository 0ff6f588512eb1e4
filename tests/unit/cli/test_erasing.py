"""`headgate erase`, on moto's buckets and ledger: nothing of the subject is left in any version; the others are."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from headgate.aws.ledger import Ledger
from headgate.tables.erase import without
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main

WHO = "patient-4711-zx"
ROWS = f'patient,age,ward\n{WHO},41,"a, b"\np2,42,c\n {WHO} ,43,d\n'


def parquet(path: Path, query: str) -> bytes:
    duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


@pytest.fixture
def erase(
    aws: boto3.Session,
    ledger: Ledger,
    make_bucket: Callable[[str], str],
    make_run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[[], dict[str, Any]]:
    """A project with two datasets that hold the subject: the parts of one have the column, those of the other not."""
    outputs = {"LedgerTable": "ledger", "DataBucket": make_bucket("data"), "ArtifactBucket": make_bucket("artifacts")}
    outputs["TenantKeys"] = "arn:aws:kms:eu-central-1:123456789012:alias/headgate-"
    monkeypatch.setattr(connection, "connect", lambda _stack: Cloud(aws, "headgate", None, outputs))
    s3 = aws.client("s3")
    put = lambda bucket, key, body: s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]  # noqa: E731
    put("data", "demo/iris/incoming/a.csv", ROWS.encode())
    for dataset, columns in (("a", "patient, age"), ("b", "age")):
        key = f"demo/iris/incoming/{dataset}.csv"
        version = put("data", key, ROWS.encode())
        manifest = {"bucket": "data", "name": key, "parts": [{"key": key, "version_id": version, "size": len(ROWS)}]}
        put("artifacts", f"demo/iris/datasets/{dataset}/manifest.json", json.dumps(manifest).encode())
        query = f"SELECT {columns} FROM (VALUES ('{WHO}', 41), ('p2', 42)) AS t (patient, age)"
        for part in ("train", "validation", "test"):
            body = parquet(tmp_path / "part", query)
            put("artifacts", f"demo/iris/datasets/{dataset}/{part}.parquet", body)
            put("artifacts", f"demo/iris/datasets/{dataset}/{part}.parquet", body)
        ledger.add_run(make_run(dataset, version="1" if dataset == "a" else "2", retrain=None))
    ledger.add_run(make_run("c", version="3", retrain={"who": "x", "why": "y", "of": ["a"]}))
    put("artifacts", "demo/iris/quarantine/q/q.csv", ROWS.encode())
    request = {"data": json.dumps({"instances": [{"patient": WHO}]})}
    lines = json.dumps({"captureData": request}) + "\n" + json.dumps({"captureData": {"data": "{}"}}) + "\n"
    put("artifacts", "_captured/demo/iris/demo-iris-r1/demo-iris/main/2026/01/01/00/x.jsonl", lines.encode())

    def run() -> dict[str, Any]:
        arguments = ["--project", "iris", "--key", f"patient={WHO}", "--reason", "Asked on 1 May.", "--json"]
        assert main(["erase", *arguments]) == 0
        told = capsys.readouterr()
        assert WHO not in told.out + told.err
        return dict(json.loads(told.out))

    return run


def everything(aws: boto3.Session) -> dict[tuple[str, str, str], bytes]:
    s3 = aws.client("s3")
    return {
        (bucket, each["Key"], each["VersionId"]): s3.get_object(
            Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"]
        )["Body"].read()
        for bucket in ("data", "artifacts")
        for each in s3.list_object_versions(Bucket=bucket).get("Versions", [])
    }


def test_nothing_of_a_subject_is_left_in_any_version_and_the_others_stay(
    erase: Callable[[], dict[str, Any]], aws: boto3.Session, ledger: Ledger
) -> None:
    told = erase()
    assert (told["datasets"], told["removed_whole"], told["versions_to_retrain"]) == (
        ["a", "b"],
        ["b"],
        ["1", "2", "3"],
    )
    left = everything(aws)
    assert [place for place, body in left.items() if WHO.encode() in body] == []
    keys = {key for _, key, _ in left}
    assert not any(key.startswith("demo/iris/datasets/b/") and key.endswith(".parquet") for key in keys)
    for dataset in "ab":
        [manifest] = [json.loads(body) for (_, key, _), body in left.items() if f"{dataset}/manifest" in key][-1:]
        newest = aws.client("s3").get_object(Bucket="artifacts", Key=f"demo/iris/datasets/{dataset}/manifest.json")
        [part] = json.loads(newest["Body"].read())["parts"]
        assert left["data", part["key"], part["version_id"]].decode().splitlines()[1:] == ["p2,42,c"]
        assert manifest["parts"]
    entries = [json.loads(each.text) for each in ledger.trail.entries("demo#iris")]
    assert [each["what"] for each in entries[-2:]] == [["erasure begun"], ["rows erased"]]
    assert WHO not in str(entries)
    newest = aws.client("s3").head_object(Bucket="artifacts", Key="demo/iris/datasets/a/train.parquet")
    assert newest["SSEKMSKeyId"].endswith("alias/headgate-demo")


def test_erasing_again_finds_nothing(erase: Callable[[], dict[str, Any]], aws: boto3.Session) -> None:
    erase()
    before = everything(aws)
    again = erase()
    assert (again["rows"], again["objects"], everything(aws)) == (0, 0, before)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("text", "value", "left"),
    [
        ("id;x\n7;a\n07.0;b\n8;c\n", "7", ["8"]),
        ('{"id": 7, "x": "a"}\n{"id": 8, "x": "b"}\n', "7", ["8"]),
        ("id,x\n a b ,1\nab,2\n", "a b", ["ab"]),
    ],
)
def test_rows_are_found_in_every_form(text: str, value: str, left: list[str], zipped: bool, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "clean"
    source.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert without(source, target, "id", value)
    body = gzip.decompress(target.read_bytes()) if zipped else target.read_bytes()
    target.write_bytes(body)
    read = f"read_json('{target}')" if body.startswith(b"{") else f"read_csv('{target}', all_varchar = true)"
    assert [str(row[0]) for row in duckdb.sql(f"SELECT id FROM {read}").fetchall()] == left
    assert without(target, tmp_path / "again", "id", value) == 0
    assert without(target, tmp_path / "again", "nobody", value) is None
