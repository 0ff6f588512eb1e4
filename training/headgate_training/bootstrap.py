"""How sure a difference between two models is: the paired bootstrap."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headgate_training.metrics import FUNCTIONS, Outcome

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 2_000_000
"""Weights held at a time: rows x resamples of a block."""


@dataclass(frozen=True)
class Difference:
    """How much better the first model is, more being better whatever the metric; ``low`` to ``high`` at LEVEL."""

    estimate: float
    low: float
    high: float


def paired_difference(
    metric: str, direction: Literal["maximize", "minimize"], first: Outcome, second: Outcome, seed: int
) -> Difference:
    """Percentile bootstrap over rows: both models are measured on the same draws (Efron & Tibshirani, 1993, ch. 13).

    ``first`` and ``second`` are outcomes for the same rows. Draws on which the metric is not defined are left out.
    """
    function, sign = FUNCTIONS[metric], 1.0 if direction == "maximize" else -1.0

    def differences(weights: np.ndarray) -> np.ndarray:
        return sign * (function(first, weights) - function(second, weights))

    rows, random = len(first.target), np.random.default_rng(seed)
    block = max(1, min(RESAMPLES, _CELLS // rows))
    drawn = [
        differences(random.multinomial(rows, np.full(rows, 1 / rows), size=size).astype(np.float64))
        for size in _blocks(RESAMPLES, block)
    ]
    values = np.concatenate(drawn)
    low, high = np.quantile(values[np.isfinite(values)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(differences(np.ones((1, rows)))[0]), float(low), float(high))


def _blocks(total: int, size: int) -> list[int]:
    full, rest = divmod(total, size)
    return [size] * full + [rest] * (rest > 0)
