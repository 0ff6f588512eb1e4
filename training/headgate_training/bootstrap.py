"""How sure a difference between two models is: the paired bootstrap."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headgate_training.metrics import PREPARE, Outcome

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 500_000
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
    sign = 1.0 if direction == "maximize" else -1.0
    of_first, of_second = PREPARE[metric](first), PREPARE[metric](second)

    def differences(weights: np.ndarray) -> np.ndarray:
        return sign * (of_first(weights) - of_second(weights))

    rows, random = len(first.target), np.random.default_rng(seed)
    block = max(1, _CELLS // rows)
    values = np.concatenate(
        [differences(_draw(random, rows, min(block, RESAMPLES - done))) for done in range(0, RESAMPLES, block)]
    )
    low, high = np.quantile(values[np.isfinite(values)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(differences(np.ones((1, rows)))[0]), float(low), float(high))


def _draw(random: np.random.Generator, rows: int, times: int) -> np.ndarray:
    """How often each row is drawn when as many are drawn as there are: float64 [times, rows]."""
    drawn = (np.bincount(random.integers(0, rows, rows), minlength=rows) for _ in range(times))
    return np.array(list(drawn), dtype=np.float64)
