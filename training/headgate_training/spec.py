"""What the core tells training: the columns, the target and the metric of one dataset (``spec.json``)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FORMAT = 1

Kind = Literal["numeric", "categorical", "boolean", "datetime"]
Task = Literal["binary", "multiclass", "regression"]


class SpecError(ValueError):
    """Raised when spec.json is of a format, task or column kind that this code does not know."""


@dataclass(frozen=True)
class Column:
    """One raw column: its name in files and requests, and how its values are to be read."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Spec:
    """The whole of spec.json. ``classes`` is empty and ``positive`` None for a regression."""

    target: str
    task: Task
    classes: tuple[str, ...]
    positive: str | None
    metric: str
    direction: Literal["maximize", "minimize"]
    seed: int
    columns: tuple[Column, ...]

    @property
    def numeric_names(self) -> list[str]:
        """Names of the columns that are numbers, in the spec's order."""
        return [column.name for column in self.columns if column.kind == "numeric"]

    @property
    def text_names(self) -> list[str]:
        """Names of the columns that are text (categories, booleans, datetimes), in the spec's order."""
        return [column.name for column in self.columns if column.kind != "numeric"]


def read_spec(path: Path) -> Spec:
    """Read and check a spec.json; raise SpecError in plain words if this code cannot follow it."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    if raw.get("format") != FORMAT:
        raise SpecError(f"spec.json has format {raw.get('format')!r}, but this code reads format {FORMAT}.")
    columns = tuple(Column(column["name"], column["kind"]) for column in raw["columns"])
    unknown = {column.kind for column in columns} - {"numeric", "categorical", "boolean", "datetime"}
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
    )
