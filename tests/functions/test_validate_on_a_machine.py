"""Datasets that are too large for a function: what goes to a machine, and what is believed of its answer."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.dropping import FOLDER, WDBC, Drop

from headgate import job
from headgate.services import brought


def test_a_dataset_beyond_the_bound_goes_to_a_machine_unread(drop: Drop, bound: Callable[[int], None]) -> None:
    dropped = drop(**{"d/1 ä+%.csv": WDBC, "d/2.csv": b"", "d/3.csv.gz": gzip.compress(WDBC, mtime=0)})
    bound(1000)
    answer = dropped._invoke("validate_dataset", dropped.event)
    assert (answer["verdict"], answer["machine"]["instance_type"]) == ("large", "ml.m5.4xlarge")
    assert dropped.written(dropped.folder) == []
    listed = dropped._objects.get_json("artifacts", f"{dropped.folder}examination/parts.json")
    assert listed == [{"prefix": f"s3://data/{FOLDER}incoming/"}, "d/1 ä+%.csv", "d/3.csv.gz"]


def test_a_table_that_grows_beyond_the_bound_goes_to_a_machine(drop: Drop, bound: Callable[[int], None]) -> None:
    packed = gzip.compress(WDBC, mtime=0)
    dropped = drop(packed)
    bound(len(packed))
    assert dropped._invoke("validate_dataset", dropped.event)["verdict"] == "large"
    assert dropped.validated()["rows"] == 569


def test_a_dataset_beyond_a_machine_is_refused(drop: Drop, bound: Callable[[int], None], monkeypatch: Any) -> None:
    dropped = drop(WDBC)
    bound(1000)
    monkeypatch.setattr(brought.examine_brought, "__defaults__", (1000,))
    assert dropped.validated()["reason_code"] == "TOO_LARGE"
    assert dropped.quarantined() == ["report.json", "upload.csv"]


@pytest.mark.parametrize("when", ["before", "while it is read"])
def test_a_machine_is_not_believed_where_a_part_was_replaced(
    drop: Drop, bound: Callable[[int], None], aws: boto3.Session, when: str
) -> None:
    dropped = drop(WDBC)
    bound(1000)
    if when != "before":
        assert dropped._invoke("validate_dataset", dropped.event)["verdict"] == "large"
        dropped.on_a_machine()
    aws.client("s3").put_object(Bucket="data", Key=dropped.parts[0]["key"], Body=b"other bytes")
    answer = dropped._invoke("validate_dataset", {**dropped.event, "examined": when != "before"})
    assert (answer["verdict"], answer["reason_code"]) == ("rejected", "OBJECT_GONE")
    assert "report.json" in dropped.written(dropped.folder)
    assert "spec/spec.json" not in dropped.written(dropped.folder)
    kept = dropped._objects.get_bytes("artifacts", f"{FOLDER}quarantine/{dropped.dataset}/upload.csv")
    assert kept == WDBC  # what was dropped, and not what replaced it


def test_a_job_that_fails_tells_its_words_and_no_row(tmp_path: Path) -> None:
    root = tmp_path / "ml" / "processing"
    (root / "input").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        job.main(["validate", "--root", str(root)])
    assert (root.parent / "output" / "message").read_text() == "FileNotFoundError"
