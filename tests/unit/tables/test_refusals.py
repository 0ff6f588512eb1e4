"""Every way in which an upload is no table to train on, by its reason code; and what looks odd but is fine."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.tables import load

ROOT = Path(__file__).resolve().parents[3]
HEADER = b"a,b,c,target\n"


def number(rand: Any, _row: int) -> float:
    return round(rand.gauss(0, 1), 3)


def label(rand: Any, _row: int) -> str:
    return rand.choice(["no", "yes"])


@pytest.fixture
def good(table: Callable[..., bytes]) -> bytes:
    return table(200, a=number, b=number, c=lambda rand, _: rand.choice("uvw"), target=label)


@pytest.mark.parametrize(
    ("appended", "code", "says"),
    [
        (b"1,2,u\n", "RAGGED_ROWS", "Line 202 has fewer"),
        (b"1,2,u,no,5\n", "RAGGED_ROWS", "Line 202 has more"),
        (b'1,2,"u,no\n1,2,u,no\n', "UNBALANCED_QUOTES", "line 202"),
        (b'1,2,"u"x,no\n', "UNBALANCED_QUOTES", "line 202"),
        (b"1,2,\xe9\xe8,no\n", "NOT_UTF8", "UTF-8"),
        (b"1,2,u,n\xc3", "NOT_UTF8", "cut off"),
        (b"1,2,\0,no\n", "NUL_BYTES", "NUL"),
        (b"1,2," + b"u" * 40_000 + b",no\n", "ROW_TOO_LONG", "32 KB"),
        (b"1,2," + b"u" * 3_000_000 + b",no\n", "ROW_TOO_LONG", "32 KB"),
        (b"NaN,2,u,no\n", "NOT_FINITE", "a"),
        (b"nan,2,u,no\n", "NOT_FINITE", "a"),
        (b"1,inf,u,no\n", "NOT_FINITE", "b"),
        (b"1,-Infinity,u,no\n", "NOT_FINITE", "b"),
        (b"1,1e309,u,no\n", "NOT_FINITE", "b"),
        (b"1,2,u,\n", "TARGET_MISSING_VALUES", "1 of 201"),
        (b"1,2,u,maybe\n", "CLASS_TOO_RARE", "has 1 rows"),
    ],
)
def test_one_bad_row_refuses_the_dataset(examined, good: bytes, appended: bytes, code: str, says: str) -> None:
    answer = examined(good + appended)
    assert answer.code == code
    assert says in answer.reason


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda good: HEADER, "HEADER_ONLY"),
        (lambda good: HEADER.strip(), "HEADER_ONLY"),
        (lambda good: good.split(b"\n", 1)[1], "NO_HEADER"),
        (lambda good: b"1.5,0,u,no\n", "NO_HEADER"),
        (lambda good: b"\xef\xbb\xbfsep=,\r\n" + good, "NO_HEADER"),
        (lambda good: good.replace(b"\n", b",\n").replace(b"target", b"x"), "TARGET_MISSING_VALUES"),
        (lambda good: b"\n".join(good.split(b"\n")[:40]), "TOO_FEW_ROWS"),
        (lambda good: good.replace(b"a,b", b"a,a", 1), "DUPLICATE_COLUMNS"),
        (lambda good: good.replace(b"a,b", b"a,A", 1), "DUPLICATE_COLUMNS"),
        (lambda good: gzip.compress(good)[:-20], "GZIP_TRUNCATED"),
        (lambda good: gzip.compress(good) + b"garbage", "GZIP_TRUNCATED"),
        (lambda good: gzip.compress(HEADER + b"1,2,u,no\n" * 2_000_000), "GZIP_BOMB"),
        (lambda good: gzip.compress(b"\0" * 20_000_000), "GZIP_BOMB"),
        (lambda good: gzip.compress(gzip.compress(good)), "UNSUPPORTED_FORMAT"),
        (lambda good: b"PK\x03\x04" + good, "ZIP_UNREADABLE"),
        (lambda good: good.decode().encode("utf-16"), "NOT_UTF8"),
        (lambda good: good.decode().encode("utf-16-le"), "NUL_BYTES"),
        (lambda good: b"PAR1" + good, "UNREADABLE"),
        (lambda good: b'[{"a": 1}]', "UNSUPPORTED_FORMAT"),
        (lambda good: b'{"a": 1}\n{"a": ', "UNREADABLE"),
        (lambda good: b'{"a": [1, 2]}\n', "UNSUPPORTED_FORMAT"),
        (lambda good: b",".join(b"c%d" % i for i in range(1001)) + b"\n", "TOO_MANY_COLUMNS"),
        (lambda good: b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n", "TOO_MANY_COLUMNS"),
        (lambda good: b"just a sentence, and\nanother one, and\n" * 100, "TARGET_CONSTANT"),
    ],
)
def test_a_file_that_is_no_table_is_refused(examined, good: bytes, change: Callable[[bytes], bytes], code: str) -> None:
    assert examined(change(good)).code == code


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"a": number, "target": lambda *_: "same"}, "TARGET_CONSTANT"),
        ({"a": number, "target": lambda _, row: "x" if row % 40 else "y"}, "CLASS_TOO_RARE"),
        ({"a": number, "target": lambda _, row: f"text {row}"}, "TOO_MANY_CLASSES"),
        ({"a": lambda *_: 1, "b": lambda *_: "", "target": label}, "NO_USABLE_FEATURES"),
        ({"id": lambda _, row: row, "target": label}, "NO_USABLE_FEATURES"),
        ({"target": label}, "NO_USABLE_FEATURES"),
    ],
)
def test_a_table_without_anything_to_learn_is_refused(examined, table, columns: dict[str, Any], code: str) -> None:
    assert examined(table(200, **columns)).code == code


def test_parts_form_one_table(examined, good: bytes) -> None:
    lines = good.split(b"\n")
    first, second = b"\n".join(lines[:100]) + b"\n", b"\n".join([lines[0], *lines[100:]])
    assert examined(first, second).findings.rows == 200
    assert examined(first, second.replace(b"a,b", b"a,x", 1)).code == "PARTS_DIFFER"
    assert examined(first, second.split(b"\n", 1)[1]).code == "NO_HEADER"


@pytest.mark.parametrize("late", [b"", b" ? "], ids=["read at once", "read by counting"])
def test_parts_that_two_programs_exported_form_one_table(examined, good: bytes, late: bytes) -> None:
    """One writes commas and decimal points; the other, a spreadsheet, semicolons and decimal commas after a mark."""
    header, *lines = good.rstrip(b"\n").split(b"\n")
    lines[-1] = late + lines[-1][lines[-1].index(b",") :]  # a missing value among blanks is what DuckDB cannot read
    first, second = b"\n".join([header, *lines[:100]]), b"\n".join([header, *lines[100:]])
    excel = b"\xef\xbb\xbf" + second.replace(b",", b";").replace(b".", b",").replace(b"\n", b"\r\n")
    whole, both, turned = examined(b"\n".join([header, *lines])), examined(first, excel), examined(excel, first)
    assert [each.code for each in (whole, both, turned)] == ["FIT"] * 3, both.reason
    assert whole.spec == both.spec == turned.spec
    tables = {tuple(duckdb.sql(f"FROM '{a.folder}/t*.parquet' ORDER BY ALL").fetchall()) for a in (whole, both, turned)}
    assert len(tables) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda good: b"\xef\xbb\xbf" + good,
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good.replace(b"\n", b"\r"),
        lambda good: good.replace(b"\n", b"\r\n", 50),
        lambda good: good.replace(b",", b";"),
        lambda good: good.replace(b",", b"\t"),
        lambda good: good.replace(b",", b"|"),
        lambda good: b"\n\n" + good + b"\n\n",
        lambda good: good.rstrip(b"\n"),
        gzip.compress,
        lambda good: gzip.compress(good[:500]) + gzip.compress(good[500:]),
        lambda good: good.replace(b",u,", b',"u, or ""v""\nand more",'),
        lambda good: good.replace(b"a,b,c", b' a ,"b",c', 1),
        lambda good: good + b"NA,N/A,?,no\n,,,yes\n ,null,None,no\n",
    ],
)
def test_what_is_written_in_another_way_is_the_same_table(examined, good: bytes, change) -> None:
    answer = examined(change(good))
    assert answer.code == "FIT", answer.reason
    assert [(column.name, column.kind) for column in answer.spec.columns] == [
        ("a", "numeric"),
        ("b", "numeric"),
        ("c", "categorical"),
    ]


def test_json_lines_and_parquet_are_the_same_table_as_csv(examined, good: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(good)
    parquet = tmp_path / "good.parquet"
    duckdb.sql(f"COPY (FROM read_csv('{tmp_path}/good.csv', types = {{target: 'VARCHAR'}})) TO '{parquet}'")
    header, *lines = (line.split(",") for line in good.decode().splitlines())
    documents = [
        {name: float(cell) if name in "ab" else cell for name, cell in zip(header, line, strict=True)} for line in lines
    ]
    json_lines = "\n".join(map(json.dumps, documents)).encode()
    answers = [examined(content) for content in (good, json_lines, parquet.read_bytes(), gzip.compress(json_lines))]
    assert [answer.code for answer in answers] == ["FIT"] * 4
    assert len({answer.spec.model_dump_json() for answer in answers}) == 1
    files = {tuple(duckdb.sql(f"FROM '{a.folder}/train.parquet' ORDER BY ALL").fetchall()) for a in answers}
    assert len(files) == 1


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("'NaN'::DOUBLE AS a", "NOT_FINITE"),
        ("[1, 2] AS a", "UNSUPPORTED_FORMAT"),
        ("'x'::BLOB AS a", "UNSUPPORTED_FORMAT"),
        ("i::DECIMAL(9, 2) / 7 AS a", "FIT"),
        ("DATE '2026-01-01' + i::INTEGER AS a", "FIT"),
        ("TIMESTAMPTZ '2026-01-01 00:00:00+02' + to_hours(i::INTEGER) AS a", "FIT"),
        ("i % 3 = 0 AS a", "FIT"),
    ],
)
def test_types_of_parquet(examined, tmp_path: Path, expression: str, code: str) -> None:
    path = tmp_path / "x.parquet"
    duckdb.sql(f"COPY (SELECT {expression}, hash(i) AS b, i % 7 < 3 AS target FROM range(300) t(i)) TO '{path}'")
    answer = examined(path.read_bytes())
    assert answer.code == code, answer.reason


def test_parquet_parts_may_differ_in_how_numbers_are_stored_but_not_in_what_is_one(examined, tmp_path: Path) -> None:
    def part(expression: str, begin: int) -> bytes:
        path = tmp_path / f"{begin}.parquet"
        columns = f"{expression} AS a, hash(i) % 1000 AS b, i % 7 < 3 AS target"
        duckdb.sql(f"COPY (SELECT {columns} FROM range({begin}, {begin} + 200) t(i)) TO '{path}'")
        return path.read_bytes()

    whole, holed = part("i", 0), part("CASE WHEN i % 9 > 0 THEN i::DOUBLE END", 200)
    answer = examined(whole, holed)
    assert (answer.code, answer.findings.rows, answer.column("a").kind) == ("FIT", 400, "numeric"), answer.reason
    assert examined(whole, part("i::VARCHAR", 400)).code == "PARTS_DIFFER"


def test_a_parquet_file_that_grows_beyond_measure_is_refused_unread(examined, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(load, "MAX_CELLS", 1_000_000)
    path = tmp_path / "bomb.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS a, 2 AS target FROM range(600_000)) TO '{path}'")
    assert path.stat().st_size < 20_000
    assert examined(path.read_bytes()).code == "TOO_LARGE"


def test_examples_are_accepted_and_the_damaged_one_is_not(examined) -> None:
    answers = {path.stem: examined(path.read_bytes()) for path in (ROOT / "examples").glob("*.csv")}
    damaged = answers.pop("damaged_solder")
    assert (damaged.code, "Line 414" in damaged.reason) == ("RAGGED_ROWS", True)
    found = {name: (a.spec.task, a.spec.target, a.spec.positive, a.spec.metric) for name, a in answers.items()}
    assert found == {
        "healthcare_wdbc": ("binary", "diagnosis", "malignant", "auc"),
        "finance_german_credit": ("binary", "risk", "bad", "auc"),
        "manufacturing_solder": ("regression", "skips", None, "rmse"),
        "digits": ("multiclass", "digit", None, "accuracy"),
        "arrivals": ("regression", "arrivals", None, "rmse"),
        "airpassengers": ("regression", "passengers", None, "rmse"),
        "food_reviews": ("binary", "score", "other", "auc"),
    }
    assert [(grid.kind, grid.shape) for grid in answers["digits"].spec.grids] == [("image", [8, 8, 1])]
    assert answers["arrivals"].spec.forecast.entity == ["origin"]
    assert answers["food_reviews"].spec.kind_of("review") == "text"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(alphabet=',;"\n\r\tab1.\ufeffé{}[]:', max_size=200).map(str.encode))
def test_any_bytes_get_an_answer(examined, content: bytes) -> None:
    # What has content has an answer; the use case answers EMPTY_FILE for the rest.
    if content.removeprefix(b"\xef\xbb\xbf").strip(b"\r\n"):
        assert examined(content, settings="min_rows: 20").code != ""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 6000), replacement=st.binary(min_size=0, max_size=3))
def test_a_damaged_table_gets_an_answer(examined, good: bytes, position: int, replacement: bytes) -> None:
    answer = examined(good[:position] + replacement + good[position + 1 :])
    assert answer.code
    assert "gauss" not in answer.reason


def test_no_reason_quotes_a_row(examined, good: bytes) -> None:
    secret = b"canary-7f3a"
    for row in (secret + b",1\n", b"1,2,u,no," + secret + b"\n", b'1,2,"' + secret + b",no\n", secret + b",2,u,\n"):
        answer = examined(good + row)
        assert answer.code != "FIT"
        assert "canary" not in answer.reason + json.dumps(answer.findings.report({"verdict": "rejected"}))
