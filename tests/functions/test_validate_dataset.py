"""The task that decides whether a dataset is fit, through its real handler: in the function, and on a machine."""

import csv
import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from tests.dropping import FOLDER, WDBC, Drop
from tests.pictures import archive, folders

from headgate.aws.s3 import Objects
from headgate.domain import machines
from headgate.domain.endpoint_settings import EndpointSettings
from headgate.domain.errors import NotFoundError, TamperedError
from headgate.domain.project import ProjectSettings
from headgate.domain.runs import Champion, Head

WRITTEN = ["report.json", "spec/spec.json", "test.parquet", "train.parquet", "validation.parquet"]
both = pytest.mark.parametrize("drop", ["function", "machine"], indirect=True)


@both
def test_a_good_dataset_is_accepted_without_any_settings(drop: Drop) -> None:
    dropped = drop(WDBC)
    answer = dropped.validated()
    reason = answer.pop("reason")
    assert "569 rows" in reason
    assert answer == {
        "verdict": "accepted",
        "reason_code": "FIT",
        "rows": 569,
        "task": "binary",
        "metric": "auc",
        "target": "diagnosis",
        "holdout": dropped.dataset,
        "champion": None,
        "hyperparameters": {},
        "training_instance_type": "ml.m5.large",
        "training": {"instance_count": 1, "spot": False},
        "key": "arn:aws:kms:eu-central-1:123456789012:key/of-demo",
        "volume_key": "arn:aws:kms:eu-central-1:123456789012:key/of-demo",
        "volume_gb": 30,
        "tuning": None,
        "gate": ProjectSettings().gate_policy,
        "approval": ProjectSettings().approval.model_dump(),
        "endpoint": EndpointSettings().model_dump(),
    }
    assert dropped.written(dropped.folder) == WRITTEN
    assert dropped.quarantined() == []


@both
def test_what_training_reads_is_as_the_contract_says(drop: Drop, objects: Objects, tmp_path: Path) -> None:
    dropped = drop(WDBC)
    dropped.validated()
    spec = objects.get_json("artifacts", f"{dropped.folder}spec/spec.json")
    columns = spec.pop("columns")
    assert spec == {
        "format": 1,
        "target": "diagnosis",
        "task": "binary",
        "classes": ["benign", "malignant"],
        "positive": "malignant",
        "metric": "auc",
        "direction": "maximize",
        "seed": 17,
    }
    rows = []
    for part in ("train", "validation", "test"):
        path = tmp_path / f"{part}.parquet"
        path.write_bytes(objects.get_bytes("artifacts", f"{dropped.folder}{part}.parquet"))
        table = duckdb.read_parquet(str(path))
        assert table.columns == [*(column["name"] for column in columns), "diagnosis"]
        assert {str(kind) for kind in table.types} == {"DOUBLE", "VARCHAR"}
        rows += table.fetchall()
    header, *lines = csv.reader(WDBC.decode().splitlines())
    assert header == table.columns
    assert sorted(rows) == sorted((*map(float, line[:-1]), line[-1]) for line in lines)


def test_the_report_tells_every_inference_with_its_reason(drop: Drop) -> None:
    dropped = drop(WDBC)
    dropped.validated()
    report = dropped.report()
    assert (report["rows"], report["columns"], len(report["profile"])) == (569, 31, 31)
    assert [item["what"] for item in report["inferred"][:4]] == ["target", "task", "metric", "positive"]
    assert len(report["inferred"]) == 34
    assert all(item["why"] for item in report["inferred"])
    assert set(report["seconds"]) == {"fetch", "read", "measure", "leakage", "split", "write"}
    assert sum(report["split"][part] for part in ("train", "validation", "test")) == 569


