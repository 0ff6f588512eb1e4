"""The encoding as it is learnt from the training part: what of each column a row is told by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from headgate_training.encoding import (
    UNTOLD,
    Encoding,
    GridScaled,
    Index,
    OneHot,
    Scaled,
    parse_datetimes,
)
from headgate_training.spec import Grid, Spec
from headgate_training.table import Table
from headgate_training.text import Wanted, fit_words
from headgate_training.words import TrainingError

SKEWED = 2.0
"""A column whose scaled values have more than this absolute skewness is passed through asinh."""
VOCABULARY = 64
"""A column of more known values than this is not told one-hot but by the number of its value."""
CATEGORIES = 8192
"""Numbered values of a column, at most; the rest are "any other"."""
SEEN = 3
"""A value seen in fewer training rows than this is "any other"."""


def fit_encoding(table: Table, spec: Spec, wanted: Wanted = "bag") -> Encoding:
    """Learn the encoding from the training part; ``wanted`` is what the family is to be told of free text."""
    kinds = {column.name: column.kind for column in spec.columns}
    gridded = {name for grid in spec.grids for name in grid.columns}
    places = {name: place for place, name in enumerate(spec.numeric_names)}
    numeric = [_fit_scaled(name, table.numbers[:, place]) for name, place in places.items() if name not in gridded]
    grids = [_fit_grid(grid, table.numbers[:, [places[name] for name in grid.columns]]) for grid in spec.grids]
    datetimes, words = [], []
    onehot: list[OneHot] = []
    index: list[Index] = []
    for name, values in zip(spec.text_names, table.texts, strict=True):
        if kinds[name] == "datetime":
            datetimes.append(_fit_datetime(name, parse_datetimes(name, values)))
        elif kinds[name] == "text":
            words.append(fit_words(name, values, wanted))
        elif isinstance(fitted := _fit_categories(name, values), OneHot):
            onehot.append(fitted)
        else:
            index.append(fitted)
    encoding = Encoding(tuple(numeric), tuple(datetimes), tuple(onehot), tuple(index), tuple(grids), tuple(words))
    if not encoding.width:
        raise TrainingError("Every column has a single value in the training part: there is nothing to learn from.")
    return encoding


def _fit_scaled(name: str, values: np.ndarray) -> Scaled:
    finite, missing = values[np.isfinite(values)], bool(np.isnan(values).any())
    if not len(finite):
        return Scaled(name, 0.0, UNTOLD, asinh=False, missing=False)
    if finite.min() == finite.max():
        return Scaled(name, float(finite[0]), UNTOLD, asinh=False, missing=missing)
    low, center, high = np.quantile(finite, [0.25, 0.5, 0.75])
    spread = (high - low) / 1.349 or np.std(finite) or 1.0
    scaled = np.clip((finite - center) / spread, -1e3, 1e3)
    return Scaled(name, float(center), float(spread), bool(abs(skewness(scaled)) > SKEWED), missing)


def _fit_datetime(name: str, moments: np.ndarray) -> Scaled:
    present = moments[~np.isnan(moments[:, 0]), 1:]
    still = tuple(number for number, cycle in enumerate(present.T) if len(np.unique(cycle)) <= 1)
    return replace(_fit_scaled(name, moments[:, 0]), still=still)


def skewness(values: np.ndarray) -> float:
    """Third standardised moment; 0 for a constant."""
    deviation = values - values.mean()
    return float((deviation**3).mean() / ((deviation**2).mean() ** 1.5 or 1.0))


def _fit_categories(name: str, values: Sequence[str]) -> OneHot | Index:
    counts = Counter(values)
    missing = counts.pop("", 0) > 0
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    kept = tuple(value for value in ranked[:CATEGORIES] if counts[value] >= SEEN)
    if len(kept) > VOCABULARY:
        return Index(name, kept)
    onehot = OneHot(name, kept, other=len(kept) < len(counts), missing=missing)
    return onehot if onehot.width > 1 else OneHot(name, (), other=False, missing=False)


def _fit_grid(grid: Grid, values: np.ndarray) -> GridScaled:
    center, spread = [], []
    for channel in values.reshape(-1, grid.shape[-1]).T:
        finite = channel[np.isfinite(channel)]
        center.append(float(finite.mean()) if len(finite) else 0.0)
        spread.append(float(finite.std()) or 1.0 if len(finite) else 1.0)
    return GridScaled(grid.name, grid.kind, grid.shape, grid.columns, tuple(center), tuple(spread))
