"""Targets out of all proportion: a decimal point that slipped, a code for "not known"."""

from collections.abc import Sequence

import numpy as np

from headgate_training.table import Table

FAR = 10_000.0
"""Spreads (interquartile ranges / 1.349) from the median: amounts that are skewed, however much, do not lie so far."""
FEW = 1000
"""One in so many rows at most is a slip; more of them are how the data is."""

Rows = tuple[Table, np.ndarray]
"""Rows and their target."""


def without_slips(parts: Sequence[Rows]) -> list[Rows]:
    """The parts of a regression, of which the first is trained on, without the few rows whose target lies FAR off.

    Squared errors are about nothing but such a row: a network would learn nothing else, and so would the mean that it
    has to beat, by which the worst of models looks good.
    """
    low, middle, high = np.quantile(parts[0][1], [0.25, 0.5, 0.75])
    reach = FAR * (high - low) / 1.349
    return [_within(*part, middle, reach) if reach > 0 else part for part in parts]


def _within(table: Table, target: np.ndarray, middle: float, reach: float) -> Rows:
    kept = np.flatnonzero(np.abs(target - middle) <= reach)
    if len(kept) == len(target) or len(target) - len(kept) > max(1, len(target) // FEW):
        return table, target
    return table.take(kept), target[kept]