def test_the_report_tells_which_settings_were_read(drop: Drop, aws: boto3.Session) -> None:
    dropped = drop(WDBC)
    dropped.validated()
    assert dropped.report()["settings"] == {"version_id": None}
    for text, verdict in (("metric: auc\n", "accepted"), ("tarrget: x\n", "rejected")):
        dropped.settings(text)
        version = aws.client("s3").head_object(Bucket="data", Key=f"{FOLDER}project.yaml")["VersionId"]
        assert dropped.validated()["verdict"] == verdict
        assert dropped.report()["settings"] == {"version_id": version}


@both
def test_asking_again_changes_nothing(drop: Drop, objects: Objects) -> None:
    dropped = drop(WDBC)

    def state() -> dict[str, bytes]:
        names = [name for name in dropped.written(dropped.folder) if name != "report.json"]
        return {name: objects.get_bytes("artifacts", dropped.folder + name) for name in names}

    first, files = dropped.validated(), state()
    assert dropped.validated() == first
    assert state() == files
    again = dropped.report() | {"seconds": None}
    dropped.validated()
    assert dropped.report() | {"seconds": None} == again


@both
def test_settings_reach_the_stages(drop: Drop) -> None:
    dropped = drop(WDBC)
    dropped.settings(
        "metric: log_loss\ntraining: {epochs: 5, hidden_units: 32, instance_type: ml.c5.xlarge}\n"
        "gate: {min_improvement: 0.1}\nendpoint: {instance_count: 2, rollout: {strategy: linear}}\n"
        "tuning: {trials: 4}\n"
    )
    answer = dropped.validated()
    assert answer["metric"] == "log_loss"
    assert answer["hyperparameters"] == {"epochs": "5", "hidden_units": "32"}
    assert answer["training_instance_type"] == "ml.c5.xlarge"
    assert answer["tuning"] == {"strategy": "auto", "trials": 4}
    assert answer["gate"] == ProjectSettings().gate_policy | {"min_improvement": 0.1}
    assert (answer["endpoint"]["instance_count"], answer["endpoint"]["rollout"]["strategy"]) == (2, "linear")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("min_rows: 100", "ml.m5.4xlarge"),
        ("training: {instance_type: ml.r5.4xlarge}", "ml.r5.4xlarge"),
        ("training: {instance_type: ml.m5.large}", "TOO_LARGE_TO_TRAIN"),
    ],
)
def test_training_gets_a_machine_that_holds_its_rows(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, settings: str, expected: str
) -> None:
    monkeypatch.setattr(machines, "_PROGRAM", 30e9)  # as if the rows took so much
    dropped = drop(WDBC)
    dropped.settings(settings)
    answer = dropped.validated()
    assert expected in (answer["reason_code"], answer.get("training_instance_type"))


@pytest.mark.parametrize(
    ("settings", "says"), [("tarrget: x", "did you mean target?"), ("target: [", "YAML"), ("identity: [x]", "identity")]
)
def test_wrong_settings_refuse_the_run_by_the_key(drop: Drop, settings: str, says: str) -> None:
    dropped = drop(WDBC)
    dropped.settings(settings)
    answer = dropped.validated()
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", "SETTINGS_INVALID")
    assert says in answer["reason"]


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ("endpoint: {instance_count: 5}", False),  # scales to twice as many
        ("endpoint: {instance_count: 6}", True),
        ("endpoint: {instance_count: 6, scaling: {max: 10}}", False),
        ("endpoint: {instance_count: 2, scaling: {schedules: [{cron: '0 8 * * ? *', min: 2, max: 11}]}}", True),
        ("endpoint: {instance_count: 10, scaling: {enabled: false}}", False),
    ],
)
def test_an_endpoint_has_no_more_instances_than_the_tenant_may(drop: Drop, settings: str, refused: bool) -> None:
    dropped = drop(WDBC)
    dropped.settings(settings)
    answer = dropped.validated()
    assert (answer["reason_code"] == "QUOTA_INSTANCES") is refused, answer["reason"]


