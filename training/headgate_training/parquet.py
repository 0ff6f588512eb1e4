"""Parquet files as raw columns and targets."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headgate_training.spec import Spec
from headgate_training.table import Table


class DataError(ValueError):
    """Raised when a Parquet file does not fit the spec: absent columns, other types, unusable targets."""


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


def read_columns(path: Path, names: Sequence[str], datetimes: Collection[str]) -> dict[str, np.ndarray | list[str]]:
    """Those of the named columns that the file has: float64 with NaN, datetime64[s] with NaT, or str with ""."""
    files = _files(path)
    known = set(pq.read_schema(files[0]).names)
    data = pq.read_table(
        [str(file) for file in files], columns=[name for name in dict.fromkeys(names) if name in known]
    )
    columns: dict[str, np.ndarray | list[str]] = {}
    for name in data.column_names:
        kind = data.schema.field(name).type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            columns[name] = data[name].to_numpy().astype(np.float64)
        elif name in datetimes:
            moments = [(value or "NaT")[:19] for value in data[name].to_pylist()]
            columns[name] = np.array(moments, dtype="datetime64[s]")
        else:
            columns[name] = [str(value) for value in data[name].cast(pa.string()).fill_null("").to_pylist()]
    return columns


def _files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"There is no Parquet file in {path}.")
    return files


def _read(path: Path, numeric: Mapping[str, bool]) -> pa.Table:
    """Read the named columns, each checked to be of numbers (True) or of text (False)."""
    files = _files(path)
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
