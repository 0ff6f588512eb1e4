"""The leash that DuckDB is on."""

from pathlib import Path

import duckdb
import pytest

from headgate.domain.errors import DatasetRefusedError
from headgate.tables.engine import Limits, literal, opened, quoted


def test_files_outside_the_directory_are_out_of_reach(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.csv"
    inside.mkdir()
    (inside / "x.csv").write_text("a\n1\n")
    outside.write_text("a\n1\n")
    with opened(inside, Limits()) as engine:
        assert engine.rows(f"FROM read_csv({literal(inside / 'x.csv')})") == [(1,)]
        for attempt in (
            f"FROM read_csv({literal(outside)})",
            f"COPY (SELECT 1) TO {literal(tmp_path / 'new.csv')}",
            "INSTALL httpfs",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                engine.rows(attempt)


def test_work_that_takes_too_long_is_ended_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # After two seconds DuckDB would draw a progress bar into the log.
    with opened(tmp_path, Limits(seconds=2.5)) as engine, pytest.raises(DatasetRefusedError) as refusal:
        engine.rows("SELECT max(hash(a.range, b.range)) FROM range(10_000_000) a, range(10_000_000) b")
    assert refusal.value.reason_code == "TOO_LARGE"
    assert capfd.readouterr() == ("", "")


def test_work_that_needs_too_much_memory_is_ended(tmp_path: Path) -> None:
    limits = Limits(memory_mb=30, disk_gb=0)
    with opened(tmp_path, limits) as engine, pytest.raises(DatasetRefusedError) as refusal:
        engine.rows("CREATE TABLE t AS SELECT hash(range), hash(range + 1) FROM range(30_000_000)")
    assert refusal.value.reason_code == "TOO_LARGE"


@pytest.mark.parametrize("name", ['a"b', "a'; DROP TABLE x; --", "ä ö", "select", "a\nb"])
def test_any_name_and_any_text_can_be_quoted(tmp_path: Path, name: str) -> None:
    with opened(tmp_path, Limits()) as engine:
        assert engine.row(f"SELECT {quoted(name)} FROM (SELECT {literal(name)} AS {quoted(name)})") == (name,)
