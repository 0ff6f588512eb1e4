import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headgate_training import compression
from headgate_training.encoding import Encoder, load_encoding
from headgate_training.formats import formats_of
from headgate_training.litert import FORMATS, LiteRtModel, engine_file
from headgate_training.parquet import read_parquet, read_target
from headgate_training.spec import Spec, read_spec
from headgate_training.table import Table

from .jobs import Job


def _rows(job: Job) -> tuple[Table, np.ndarray, Spec]:
    spec = read_spec(job.places.spec / "spec.json")
    return read_parquet(job.test, spec), read_target(job.test, spec), spec


def _copy(job: Job, folder: Path) -> Path:
    return Path(shutil.copytree(job.version, folder / "1"))


def test_training_writes_smaller_engines_or_says_why_not(mixed_job: Job) -> None:
    extra = mixed_job.version / "assets.extra"
    listed = json.loads((extra / "formats.json").read_text())["formats"]
    assert [entry["name"] for entry in listed] == list(FORMATS)
    for entry in listed:
        file = extra / engine_file(entry["name"])
        assert file.is_file() == (entry["skipped"] is None)
        assert entry["bytes"] == (file.stat().st_size if file.is_file() else None)
    sizes = {entry["name"]: entry["bytes"] for entry in listed}
    assert sizes["int8"] < sizes["float16"] < sizes["float32"]
    assert sizes["dynamic"] < sizes["float16"]


@pytest.mark.parametrize("name", ["float16", "dynamic", "int8"])
def test_every_format_takes_the_same_rows_and_answers_nearly_alike(mixed_job: Job, name: str) -> None:
    table, _, _ = _rows(mixed_job)
    sure, smaller = LiteRtModel(mixed_job.version), LiteRtModel(mixed_job.version, name)
    for rows in (1, len(table)):
        part = Table(table.numbers[:rows], [values[:rows] for values in table.texts])
        expected, given = sure.predict(part), smaller.predict(part)
        assert given.dtype == np.float32
        assert np.abs(given - expected).max() < 0.1
    assert (smaller.predict(table) != sure.predict(table)).any()


def test_formats_are_measured_beside_float32(mixed_job: Job) -> None:
    table, target, spec = _rows(mixed_job)
    listed, answered = formats_of(mixed_job.version, table, target, spec, rounds=2)
    assert answered.keys() == set(FORMATS)
    measured = {entry["name"]: entry for entry in listed}
    assert list(measured) == list(FORMATS)
    assert measured["float32"]["difference"] is None
    for name in ("float16", "dynamic", "int8"):
        entry = measured[name]
        assert entry["skipped"] is None
        assert entry["p50_microseconds"] > 0
        assert entry["difference"]["low"] <= entry["difference"]["estimate"] <= entry["difference"]["high"]
        change = entry["value"] - measured["float32"]["value"]
        assert entry["difference"]["estimate"] == pytest.approx(change, abs=1e-9)


def test_a_difference_is_oriented_so_that_more_is_better(train_example: Callable[[str], Job], tmp_path: Path) -> None:
    job = train_example("manufacturing")  # rmse: less is better
    directory = _copy(job, tmp_path)
    table, target, spec = _rows(job)
    measured = {entry["name"]: entry for entry in formats_of(directory, table, target, spec, rounds=1)[0]}
    loss = measured["int8"]["value"] - measured["float32"]["value"]
    assert measured["int8"]["difference"]["estimate"] == pytest.approx(-loss)


def test_a_version_from_before_formats_has_one(mixed_job: Job, tmp_path: Path) -> None:
    directory = _copy(mixed_job, tmp_path)
    for file in (directory / "assets.extra").glob("model.*.litert"):
        file.unlink()
    shutil.rmtree(directory / "assets.extra" / "pruned")
    (directory / "assets.extra" / "formats.json").unlink()
    table, target, spec = _rows(mixed_job)
    measured = {entry["name"]: entry for entry in formats_of(directory, table, target, spec, rounds=1)[0]}
    assert measured["float32"]["value"] is not None
    assert all(measured[name]["skipped"] for name in FORMATS[1:])


def test_a_damaged_format_is_skipped_with_its_reason(mixed_job: Job, tmp_path: Path) -> None:
    directory = _copy(mixed_job, tmp_path)
    (directory / "assets.extra" / engine_file("int8")).write_bytes(b"no engine")
    table, target, spec = _rows(mixed_job)
    measured = {entry["name"]: entry for entry in formats_of(directory, table, target, spec, rounds=1)[0]}
    damaged = measured["int8"]
    assert "does not load" in damaged["skipped"]
    assert damaged["bytes"] is damaged["value"] is damaged["p50_microseconds"] is damaged["difference"] is None
    assert measured["dynamic"]["skipped"] is None


def test_a_converter_that_fails_ends_no_job() -> None:
    def fail() -> bytes:
        raise RuntimeError("an operator is missing")

    content, reason = compression._attempt(fail)
    assert content is None
    assert reason == "It could not be made (RuntimeError)."


def test_a_network_that_is_quick_already_is_left_alone(mixed_job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    network, row = mixed_job.version / "assets.extra" / engine_file("float32"), _encoded(mixed_job)
    monkeypatch.setattr(compression, "LEAST_MICROSECONDS", 1e9)
    assert "too little to gain" in str(compression._needless(network, row))
    monkeypatch.setattr(compression, "LARGE_BYTES", network.stat().st_size)
    assert compression._needless(network, row) is None  # its size counts
    monkeypatch.undo()
    monkeypatch.setattr(compression, "LEAST_MICROSECONDS", 0.0)
    assert compression._needless(network, row) is None


def _encoded(job: Job) -> np.ndarray:
    spec = read_spec(job.places.spec / "spec.json")
    encoding = load_encoding(job.version / "assets.extra" / "encoding.json")
    return Encoder(encoding, spec).encode(read_parquet(job.test, spec))[:1]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="known: float32"):
        engine_file("../spec")
