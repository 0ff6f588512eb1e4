"""Rows of one data subject taken out of a file, with everything else of it as it was."""
# ruff: noqa: S608 - SQL here is made of names, paths and a value, as quoted identifiers and literals

import codecs
import csv
import gzip
import io
import json
import re
import string
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import duckdb

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.subject import LONGEST_CELL, Subject, parsed
from headgate.tables import dialect
from headgate.tables.engine import Engine, Limits, literal, opened, quoted

_LIMITS = Limits(memory_mb=1024, disk_gb=50, seconds=3600)
_LONGEST_LINE = 64 * 1024**2
_LARGEST_LIST = 256 * 1024**2  # characters; it is read into memory, and no dataset is made of one
_GZIP, _PARQUET, _MARK = b"\x1f\x8b", b"PAR1", "\ufeff"
_BETWEEN = re.compile(r"[\s,]*")
_UNREADABLE = (ValueError, csv.Error, RecursionError, EOFError, zlib.error, gzip.BadGzipFile, DatasetRefusedError)

Keep = Callable[[str], Any]


class Unread(StrEnum):
    """Why nobody can tell whose row is whose."""

    NO_TABLE = "it cannot be read as a table"
    NO_COLUMN = "it has no such column"


def rows_of(source: Path, subject: Subject) -> int | Unread:
    """How many rows of a table are the subject's; Parquet, CSV, and JSON of objects, one a line or in a list.

    Of a row of CSV that has more or fewer cells than there are names, any cell may be the column's. Text that is not
    UTF-8 is read as long as what is looked for is ASCII.
    """
    return _parted(source, subject, None)


def without(source: Path, target: Path, subject: Subject) -> int | Unread:
    """Write a table without the subject's rows; both files lie in one directory of their own.

    Of text what is kept stays byte for byte: delimiter, quotes, encoding, ends of lines; of a list of JSON its objects
    do. Parquet keeps its columns and their types. What was compressed with gzip is so again.

    Returns:
        As `rows_of`; `target` was written where it is a number.
    """
    return _parted(source, subject, target)


def _parted(source: Path, subject: Subject, target: Path | None) -> int | Unread:
    with source.open("rb") as file:
        begin = file.read(4)
    if begin == _PARQUET:
        with opened(source.parent, _LIMITS) as engine:
            return _of_parquet(engine, source, subject, target)
    zipped = begin.startswith(_GZIP)
    try:
        with _binary(source, "rb", zipped=zipped) as blocks:
            head = blocks.read(dialect.HEAD_BYTES).removeprefix(codecs.BOM_UTF8)
        with _text(source, "rb", zipped=zipped) as text:
            if target is None:
                return _of_text(head, text, subject, lambda _kept: None)
            with _text(target, "wb", zipped=zipped) as clean:
                return _of_text(head, text, subject, clean.write)
    except _UNREADABLE:
        return Unread.NO_TABLE


def _binary(path: Path, mode: str, *, zipped: bool) -> Any:
    return gzip.open(path, mode) if zipped else path.open(mode)


def _text(path: Path, mode: str, *, zipped: bool) -> TextIO:
    """Bytes that are no UTF-8 come through as they are, and so do ends of lines."""
    return io.TextIOWrapper(_binary(path, mode, zipped=zipped), "utf-8", "surrogateescape", newline="")


def _of_text(head: bytes, text: TextIO, subject: Subject, keep: Keep) -> int | Unread:
    begin = head.lstrip()
    if not begin:
        return Unread.NO_COLUMN
    if begin.startswith(b"["):
        return _of_list(text.read(_LARGEST_LIST), subject, keep)
    if begin.startswith(b"{"):
        return _of_json_lines(_lines(text, subject), subject, keep)
    if b"\0" in head:
        raise ValueError("this is no text")
    return _of_csv(_lines(text, subject), dialect.detect(head), subject, keep)


def _lines(text: TextIO, subject: Subject) -> Iterator[str]:
    for line in iter(lambda: text.readline(_LONGEST_LINE), ""):
        if "\0" in line or len(line) == _LONGEST_LINE:
            raise ValueError("this is no text")
        _check_encoding(line, subject)
        yield line


