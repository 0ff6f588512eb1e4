"""The rows of a request, checked against the columns of a model: one code for every place that answers requests.

Python alone, nothing else: it also runs beside TensorFlow Serving, in a container that has no numpy.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Protocol

Row = Mapping[str, object]
Cells = Sequence[tuple[object, ...]]
_NUMBERS, _TEXT = frozenset({float, int}), frozenset({str})
"""The types that need no look at each cell; a bool, for one, is no int here."""
DATETIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?)?"
"""An accepted datetime; both engines read its first 19 characters and then check the calendar."""

TRUTHS = frozenset({"", "true", "false"})
"""The texts of a boolean column, once they are in lower case."""


class RequestError(ValueError):
    """Raised when rows do not fit the model's columns; names the column and the row, never a value."""


class Column(Protocol):
    """A raw column of the spec."""

    @property
    def name(self) -> str:
        """Its name in requests."""
        ...

    @property
    def kind(self) -> str:
        """How its values are to be read; `numeric` ones are numbers, all others text."""
        ...


class RowChecker:
    """Checks rows of a request and takes their cells out, in the order of the columns.

    A row must name every column and no other. None, NaN and "" mean missing; numbers may be written as text, and truth
    values in any case.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = {column.name for column in columns}
        self.numeric = [column.name for column in columns if column.kind == "numeric"]
        self.texts = [(column.name, column.kind) for column in columns if column.kind != "numeric"]
        self._times = [(at, name) for at, (name, kind) in enumerate(self.texts) if kind == "datetime"]
        self._truths = [(at, name) for at, (name, kind) in enumerate(self.texts) if kind == "boolean"]
        self._pick_numbers = _picker(self.numeric)
        self._pick_texts = _picker([name for name, _ in self.texts])

    def cells(self, rows: Sequence[Row]) -> tuple[Cells, Cells]:
        """For each row its numbers (NaN where missing) and its texts ("" where missing).

        Raises RequestError naming the column and the row (counted from 1).
        """
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise RequestError(f"Row {number} is not an object of column names and values.")
            if row.keys() != self._names:
                raise _names_error(number, row, self._names)
        return self._numbers(rows), self._strings(rows)

    def _numbers(self, rows: Sequence[Row]) -> Cells:
        cells = [self._pick_numbers(row) for row in rows]
        if _are_all(cells, _NUMBERS):
            return cells
        return [
            tuple(_number(cell, name, number) for name, cell in zip(self.numeric, row, strict=True))
            for number, row in enumerate(cells, start=1)
        ]

    def _strings(self, rows: Sequence[Row]) -> Cells:
        if not self.texts:
            return [()] * len(rows)
        cells = [self._pick_texts(row) for row in rows]
        if not _are_all(cells, _TEXT):
            cells = [
                tuple(_text(cell, name, kind, number) for (name, kind), cell in zip(self.texts, row, strict=True))
                for number, row in enumerate(cells, start=1)
            ]
        for at, name in self._times:
            for number, row in enumerate(cells, start=1):
                check_datetime(str(row[at]), name, number)
        for at, name in self._truths:
            if not {row[at] for row in cells} <= TRUTHS:
                cells = [
                    (*row[:at], _truth(str(row[at]), name, number), *row[at + 1 :])
                    for number, row in enumerate(cells, start=1)
                ]
        return cells


def check_datetime(value: str, name: str, row: int) -> None:
    """Refuse what is neither "" nor YYYY-MM-DD[THH:MM[:SS]] of the calendar."""
    if not value:
        return
    try:
        if not re.fullmatch(DATETIME, value):
            raise ValueError
        datetime.fromisoformat(value[:19].removesuffix("Z"))
    except ValueError:
        raise RequestError(
            f"Column {name!r} in row {row} takes a datetime like 2026-01-31T08:30:00 (no time zone)."
        ) from None


def _truth(value: str, name: str, row: int) -> str:
    """A text of TRUTHS: what other programs write with capitals training saw in lower case."""
    text = value.lower()
    if text not in TRUTHS:
        raise RequestError(f"Column {name!r} in row {row} takes true or false, but its text is neither.")
    return text


def too_large() -> RequestError:
    """The refusal of a whole number that no float can hold."""
    return RequestError("A number in the request is too large to be a 64-bit float.")


def _picker(names: Sequence[str]) -> Callable[[Row], tuple[object, ...]]:
    """A function from a row to its values in these columns."""
    # itemgetter of one name would give the value alone, and of none is an error.
    return itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)


def _are_all(rows: Cells, types: frozenset[type]) -> bool:
    """Whether every cell is of one of these very types."""
    return set(map(type, chain.from_iterable(rows))) <= types


def _names_error(number: int, row: Row, names: set[str]) -> RequestError:
    missing = sorted(names - row.keys())
    if missing:
        return RequestError(f"Row {number} lacks the column {missing[0]!r} (missing in all: {len(missing)}).")
    unknown = sorted(str(name) for name in row.keys() - names)
    return RequestError(f"Row {number} has the column {unknown[0]!r}, which the model does not know.")


def _number(cell: object, name: str, row: int) -> float:
    if cell is None or cell == "":
        return math.nan
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            raise RequestError(f"Column {name!r} in row {row} takes a number, but its text is not one.") from None
    raise RequestError(f"Column {name!r} in row {row} takes a number, but got {type(cell).__name__}.")


def _text(cell: object, name: str, kind: str, row: int) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool) and kind == "boolean":
        return "true" if cell else "false"
    raise RequestError(f"Column {name!r} in row {row} takes text ({kind}), but got {type(cell).__name__}.")
