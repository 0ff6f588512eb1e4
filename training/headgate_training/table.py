"""Raw columns in memory, and how the rows of a request become such."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter

import numpy as np

from headgate_training.spec import Column

Row = Mapping[str, object]
_NUMBERS, _TEXT = frozenset({float, int}), frozenset({str})
"""The types that need no look at each cell; a bool, for one, is no int here."""


class RequestError(ValueError):
    """Raised when rows do not fit the model's columns; names the column and the row, never a value."""


@dataclass(slots=True)
class Table:
    """Raw columns, in the order of the spec.

    ``numbers``: float64 [rows, numeric columns], NaN where missing.
    ``texts``: one sequence of str for each column of another kind, "" where missing.
    """

    numbers: np.ndarray
    texts: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)


class RowReader:
    """Reads rows of a request, checked against the columns of a model.

    A row must name every column and no other. None, NaN and "" mean missing; numbers may be written as text.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = {column.name for column in columns}
        self._numeric = [column.name for column in columns if column.kind == "numeric"]
        self._texts = [(column.name, column.kind) for column in columns if column.kind != "numeric"]
        self._pick_numbers = _picker(self._numeric)
        self._pick_texts = _picker([name for name, _ in self._texts])

    def read(self, rows: Sequence[Row]) -> Table:
        """The rows as a Table; raises RequestError naming the column and the row (counted from 1)."""
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise RequestError(f"Row {number} is not an object of column names and values.")
            if row.keys() != self._names:
                raise _names_error(number, row, self._names)
        return Table(self._read_numbers(rows), self._read_texts(rows))

    def _read_numbers(self, rows: Sequence[Row]) -> np.ndarray:
        cells = [self._pick_numbers(row) for row in rows]
        if not _are_all(cells, _NUMBERS):
            cells = [
                tuple(_number(cell, name, number) for name, cell in zip(self._numeric, row, strict=True))
                for number, row in enumerate(cells, start=1)
            ]
        try:
            return np.array(cells, dtype=np.float64).reshape(len(rows), len(self._numeric))
        except OverflowError:
            raise RequestError("A number in the request is too large to be a 64-bit float.") from None

    def _read_texts(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        if not self._texts or not rows:
            return [()] * len(self._texts)
        cells = [self._pick_texts(row) for row in rows]
        if not _are_all(cells, _TEXT):
            cells = [
                tuple(_text(cell, name, kind, number) for (name, kind), cell in zip(self._texts, row, strict=True))
                for number, row in enumerate(cells, start=1)
            ]
        return list(zip(*cells, strict=True))


def _picker(names: Sequence[str]) -> Callable[[Row], tuple[object, ...]]:
    """A function from a row to its values in these columns."""
    # itemgetter of one name would give the value alone, and of none is an error.
    return itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)


def _are_all(rows: Sequence[tuple[object, ...]], types: frozenset[type]) -> bool:
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