def _check_encoding(text: str, subject: Subject) -> None:
    """What else than ASCII is meant by bytes that are no UTF-8, nobody can tell; they cannot be encoded again."""
    if not subject.is_ascii and not text.isascii():
        text.encode()


def _of_csv(lines: Iterator[str], form: dialect.Dialect, subject: Subject, keep: Keep) -> int | Unread:
    if not form.named:
        return Unread.NO_TABLE
    places = [at for at, name in enumerate(form.names) if name == subject.column]
    if not places:
        return Unread.NO_COLUMN
    read: list[str] = []
    csv.field_size_limit(LONGEST_CELL)
    count, header = 0, True
    for record in csv.reader(_noted(lines, read), delimiter=form.delimiter, strict=True):
        cells = [record[at] for at in places] if len(record) == len(form.names) else record
        if record and not header and subject.is_named_by(cells, form.decimal):
            count += 1
        else:
            keep("".join(read))
        header = header and not record
        read.clear()
    return count


def _noted(lines: Iterator[str], read: list[str]) -> Iterator[str]:
    """A record's lines as they are, noted for it: the reader takes no more of them than it needs."""
    for line in lines:
        read.append(line)
        yield line.removeprefix(_MARK)


def _of_json_lines(lines: Iterator[str], subject: Subject, keep: Keep) -> int | Unread:
    count, named = 0, False
    for line in lines:
        plain = line.removeprefix(_MARK)
        cells = _cells(parsed(plain), subject) if plain.strip() else []
        named = named or bool(cells)
        if subject.is_named_by(cells):
            count += 1
        else:
            keep(line)
    return count if named else Unread.NO_COLUMN


def _of_list(text: str, subject: Subject, keep: Keep) -> int | Unread:
    if len(text) == _LARGEST_LIST:
        raise ValueError("this is too large to be read at once")
    _check_encoding(text, subject)
    decoder = json.JSONDecoder(parse_float=Decimal)
    at = begin = _end_of(_BETWEEN, text, text.index("[") + 1)
    kept, count, named = [], 0, False
    while text[at : at + 1] != "]":
        document, end = decoder.raw_decode(text, at)
        cells = _cells(document, subject)
        named = named or bool(cells)
        if subject.is_named_by(cells):
            count += 1
        else:
            kept.append(text[at:end])
        at = _end_of(_BETWEEN, text, end)
    keep(text[:begin] + ",\n".join(kept) + text[at:])
    return count if named else Unread.NO_COLUMN


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _cells(document: Any, subject: Subject) -> list[Any]:
    if not isinstance(document, dict):
        raise ValueError("this is no row")
    return list(subject.cells(document))


def _of_parquet(engine: Engine, source: Path, subject: Subject, target: Path | None) -> int | Unread:
    table, cell, wanted = f"read_parquet({literal(source)})", quoted(subject.column), literal(subject.text)
    try:
        types = {str(name): str(kind) for name, kind, *_ in engine.rows(f"DESCRIBE SELECT * FROM {table}")}
        if subject.column not in types:
            return Unread.NO_COLUMN
        is_float = types[subject.column] in ("DOUBLE", "FLOAT")
        text = f"trim(CAST({cell} AS VARCHAR), {literal(string.whitespace)})"
        # Long numbers are told apart, but where they are stored as what cannot.
        known, number = (cell, "DOUBLE") if is_float else (text, "DECIMAL(38, 10)")
        same = f"({text} = {wanted} OR TRY_CAST({known} AS {number}) = TRY_CAST({wanted} AS {number})) IS TRUE"
        (found,) = engine.row(f"SELECT count(*) FROM {table} WHERE {same}")
    except duckdb.Error:
        return Unread.NO_TABLE
    if target is not None:
        engine.rows(f"COPY (SELECT * FROM {table} WHERE NOT {same}) TO {literal(target)} (FORMAT parquet)")
    return int(found)
