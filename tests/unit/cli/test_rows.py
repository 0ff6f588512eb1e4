import gzip
import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_cli.errors import UsageError
from headgate_cli.rows import Instances, batches, read_rows

COLUMNS = [
    {"name": "age", "kind": "numeric"},
    {"name": "ward", "kind": "categorical"},
    {"name": "smoker", "kind": "boolean"},
    {"name": "admitted", "kind": "datetime"},
]
ROWS = [{"age": "61", "ward": "B2"}, {"age": "", "ward": "a, b"}]


def test_csv_json_lines_and_gzip_hold_the_same_rows(tmp_path: Path) -> None:
    text = 'age,ward\n61,B2\n,"a, b"\n'
    (tmp_path / "rows.csv").write_text("\ufeff" + text)
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    for name in ("rows.csv", "rows.csv.gz", "rows.jsonl"):
        assert list(read_rows(tmp_path / name)) == ROWS, name


@pytest.mark.parametrize("text", ["age,ward\n61,B2\n", '{"age": "61", "ward": "B2"}\n'])
def test_stdin_tells_its_format_by_itself(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert list(read_rows(Path("-"))) == [{"age": "61", "ward": "B2"}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"x,y\n1,2\n1\n", "Line 3 has 1 values where the header names 2"),
        ("a.csv", b"x,x\n1,2\n", "same name"),
        ("a.csv", b'x,y\n"1,2\n', "Line 2 is not CSV"),
        ("a.csv", b"x,y\n\xff,2\n", "UTF-8"),
        ("a.jsonl", b'{"x": 1}\n[1]\n', "Line 2 is not a JSON object"),
        ("a.csv.gz", b"no gzip", "UTF-8"),
        ("a.parquet", b"PAR1", "Parquet"),
        ("a.csv", b"x" * 2**21, "longer than 1 MB"),
    ],
)
def test_rows_that_cannot_be_read_name_the_place(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(read_rows(tmp_path / name))


def test_values_become_what_the_model_takes() -> None:
    row = {"age": "61", "ward": 7, "smoker": True, "admitted": None, "diagnosis": "x"}
    instances = Instances(COLUMNS)
    assert instances.instance(1, row) == {"age": 61.0, "ward": "7", "smoker": "true", "admitted": ""}
    assert instances.unused(row) == ["diagnosis"]


@pytest.mark.parametrize(
    ("form", "written", "sent"),
    [
        ("%d.%m.%Y", "23.11.2026", "2026-11-23T00:00:00"),
        ("%d.%m.%Y", " 1.2.2026 ", "2026-02-01T00:00:00"),
        ("%m/%d/%Y %H:%M", "11/23/2026 08:30", "2026-11-23T08:30:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-23 08:30:01.250", "2026-11-23T08:30:01"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-23T08:30:01+02:00", "2026-11-23T06:30:01"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-23T08:30:01+02", "2026-11-23T06:30:01"),
        ("%d.%m.%Y", "2026-11-23T08:30:00", "2026-11-23T08:30:00"),
        ("%d.%m.%Y", "NA", ""),
        (None, "2026-11-23", "2026-11-23"),
    ],
)
def test_dates_are_sent_as_the_model_learned_them(form: str | None, written: str, sent: str) -> None:
    column = {"name": "admitted", "kind": "datetime"} | ({"datetime_format": form} if form else {})
    assert Instances([column]).instance(1, {"admitted": written}) == {"admitted": sent}


def test_a_file_is_read_as_the_gate_reads_it(tmp_path: Path) -> None:
    lines = ["age;ward", "61,5;a,b", *(f"{age},25;B" for age in range(30))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    first, second, *_ = read_rows(tmp_path / "rows.csv")
    assert first == {"age": "61.5", "ward": "a,b"}
    assert second == {"age": "0.25", "ward": "B"}


def test_an_empty_file_holds_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\n")
    assert list(read_rows(tmp_path / "rows.csv")) == []


@pytest.mark.parametrize("missing", ["", "NA", "null", " ", None])
def test_missing_values_are_nan_for_numbers_and_empty_for_text(missing: str | None) -> None:
    instance = Instances(COLUMNS).instance(1, {"age": missing, "ward": missing})
    assert math.isnan(instance["age"])
    assert instance["ward"] == ""


def test_columns_that_a_row_lacks_are_left_to_the_endpoint() -> None:
    assert Instances(COLUMNS).instance(1, {"age": 1}) == {"age": 1.0}


def test_a_wrong_value_is_placed_but_never_repeated() -> None:
    with pytest.raises(UsageError, match="Row 3, column 'age'") as error:
        Instances(COLUMNS).instance(3, {"age": "secret"})
    assert "secret" not in str(error.value)


@given(st.lists(st.binary(max_size=20)), st.integers(20, 60), st.integers(1, 5))
def test_batches_keep_every_row_in_order_within_bounds(rows: list[bytes], limit: int, most: int) -> None:
    made = list(batches(rows, limit, most))
    assert [row for batch in made for row in batch] == rows
    assert all(0 < len(batch) <= most and sum(map(len, batch)) <= limit for batch in made)


def test_a_row_larger_than_a_request_is_refused() -> None:
    with pytest.raises(UsageError, match="11 bytes"):
        list(batches([b"x" * 11], 10, 5))
