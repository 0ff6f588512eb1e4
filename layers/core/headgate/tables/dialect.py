"""How a CSV file is written, guessed from its beginning: delimiter, names, decimal sign, likely numbers."""

import csv
import io
import re
from dataclasses import dataclass

from headgate.domain.columns import MISSING
from headgate.domain.decimals import GROUPED, plain
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.header import is_row
from headgate.domain.reasons import Reason

HEAD_BYTES = 1024**2
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CELLS = 10_000
_EXCELS_HINT = re.compile(r'\s*"?sep=.?"?[\r\n]', re.IGNORECASE)
_HEADER_ROWS = 200  # below the first record, to tell whether it is one of them
_USUAL = ("", "NA", "NULL")  # what most programs write for a missing value
_DECIMAL_COMMA = re.compile(rf"[-+]?\d+,\d+([eE][-+]?\d+)?|{GROUPED}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`names` are the first record's; `named` says whether it holds names at all, or is a row and must not be told.

    `numbers` says of each column whether it may be one of numbers: most values at the beginning are.

    Where not all are, trying it fails, which is how the report comes to name the line. `missing` is what to expect of
    the forms of a missing value: every further one costs a reader of a million rows of 20 columns 10 ms.
    """

    delimiter: str
    names: tuple[str, ...]
    named: bool
    numbers: tuple[bool, ...]
    decimal: str
    missing: tuple[str, ...]


def detect(head: bytes) -> Dialect:
    """Read the beginning (up to HEAD_BYTES) of a UTF-8 CSV file.

    Raises:
        DatasetRefusedError: ROW_TOO_LONG when the names alone fill it; NO_HEADER when Excel's hint is there instead.
    """
    complete = len(head) < HEAD_BYTES
    text = head.decode("utf-8", errors="ignore")
    if not complete:
        text, _, _ = text.rpartition("\n")
    if not text.strip("\r\n"):
        raise DatasetRefusedError(
            Reason.ROW_TOO_LONG, "The first line is longer than 1 MB, so it does not hold column names. Add a header."
        )
    if _EXCELS_HINT.match(text):
        raise DatasetRefusedError(
            Reason.NO_HEADER, "The first line, sep=, is for Excel alone. Delete it: the delimiter is found without it."
        )
    delimiter = max(_DELIMITERS, key=lambda candidate: _fitness(text, candidate))
    header = next(iter(_records(text, delimiter, limit=1)), [""])
    rows = _records(text, delimiter, limit=max(20, _SAMPLE_CELLS // len(header)))[1:]
    cells = _columns(rows, len(header))
    below = [row for row in rows[:_HEADER_ROWS] if row != header]  # joined files repeat their header
    decimal = "," if delimiter != "," and _decimal_commas(cells) else "."
    return Dialect(
        delimiter=delimiter,
        names=tuple(name.strip() or f"column_{number}" for number, name in enumerate(header, 1)),
        named=not is_row(header, _columns(below, len(header)), decimal),
        numbers=tuple(_mostly_numbers(values, decimal) for values in cells),
        decimal=decimal,
        missing=tuple(form for form in MISSING if form in _USUAL or any(form in values for values in cells)),
    )


def _records(text: str, delimiter: str, limit: int) -> list[list[str]]:
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                records.append(record)
            if len(records) >= limit:
                break
    except csv.Error:
        pass  # a cell too long for a guess; what was read before is enough for one
    return records


def _columns(rows: list[list[str]], width: int) -> list[list[str]]:
    return [[row[index] for row in rows if len(row) > index] for index in range(width)]


def _fitness(text: str, delimiter: str) -> tuple[bool, float, int]:
    records = _records(text, delimiter, limit=20)
    if not records:
        return (False, 0.0, 0)
    width = len(records[0])
    return width > 1, sum(len(record) == width for record in records) / len(records), width


def _decimal_commas(columns: list[list[str]]) -> bool:
    filled = [[value.strip() for value in values if value.strip() not in MISSING] for values in columns]
    with_comma = [values for values in filled if values and all("," in value for value in values)]
    return any(all(_DECIMAL_COMMA.fullmatch(value) for value in values) for values in with_comma)


def _mostly_numbers(values: list[str], decimal: str) -> bool:
    filled = [value.strip() for value in values if value.strip() not in MISSING]
    return 2 * sum(_is_number(plain(value, decimal)) for value in filled) >= len(filled)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