@both
def test_a_refused_upload_is_set_aside_with_the_reason(drop: Drop, objects: Objects) -> None:
    names = ["good name.csv", "a+b %.csv", "ünï.csv"]
    damaged = WDBC + b"1,2,3\n"
    dropped = drop(**dict.fromkeys(names, damaged))
    answer = dropped.validated()
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", "RAGGED_ROWS")
    assert dropped.quarantined() == sorted([*names, "report.json"])
    for name in names:
        assert objects.get_bytes("artifacts", f"{FOLDER}quarantine/{dropped.dataset}/{name}") == damaged
        assert objects.get_bytes("data", f"{FOLDER}incoming/{name}") == damaged
    report = objects.get_json("artifacts", f"{FOLDER}quarantine/{dropped.dataset}/report.json")
    assert (report["reason_code"], report["reason"]) == ("RAGGED_ROWS", answer["reason"])
    assert dropped.report() == report
    assert dropped.written(dropped.folder) == ["report.json"]


def test_files_of_one_name_do_not_hide_each_other_in_quarantine(drop: Drop) -> None:
    dropped = drop(**{"d/1/x.csv": b"a\n", "d/2/x.csv": b"b\n", "d/report.json": b"c\n"})
    dropped.validated()
    assert dropped.quarantined() == ["00000-x.csv", "00001-x.csv", "00002-report.json", "report.json"]


@both
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"\xef\xbb\xbf\r\n", "EMPTY_FILE"),
        (gzip.compress(b"", mtime=0), "EMPTY_FILE"),
        (random.Random(1).randbytes(5000), "NOT_UTF8"),
        (b"\xff\xd8\xff\xe0" + b"x" * 500, "NOT_UTF8"),
        (b"%PDF-1.7\n" + b"x" * 500, "TOO_FEW_ROWS"),
        (b"PK\x03\x04" + b"x" * 500, "ZIP_UNREADABLE"),
    ],
)
def test_what_is_no_table_is_refused(drop: Drop, content: bytes, code: str) -> None:
    dropped = drop(content)
    answer = dropped.validated()
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", code)
    assert dropped.quarantined() == ["report.json", "upload.csv"]


@both
def test_an_archive_of_pictures_becomes_a_table_of_pixels(drop: Drop) -> None:
    dropped = drop(**{"shades.zip": archive(folders())})
    answer = dropped.validated()
    assert (answer["verdict"], answer["task"], answer["target"], answer["rows"]) == ("accepted", "binary", "label", 120)
    assert dropped.validated() == answer


def test_an_archive_that_holds_something_else_is_set_aside_with_its_reason(drop: Drop) -> None:
    dropped = drop(**{"tables.zip": archive({"wdbc.csv": WDBC})})
    answer = dropped.validated()
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", "ZIP_FILE")
    assert dropped.quarantined() == ["report.json", "tables.zip"]


@both
def test_parts_form_one_dataset_and_empty_ones_are_passed_over(drop: Drop) -> None:
    header, *lines = WDBC.splitlines(keepends=True)
    dropped = drop(
        **{"d/1.csv": header + b"".join(lines[:300]), "d/2.csv": b"", "d/3.csv": header + b"".join(lines[300:])}
    )
    assert dropped.validated()["rows"] == 569


@both
def test_parts_of_different_formats_are_refused(drop: Drop) -> None:
    assert drop(**{"d/1.csv": WDBC, "d/2.jsonl": b'{"a": 1}\n'}).validated()["reason_code"] == "PARTS_DIFFER"


def test_an_object_that_is_gone_is_refused_and_not_retried(drop: Drop, objects: Objects) -> None:
    dropped = drop(WDBC)
    dropped.delete()
    answer = dropped.validated()
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", "OBJECT_GONE")
    assert dropped.quarantined() == ["report.json"]
    with pytest.raises(NotFoundError):
        objects.get_bytes("data", dropped.parts[0]["key"])


