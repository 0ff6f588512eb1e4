"""What the core tells training: the columns, the target and the metric of one dataset (``spec.json``)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

FORMAT = 1

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]
GridKind = Literal["image", "sequence"]
Task = Literal["binary", "multiclass", "regression"]
AXES: Mapping[str, tuple[str, ...]] = {"image": ("height", "width", "channels"), "sequence": ("steps", "channels")}


class SpecError(ValueError):
    """Raised when spec.json asks for what this code does not know or contradicts itself; says what."""


@dataclass(frozen=True)
class Column:
    """One raw column: its name in files and requests, and how its values are to be read."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Grid:
    """Numeric columns that are the pixels of an image or the steps of a sequence.

    ``columns`` are in row-major order of ``shape``: [height, width, channels] or [steps, channels].
    """

    name: str
    kind: GridKind
    shape: tuple[int, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Forecast:
    """Rows are windows of a time series: ``steps`` past values, the target one step ahead.

    ``entity``: the columns that say whose series it is; ``time``: the column that orders it.
    """

    entity: tuple[str, ...]
    time: str
    steps: int
    every: tuple[str, int] | None = None
    """How far two moments lie apart: months or seconds, and how many; None without a calendar."""


@dataclass(frozen=True)
class Spec:
    """The whole of spec.json. ``classes`` is empty and ``positive`` None for a regression.

    ``slices`` and ``sensitive`` name columns of the files for who evaluates; they need not be among ``columns``.
    ``family`` is what suits the data or what a person asked for; None leaves it open.
    """

    target: str
    task: Task
    classes: tuple[str, ...]
    positive: str | None
    metric: str
    direction: Literal["maximize", "minimize"]
    seed: int
    columns: tuple[Column, ...]
    grids: tuple[Grid, ...] = ()
    forecast: Forecast | None = None
    slices: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    family: str | None = None

    @property
    def numeric_names(self) -> list[str]:
        """Names of the columns that are numbers, in the spec's order."""
        return [column.name for column in self.columns if column.kind == "numeric"]

    @property
    def text_names(self) -> list[str]:
        """Names of the columns that come as strings (all but numbers), in the spec's order."""
        return [column.name for column in self.columns if column.kind != "numeric"]

    def past(self, ago: int) -> str:
        """The name of the column that holds a forecast's target so many steps before."""
        return f"{self.target}[-{ago}]"


def read_spec(path: Path) -> Spec:
    """Read and check a spec.json; raise SpecError in plain words if this code cannot follow it."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    if raw.get("format") != FORMAT:
        raise SpecError(f"spec.json has format {raw.get('format')!r}, but this code reads format {FORMAT}.")
    columns = tuple(Column(column["name"], column["kind"]) for column in raw["columns"])
    unknown = {column.kind for column in columns} - set(get_args(Kind))
    if unknown:
        raise SpecError(f"spec.json names column kinds that are not known: {', '.join(sorted(unknown))}.")
    if not columns:
        raise SpecError("spec.json names no columns: there is nothing to learn from.")
    if raw["task"] not in ("binary", "multiclass", "regression"):
        raise SpecError(f"spec.json asks for the task {raw['task']!r}; known: binary, multiclass, regression.")
    classes = tuple(raw["classes"] or ())
    if (raw["task"] == "binary" and len(classes) != 2) or (raw["task"] == "multiclass" and len(classes) < 2):
        raise SpecError(f"spec.json names {len(classes)} classes, which does not fit the task {raw['task']}.")
    if raw["task"] == "binary" and raw["positive"] not in classes:
        raise SpecError("spec.json names a positive class that is not one of its classes.")
    return Spec(
        target=raw["target"],
        task=raw["task"],
        classes=classes,
        positive=raw["positive"],
        metric=raw["metric"],
        direction=raw["direction"],
        seed=raw["seed"],
        columns=columns,
        grids=_read_grids(raw.get("grids") or (), columns),
        forecast=_read_forecast(raw.get("forecast")),
        slices=_read_names(raw, "slices"),
        sensitive=_read_names(raw, "sensitive"),
        family=raw.get("family"),
    )


def _read_grids(given: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[Grid, ...]:
    grids = tuple(Grid(one["name"], one["kind"], tuple(one["shape"]), tuple(one["columns"])) for one in given)
    numeric = {column.name for column in columns if column.kind == "numeric"}
    taken: set[str] = set()
    for grid in grids:
        axes = AXES.get(grid.kind)
        if axes is None:
            raise SpecError(f"The grid {grid.name!r} is of the kind {grid.kind!r}; known: {', '.join(AXES)}.")
        if len(grid.shape) != len(axes) or not all(isinstance(size, int) and size > 0 for size in grid.shape):
            raise SpecError(f"The grid {grid.name!r} needs a shape of {' x '.join(axes)}, each at least 1.")
        if math.prod(grid.shape) != len(grid.columns):
            places = math.prod(grid.shape)
            raise SpecError(f"The grid {grid.name!r} has {places} places, but names {len(grid.columns)} columns.")
        if absent := [name for name in grid.columns if name not in numeric]:
            raise SpecError(f"The grid {grid.name!r} names {absent[0]!r}, which is no numeric column of spec.json.")
        if len(set(grid.columns) - taken) < len(grid.columns):
            raise SpecError(f"The grid {grid.name!r} names a column twice, or one that another grid has.")
        taken |= set(grid.columns)
    return grids


def _read_forecast(given: Mapping[str, Any] | None) -> Forecast | None:
    if given is None:
        return None
    if not isinstance(given["steps"], int) or given["steps"] < 1:
        raise SpecError("A forecast looks back at least one step; spec.json asks for fewer.")
    every = given.get("every")
    return Forecast(tuple(given["entity"]), given["time"], given["steps"], tuple(every) if every else None)


def _read_names(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = raw.get(key) or ()
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise SpecError(f"{key!r} of spec.json must be a list of column names.")
    return tuple(names)
