"""What each raw column is worth to a model: permutation importance (Breiman, 2001)."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from headgate_training.metrics import Outcome, plain
from headgate_training.spec import Spec
from headgate_training.table import Table

ROWS = 400
REPEATS = 3
MOST_PREDICTED = 150_000
"""Wide tables are measured on fewer rows, and once each, rather than for minutes."""
LEAST_ROWS = 50
ASKED_AT_ONCE = 4096
"""Rows for which the model is asked at a time."""
OF_CLASSES = frozenset({"auc", "balanced_accuracy"})
"""Metrics that count every class the same, however many rows it has."""
SHOWN = 200
"""Of more columns the rest is not told."""

Predict = Callable[[Table], np.ndarray]
"""Predictions as an Outcome takes them, for a table."""


def importance(table: Table, outcome: Outcome, predict: Predict, spec: Spec) -> list[dict[str, object]]:
    """How much worse the metric becomes when a column's values are shuffled among the rows, the largest first.

    ``drop`` is oriented: more is a more important column, about 0 one that the model does without. The columns of a
    grid are shuffled together, as one. [{"column", "drop"}]; empty where the rows do not define the metric.
    """
    units = _units(spec)
    random = np.random.default_rng(spec.seed)
    rows = min(len(table), ROWS)
    repeats = REPEATS if rows * len(units) * REPEATS <= MOST_PREDICTED else 1
    rows = max(min(rows, LEAST_ROWS), min(rows, MOST_PREDICTED // (len(units) * repeats)))
    drawn = _draw(outcome.target, rows, spec.metric, random)
    sample, target = table.take(drawn), outcome.target[drawn]
    sign = 1 if spec.direction == "maximize" else -1

    def value(predicted: np.ndarray) -> float:
        return sign * plain(spec.metric, Outcome(target, predicted, outcome.positive))

    whole = value(predict(sample))
    if not np.isfinite(whole):
        return []
    wanted = [columns for columns in units.values() for _ in range(repeats)]
    together = max(1, ASKED_AT_ONCE // rows)
    values: list[float] = []
    for start in range(0, len(wanted), together):
        batch = [_shuffled(sample, columns, spec, random) for columns in wanted[start : start + together]]
        values += [value(predicted) for predicted in np.split(predict(_joined(batch)), len(batch))]
    drops = whole - np.reshape(values, (len(units), repeats)).mean(axis=1)
    lines = zip(drops.tolist(), units, strict=True)
    return [{"column": name, "drop": drop} for drop, name in sorted(lines, key=lambda line: -line[0])[:SHOWN]]


def _draw(target: np.ndarray, rows: int, metric: str, random: np.random.Generator) -> np.ndarray:
    """Numbers of so many rows. Where the metric counts classes alike, of a rare one all rows come: two tell nothing."""
    order = random.permutation(len(target))
    if metric in OF_CLASSES:
        turns = np.empty(len(order), np.int64)  # classes take turns, one row each
        for number in np.unique(target):
            members = target[order] == number
            turns[members] = np.arange(members.sum())
        order = order[np.argsort(turns, kind="stable")]
    return order[:rows]


def _units(spec: Spec) -> dict[str, Sequence[str]]:
    """Columns that are shuffled together, by name: a grid's as one, every other alone."""
    of_grids = {column for grid in spec.grids for column in grid.columns}
    units: dict[str, Sequence[str]] = {grid.name: grid.columns for grid in spec.grids}
    return units | {column.name: (column.name,) for column in spec.columns if column.name not in of_grids}


def _joined(tables: Sequence[Table]) -> Table:
    texts = zip(*(table.texts for table in tables), strict=True)
    return Table(np.concatenate([table.numbers for table in tables]), [list(chain(*column)) for column in texts])


def _shuffled(table: Table, columns: Sequence[str], spec: Spec, random: np.random.Generator) -> Table:
    order = random.permutation(len(table))
    numbers, texts = table.numbers, list(table.texts)
    chosen = set(columns)
    places = [position for position, name in enumerate(spec.numeric_names) if name in chosen]
    if places:
        numbers = numbers.copy()
        numbers[:, places] = numbers[order][:, places]
    for position, name in enumerate(spec.text_names):
        if name in chosen:
            texts[position] = [texts[position][row] for row in order.tolist()]
    return Table(numbers, texts)