def test_the_bytes_validated_are_those_that_were_dropped(drop: Drop, aws: boto3.Session) -> None:
    dropped = drop(WDBC)
    aws.client("s3").put_object(Bucket="data", Key=dropped.parts[0]["key"], Body=b"other bytes")
    assert dropped.validated()["verdict"] == "accepted"


@pytest.mark.parametrize(
    "changed",
    [
        {"bucket": "somebody-elses"},
        {"parts": [{"key": "globex/iris/incoming/upload.csv", "version_id": "1", "size": 1}]},
        {"parts": [{"key": "demo/iris2/incoming/upload.csv", "version_id": "1", "size": 1}]},
        {"parts": [{"key": f"{FOLDER}incoming/another.csv", "version_id": "1", "size": 1}]},
        {"parts": []},
        {"recipe": {"code": "x", "settings": "y"}, "attempt": 0},
    ],
)
def test_a_manifest_that_was_changed_is_not_believed(drop: Drop, objects: Objects, changed: dict[str, Any]) -> None:
    dropped = drop(WDBC)
    place = f"{dropped.folder}manifest.json"
    objects.put_json("artifacts", place, {**objects.get_json("artifacts", place), **changed})
    with pytest.raises(TamperedError, match="was changed after it was written"):
        dropped.validated()
    assert (dropped.written(dropped.folder), dropped.quarantined()) == ([], [])


@pytest.mark.parametrize("most", [{}, {"max_bytes": 0}])
def test_a_champions_holdout_and_form_hold_for_the_next_dataset(
    drop: Drop, objects: Objects, tmp_path: Path, most: Any
) -> None:
    first = drop(WDBC)
    first.validated()
    head = Head(
        champion=Champion(sequence=1, version="1", dataset=first.dataset, model_data_url="s3://artifacts/m.tar.gz"),
        holdout="0123456789",
    )
    (tmp_path / "work").mkdir()
    objects.put_bytes("artifacts", f"{FOLDER}datasets/0123456789/test.parquet", b"rows")
    lines = WDBC.splitlines(keepends=True)
    second = drop(b"".join(lines[:500])).under(head, tmp_path / "work", **most)
    assert (second["verdict"], second["holdout"]) == ("accepted", "0123456789")
    assert second["champion"] == {
        "sequence": 1,
        "version": "1",
        "dataset": first.dataset,
        "model_data_url": "s3://artifacts/m.tar.gz",
    }
    gone = drop(b"".join(lines[:501]))  # of the holdout, which an erasure took and an older release brought back
    answer = gone.under(replace(head, holdout="9876543210"), tmp_path / "work", **most)
    assert (answer["holdout"], answer["champion"]) == (gone.dataset, second["champion"])
    lost = drop(WDBC.replace(b"mean_radius", b"average_radius")).under(head, tmp_path / "work", **most)
    assert (lost["reason_code"], "mean_radius" in lost["reason"]) == ("SCHEMA_CHANGED", True)
    assert list((tmp_path / "work").iterdir()) == []


@both
def test_nothing_of_a_row_is_told(drop: Drop, capsys: pytest.CaptureFixture[str]) -> None:
    canary = b"canary-5d1c"
    row = b",".join([canary] * 31)
    header, *lines = WDBC.splitlines(keepends=True)
    damaged = WDBC + row[: -len(canary)] + b"benign\n" + b'"' + canary + b"\n"
    headless = [canary + line[line.index(b",") :] for line in lines]
    codes = []
    for content in (damaged, b"".join(headless), headless[0], b"".join([headless[0], header, *lines])):
        dropped = drop(content)
        answer = dropped.validated()
        codes.append(answer["reason_code"])
        told = json.dumps(answer) + json.dumps(dropped.report()) + capsys.readouterr().out
        assert "canary" not in told
    assert codes == ["UNBALANCED_QUOTES", "NO_HEADER", "NO_HEADER", "NO_HEADER"]
