"""Rows of CSV or JSON Lines, one at a time, and what an endpoint wants them to look like.

CSV is read as the gate reads it (its delimiter and its decimal sign are found in the same way), and dates are turned
from the form in which they were trained on, so that a file which was trained on can be predicted with.
"""

import csv
import gzip
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedIOBase
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from headgate.domain.columns import MISSING
from headgate.domain.decimals import is_grouped, mixed_points, plain
from headgate.domain.errors import DatasetRefusedError
from headgate.tables.dialect import HEAD_BYTES, Dialect, detect
from headgate_cli.errors import UsageError

Row = dict[str, Any]
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_OFFSET_IN_HOURS = re.compile(r"[+-]\d{2}$")


def read_rows(path: Path) -> Iterator[Row]:
    """Stream the rows of a file, or of stdin for `-`.

    Raises:
        UsageError: when the file is not there or is neither CSV nor JSON Lines in UTF-8; it names the line.
    """
    with _opened(path) as stream:
        try:
            # Whole lines only: what follows goes on with a line of its own.
            head = stream.read(HEAD_BYTES) + stream.readline()
            lines = _decoded(chain(head.splitlines(keepends=True), stream))
            named_json = any(suffix.lower() in _JSON_SUFFIXES for suffix in path.suffixes)
            if named_json or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                yield from _json_rows(lines)
            elif head.strip():
                yield from _csv_rows(lines, detect(head.removeprefix(b"\xef\xbb\xbf")))
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
            raise UsageError("The rows are not UTF-8 text: save them as UTF-8, plain or gzip.") from error
        except DatasetRefusedError as error:
            raise UsageError(str(error)) from error


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    if str(path) == "-":
        yield cast("BufferedIOBase", sys.stdin.buffer)
        return
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".parquet"]:
        raise UsageError("Predictions are asked for with CSV or JSON Lines; convert the Parquet file first.")
    if not path.is_file():
        raise UsageError(f"There is no such file: {path}.")
    with path.open("rb") as file:
        yield gzip.GzipFile(fileobj=file) if suffixes[-1:] == [".gz"] else file


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in lines:
        yield line.decode(encoding)
        encoding = "utf-8"


def _csv_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[Row]:
    names, reader = dialect.names, csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    grouped: dict[int, bool] = {}
    if len(set(names)) < len(names):
        raise UsageError("Two columns have the same name: rename one of them.")
    try:
        for values in islice(filter(None, reader), 1, None):
            if len(values) != len(names):
                raise UsageError(
                    f"Line {reader.line_num} has {len(values)} values where the header names {len(names)}."
                )
            yield dict(zip(names, _plain(values, dialect, grouped), strict=True))
    except csv.Error as error:
        raise UsageError(f"Line {reader.line_num} is not CSV: {error}.") from error


def _plain(values: list[str], dialect: Dialect, grouped: dict[int, bool]) -> list[str]:
    """The values with a decimal point, in the columns that hold numbers; `grouped` says, and learns, in which of them
    points stand between thousands.
    """
    if dialect.decimal == ".":
        return values
    for index in (index for index, number in enumerate(dialect.numbers) if number and "." in values[index]):
        if grouped.setdefault(index, is_grouped(values[index])) != is_grouped(values[index]):
            raise mixed_points(dialect.names[index])
    return [
        plain(value, dialect.decimal) if number else value
        for value, number in zip(values, dialect.numbers, strict=True)
    ]


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
    """Turns rows into the instances of one model.

    `columns` are its spec's: a name and a kind each, and for dates the form in which they were trained on.
    """

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
        taken = ((column["name"], column) for column in self.columns if column["name"] in row)
        return {name: _value(row[name], column, f"Row {number}, column {name!r}") for name, column in taken}


def _value(value: Any, column: Mapping[str, str], where: str) -> Any:
    kind = column["kind"]
    missing = value is None or (isinstance(value, str) and value.strip() in MISSING)
    if kind == "numeric":
        return math.nan if missing else _number(value, where)
    if missing:
        return ""
    text = str(value)
    if kind == "datetime" and (form := column.get("datetime_format")):
        return iso_time(text.strip(), form)
    return text.lower() if kind == "boolean" else text


def iso_time(text: str, form: str) -> str:
    """A time of the given form as training saw it: ISO, in UTC, whole seconds.

    One of another form is left as it is, for the endpoint to accept or to refuse.
    """
    if form.endswith("%z"):
        text = _OFFSET_IN_HOURS.sub(r"\g<0>00", text)
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return text
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat()


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
