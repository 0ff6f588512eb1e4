"""A subject's rows are taken out of files of every form, and what is kept stays as it was."""

import gzip
import json
import zipfile
from pathlib import Path

import duckdb
import pytest

from headgate.domain.subject import Subject
from headgate.tables.erase import Unread, rows_of, without

CASES = {
    "dialect": ('id;x\r\n7;"a"\r\n07.0;b\r\n8;"c;""d"""\r\n', "7", 2, 'id;x\r\n8;"c;""d"""\r\n'),
    "decimal commas": ("id;x\n7,0;1,5\n7.000;2,5\n8,0;0,5\n", "7", 1, "id;x\n7.000;2,5\n8,0;0,5\n"),
    "points between thousands": ("id;x\n1.234;1,5\n8;2,5\n1.234,0;0,5\n", "1234", 2, "id;x\n8;2,5\n"),
    "spaces": ("id,x\n a b ,1\nab,2", "a b", 1, "id,x\nab,2"),
    "lines in a cell": ('\ufeffid\tx\n1\t"7\n7"\n\n7\tb\n', "7", 1, '\ufeffid\tx\n1\t"7\n7"\n\n'),
    "more cells than names": ("id,x\n1,a,7\n2,b\n7\n", "7", 2, "id,x\n2,b\n"),
    "old ends of lines": ("id,x\r7,a\r8,b\r", "7", 1, "id,x\r8,b\r"),
    "long numbers": ("id,x\n12345678901234567891,a\n12345678901234567892,b\n", "12345678901234567891", 1, None),
    "times stay as they are written": (
        '{"id": 7, "at": "2026-01-06T11:00:00Z"}\n\n{"at":"2026-01-06T11:00:00Z","id":8, "y": 1.50}\r\n',
        "7",
        1,
        '\n{"at":"2026-01-06T11:00:00Z","id":8, "y": 1.50}\r\n',
    ),
    "text, numbers and what is inside": (
        '{"id": "7"}\n{"id": 7.0}\n{"a": {"id": [7]}}\n{"id": null}\n{"id": true}\n{"x": 7}\n',
        "7",
        3,
        '{"id": null}\n{"id": true}\n{"x": 7}\n',
    ),
    "escaped": ('{"id": "M\\u00fcller"}\n{"id": "M"}\n', "Müller", 1, '{"id": "M"}\n'),
    "a list": ('[\n {"id": 7},\n {"id":  8}, {"id": 9.10}]\n', "7", 1, '[\n {"id":  8},\n{"id": 9.10}]\n'),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_rows_are_found_in_every_form_of_text_and_the_others_stay_byte_for_byte(
    case: str, zipped: bool, tmp_path: Path
) -> None:
    text, value, count, left = CASES[case]
    source, target, subject = tmp_path / "source", tmp_path / "clean", Subject("id", value)
    source.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert rows_of(source, subject) == without(source, target, subject) == count
    body = gzip.decompress(target.read_bytes()) if zipped else target.read_bytes()
    assert body.decode() == left if left is not None else body.count(b"\n") == 2
    assert rows_of(target, subject) == 0
    assert rows_of(source, Subject("nobody", value)) is Unread.NO_COLUMN


def test_text_that_is_no_utf8_is_read_where_what_is_sought_is_ascii(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "clean"
    source.write_bytes("id,Größe\n7,groß\n8,groß\nMüller,x\n".encode("latin-1"))
    assert without(source, target, Subject("id", "7")) == 1
    assert target.read_bytes() == "id,Größe\n8,groß\nMüller,x\n".encode("latin-1")
    assert rows_of(source, Subject("id", "Müller")) is Unread.NO_TABLE


NO_TABLES = {
    "an open quote": b'id,x\n"7,a\n8,b\n',
    "another encoding": "id,x\n7,a\n".encode("utf-16"),
    "no names": b"2026-01-01,1\n2026-01-02,2\n2026-01-03,3\n",
    "half an object": b'{"id": 7\n',
    "a list among objects": b'{"id": 8}\n[7]\n',
    "an open list": b'[{"id": 7}',
    "a list of numbers": b"[7]",
    "half a Parquet": b"PAR1" + bytes(20),
    "half a gzip": gzip.compress(b"id,x\n7,a\n" * 1000)[:-9],
    "compressed twice": gzip.compress(gzip.compress(b"id,x\n7,a\n")),
}


@pytest.mark.parametrize("case", NO_TABLES)
def test_what_is_no_table_says_so(case: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(NO_TABLES[case])
    assert rows_of(tmp_path / "source", Subject("id", "7")) is Unread.NO_TABLE


def test_an_archive_is_no_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "source", "w") as archive:
        archive.writestr("id,x.csv", "id,x\n7,a\n")
    assert rows_of(tmp_path / "source", Subject("id", "7")) is Unread.NO_TABLE


@pytest.mark.parametrize(
    ("kind", "value", "count"),
    [
        ("BIGINT", "07", 1),
        ("DOUBLE", "7", 1),
        ("VARCHAR", "7.0", 1),
        ("DATE", "2026-01-01", 1),
        ("BOOLEAN", "true", 1),
        ("DECIMAL(20, 0)", "12345678901234567891", 1),
        ("DECIMAL(20, 0)", "12345678901234567892", 0),
    ],
)
def test_rows_are_found_in_parquet_and_the_types_stay(kind: str, value: str, count: int, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "clean"
    held = {"DATE": "2026-01-01", "BOOLEAN": "true", "DECIMAL(20, 0)": "12345678901234567891"}.get(kind, "7")
    rows = f"SELECT TRY_CAST('{held}' AS {kind}) AS id, 1::UTINYINT AS x UNION ALL SELECT NULL, 2"
    duckdb.sql(f"COPY ({rows}) TO '{source}' (FORMAT parquet)")
    assert without(source, target, Subject("id", value)) == count
    described = [duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall() for path in (source, target)]
    assert described[0] == described[1]
    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{target}')").fetchall() == [(2 - count,)]
    assert rows_of(source, Subject("nobody", value)) is Unread.NO_COLUMN


def test_an_empty_text_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("\n\n")
    assert rows_of(tmp_path / "source", Subject("id", json.dumps(7))) is Unread.NO_COLUMN
