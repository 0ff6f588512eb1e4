"""Raw columns in memory, read from Parquet files or from the rows of a request."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headgate_training.spec import Column, Spec

Row = Mapping[str, object]


class RequestError(ValueError):
    """Raised when rows do not fit the model's columns; names the column and the row, never a value."""


class DataError(ValueError):
    """Raised when a Parquet file does not fit the spec: absent columns, other types, unusable targets."""


@dataclass(frozen=True)
class Table:
    """Raw columns, in the order of the spec.

    ``numbers``: float64 [rows, numeric columns], NaN where missing.
    ``texts``: one sequence of str for each column of another kind, "" where missing.
    """

    numbers: np.ndarray
    texts: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)


def read_parquet(path: Path, spec: Spec) -> Table:
    """The spec's columns of one Parquet file, or of all Parquet files in a folder; raises DataError."""
    data = _read(path, {column.name: column.kind == "numeric" for column in spec.columns})
    numbers = np.empty((data.num_rows, len(spec.numeric_names)))
    for position, name in enumerate(spec.numeric_names):
        numbers[:, position] = data[name].to_numpy()
    return Table(numbers, [data[name].fill_null("").to_pylist() for name in spec.text_names])


def read_target(path: Path, spec: Spec) -> np.ndarray:
    """The target: int64 class numbers in the order of ``spec.classes``, or float64 values; raises DataError."""
    values = _read(path, {spec.target: spec.task == "regression"})[spec.target]
    if spec.task == "regression":
        target = values.to_numpy().astype(np.float64)
        if not np.isfinite(target).all():
            raise DataError(f"The target {spec.target!r} is missing or not finite in some rows.")
        return target
    numbers = {name: number for number, name in enumerate(spec.classes)}
    classes = [numbers.get(value) for value in values.to_pylist()]
    if None in classes:
        raise DataError(f"The target {spec.target!r} is missing or not a class of spec.json in some rows.")
    return np.array(classes, dtype=np.int64)


def _read(path: Path, numeric: Mapping[str, bool]) -> pa.Table:
    """Read the named columns, each checked to be of numbers (True) or of text (False)."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"There is no Parquet file in {path}.")
    schema = pq.read_schema(files[0])
    absent = sorted(numeric.keys() - set(schema.names))
    if absent:
        raise DataError(f"{files[0].name} lacks columns that the model needs: {', '.join(absent)}.")
    for name, wants_numbers in numeric.items():
        kind = schema.field(name).type
        if wants_numbers != (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            wanted = "numbers" if wants_numbers else "text"
            raise DataError(f"{files[0].name}: the model needs {wanted} in column {name!r}, but it holds {kind}.")
    return pq.read_table([str(file) for file in files], columns=list(numeric))


class RowReader:
    """Reads rows of a request, checked against the columns of a model.

    A row must name every column and no other. None, NaN and "" mean missing; numbers may be written as text.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = {column.name for column in columns}
        self._numeric = [column.name for column in columns if column.kind == "numeric"]
        self._texts = [(column.name, column.kind) for column in columns if column.kind != "numeric"]

    def read(self, rows: Sequence[Row]) -> Table:
        """The rows as a Table; raises RequestError naming the column and the row (counted from 1)."""
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise RequestError(f"Row {number} is not an object of column names and values.")
            if row.keys() != self._names:
                raise _names_error(number, row, self._names)
        return Table(self._numbers(rows), [_texts(rows, name, kind) for name, kind in self._texts])

    def _numbers(self, rows: Sequence[Row]) -> np.ndarray:
        cells = [[row[name] for name in self._numeric] for row in rows]
        types = {type(cell) for row in cells for cell in row}
        if not types <= {float, int}:
            cells = [
                [_number(cell, name, number) for name, cell in zip(self._numeric, row, strict=True)]
                for number, row in enumerate(cells, start=1)
            ]
        try:
            return np.array(cells, dtype=np.float64).reshape(len(rows), len(self._numeric))
        except OverflowError:
            raise RequestError("A number in the request is too large to be a 64-bit float.") from None


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


def _texts(rows: Sequence[Row], name: str, kind: str) -> list[str]:
    cells = [row[name] for row in rows]
    return [
        cell if type(cell) is str else _text(cell, name, kind, number)
        for number, cell in enumerate(cells, start=1)
    ]


def _text(cell: object, name: str, kind: str, row: int) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool) and kind == "boolean":
        return "true" if cell else "false"
    raise RequestError(f"Column {name!r} in row {row} takes text ({kind}), but got {type(cell).__name__}.")
