"""Golden requests: rows that a model must answer as it did when it was exported.

They are invented from what the encoding knows of each column, so that no row of anybody's data travels with a model.
"""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import tensorflow as tf

from headgate_training.answers import answers
from headgate_training.encoding import UNTOLD, Encoder, Encoding, GridScaled, Index, OneHot, Scaled
from headgate_training.export import Served
from headgate_training.spec import Spec
from headgate_training.table import Table
from headgate_training.text import Words

ROWS = 20
MISSING = 0.1
"""How often a value is left out."""
EPOCH = date(1970, 1, 1).toordinal()
COMMON, LONGEST = 300, 25
"""Invented texts are of so many of the commonest words, and of less than so many words."""
LARGEST = float(np.finfo(np.float64).max)


def export_golden(served: Served, path: Path, encoding: Encoding, spec: Spec) -> None:
    """Write golden.json: invented requests and what the network answers to them behind the numpy encoding.

    The exported SavedModel, which encodes by itself, is held to these answers by whoever opens it.
    """
    table = invent(encoding, spec, ROWS)
    encoded = Encoder(encoding, spec).encode(table)
    expected = answers(encoding.unit.of(served.network(tf.constant(encoded)).numpy()), spec)
    golden = [
        {"request": request, "answer": answer} for request, answer in zip(_requests(table, spec), expected, strict=True)
    ]
    path.write_text(json.dumps({"format": 1, "golden": golden}, ensure_ascii=False, indent=1), encoding="utf-8")


def invent(encoding: Encoding, spec: Spec, rows: int) -> Table:
    """Rows as they might occur, by the spread of each column and the values that it may take; the same for a seed."""
    random = np.random.default_rng(spec.seed)
    numbers = {column.name: _numbers(column, rows, random) for column in encoding.numeric}
    texts = {column.name: _dates(column, rows, random) for column in encoding.datetime}
    texts |= {column.name: _values(column, rows, random) for column in encoding.onehot}
    texts |= {column.name: _values(column, rows, random) for column in encoding.index}
    for grid in encoding.grids:
        numbers |= dict(zip(grid.columns, _cells(grid, rows, random), strict=True))
    texts |= {column.name: _prose(column, rows, random) for column in encoding.words}
    columns = [numbers[name] for name in spec.numeric_names]
    return Table(
        np.column_stack(columns) if columns else np.empty((rows, 0)), [texts[name] for name in spec.text_names]
    )


def _numbers(column: Scaled, rows: int, random: np.random.Generator) -> np.ndarray:
    scaled = random.normal(size=rows)
    spread = 1.0 if column.spread == UNTOLD else column.spread
    values = column.center + spread * (np.sinh(scaled) if column.asinh else scaled)
    values[random.random(rows) < MISSING] = np.nan
    return _short(values)


def _dates(column: Scaled, rows: int, random: np.random.Generator) -> Sequence[str]:
    days = np.clip(_numbers(column, rows, random) + EPOCH, date.min.toordinal(), date.max.toordinal())
    return ["" if np.isnan(day) else f"{date.fromordinal(int(day))}T00:00:00" for day in days]


def _cells(grid: GridScaled, rows: int, random: np.random.Generator) -> np.ndarray:
    """Noise about the mean of each channel: [columns, rows]."""
    count = len(grid.columns) // grid.shape[-1]
    center, spread = (np.array(of_channels * count)[:, None] for of_channels in (grid.center, grid.spread))
    cells = center + spread * random.normal(size=(len(grid.columns), rows))
    cells[random.random(cells.shape) < MISSING / 10] = np.nan
    return _short(cells)


def _short(values: np.ndarray) -> np.ndarray:
    """Six digits of each number, however large or small it is."""
    finite = np.clip(values, -LARGEST, LARGEST)
    return np.array([float(f"{value:.6g}") for value in finite.ravel().tolist()]).reshape(values.shape)


def _prose(column: Words, rows: int, random: np.random.Generator) -> Sequence[str]:
    """Known words one after the other, with capitals, a comma and a word that nobody knows."""
    words = [*column.words[:COMMON], "Xyzzy"]
    lengths = random.integers(0, LONGEST, size=rows)
    return [", ".join(words[number] for number in random.integers(len(words), size=n)).capitalize() for n in lengths]


def _values(column: OneHot | Index, rows: int, random: np.random.Generator) -> Sequence[str]:
    choice = random.integers(len(column.values), size=rows) if column.values else np.zeros(rows, int)
    return [
        "" if missing or not column.values else column.values[number]
        for number, missing in zip(choice, random.random(rows) < MISSING, strict=True)
    ]


def _requests(table: Table, spec: Spec) -> list[dict[str, object]]:
    numbers = [dict(zip(spec.numeric_names, row, strict=True)) for row in table.numbers.tolist()]
    texts = zip(*table.texts, strict=True) if table.texts else [()] * len(table)
    merged = [row | dict(zip(spec.text_names, text, strict=True)) for row, text in zip(numbers, texts, strict=True)]
    return [{column.name: row[column.name] for column in spec.columns} for row in merged]
