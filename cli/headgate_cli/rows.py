"""Rows of CSV or JSON Lines, one at a time, and what an endpoint wants them to look like."""

import csv
import gzip
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from headgate_cli.errors import UsageError

Row = dict[str, Any]
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1"}), frozenset({"false", "f", "no", "n", "0"})


def read_rows(path: Path) -> Iterator[Row]:
    """Stream the rows of a file, or of stdin for `-`.

    Raises:
        UsageError: when the file is not there or is neither CSV nor JSON Lines in UTF-8; it names the row.
    """
    if str(path) == "-":
        yield from _parse(sys.stdin, as_json=None)
        return
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = suffixes[-2:-1] if packed else suffixes[-1:]
    if kind == [".parquet"]:
        raise UsageError("Predictions are asked for with CSV or JSON Lines; convert the Parquet file first.")
    if not path.is_file():
        raise UsageError(f"There is no such file: {path}.")
    with closing(_open(path, packed)) as lines:
        try:
            yield from _parse(lines, as_json=bool(kind) and kind[0] in _JSON_SUFFIXES)
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
            raise UsageError(f"{path} is not UTF-8 text: save it as UTF-8, plain or gzip.") from error


def _open(path: Path, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parse(lines: IO[str], *, as_json: bool | None) -> Iterator[Row]:
    """Rows of either format; None means to tell by the first character."""
    first = lines.readline()
    rest: Iterable[str] = _with_first(first, lines)
    is_json = first.lstrip("\ufeff \t").startswith("{") if as_json is None else as_json
    return _json_rows(rest) if is_json else _csv_rows(rest)


def _with_first(first: str, lines: Iterable[str]) -> Iterator[str]:
    yield first.removeprefix("\ufeff")
    yield from lines


def _csv_rows(lines: Iterable[str]) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise UsageError("Two columns have the same name: rename one of them.")
        for values in reader:
            if not values:
                continue
            if len(values) != len(header):
                raise UsageError(
                    f"Line {reader.line_num} has {len(values)} values where the header names {len(header)}."
                )
            yield dict(zip(header, values, strict=True))
    except csv.Error as error:
        raise UsageError(f"Line {reader.line_num} is not CSV: {error}.") from error


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UsageError(f"Line {number} is not a JSON object.")
        yield row


@dataclass(frozen=True, slots=True)
class Instances:
    """Turns rows into the instances of one model; `columns` are its spec's: a name and a kind each."""

    columns: Sequence[Mapping[str, str]]

    def unused(self, row: Row) -> list[str]:
        """The columns of a row that the model does not take, such as the target."""
        taken = {column["name"] for column in self.columns}
        return [name for name in row if name not in taken]

    def instance(self, number: int, row: Row) -> Row:
        """One row as the endpoint wants it; columns that it lacks are left to the endpoint to name.

        Raises:
            UsageError: when a value does not fit its column; it names row and column, never the value.
        """
        taken = ((column["name"], column["kind"]) for column in self.columns)
        return {name: _value(row[name], kind, f"Row {number}, column {name!r}") for name, kind in taken if name in row}


def _value(value: Any, kind: str, where: str) -> Any:
    missing = value is None or (isinstance(value, str) and value.strip().lower() in _MISSING)
    if kind == "numeric":
        return math.nan if missing else _number(value, where)
    if missing:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean":
        word = text.strip().lower()
        return "true" if word in _TRUE else "false" if word in _FALSE else text
    return text


def _number(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: the model takes a number there.") from None


def batches(rows: Iterable[bytes], limit: int, most: int) -> Iterator[list[bytes]]:
    """Group encoded rows so that each group stays within `limit` bytes and `most` rows.

    Raises:
        UsageError: when a single row is larger than the limit.
    """
    batch: list[bytes] = []
    size = 0
    for row in rows:
        if len(row) > limit:
            raise UsageError(f"A row takes {len(row)} bytes, more than the {limit} that one request may carry.")
        if batch and (size + len(row) > limit or len(batch) == most):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row) + 1
    if batch:
        yield batch
