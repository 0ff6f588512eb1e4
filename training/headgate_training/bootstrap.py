"""How sure a difference between two models is: the paired bootstrap, held in check by a test of swapped models."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from headgate_training.influence import INFLUENCE, MANY_ROWS, standard_error
from headgate_training.metrics import PREPARE, Outcome, squared_error
from headgate_training.simultaneous import for_few_rows

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 500_000
"""Weights held at a time: rows x resamples of a block."""
_GROUPS = 200
"""The swap test takes more rows than this in so many groups."""
_SWAPS = 10_000

_Differences = Callable[[np.ndarray], np.ndarray]
"""Weights [sets, rows] in, differences [sets] out."""


@dataclass(frozen=True)
class Difference:
    """How much better the first model is, more being better whatever the metric; ``low`` to ``high`` at LEVEL."""

    estimate: float
    low: float
    high: float


def paired_difference(
    metric: str, direction: Literal["maximize", "minimize"], first: Outcome, second: Outcome, seed: int
) -> Difference:
    """Bootstrap over rows: both models are measured on the same draws (Efron & Tibshirani, 1993, ch. 13).

    ``first`` and ``second`` are outcomes for the same rows. Draws on which the metric is not defined are left out;
    where the rows themselves do not define it all three numbers are NaN.

    The percentile interval alone is too narrow for few rows: of two equally good models it calls one better up to twice
    as often as LEVEL promises. So its percentiles are moved outwards by what Student's t asks of so many rows
    (Hesterberg, 2015, "What Teachers Should Know About the Bootstrap", 5.3), and the interval excludes zero only if the
    swap test does so too. Of more than MANY_ROWS the interval is the normal one by the rows' influences.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    rows, random = len(first.target), np.random.default_rng(seed)
    differences = _oriented(PREPARE[metric](first), PREPARE[metric](second), sign)
    estimate = float(differences(np.ones((1, rows)))[0])
    if not np.isfinite(estimate):
        return Difference(np.nan, np.nan, np.nan)
    if rows > MANY_ROWS:
        error = standard_error(INFLUENCE[metric](first) - INFLUENCE[metric](second))
        reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
        low, high = estimate - reach, estimate + reach
    else:
        drawn = np.concatenate([differences(_draw(random, rows, times)) for times in _blocks(RESAMPLES, rows)])
        tail = _tail(rows)
        low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    if low > 0 or high < 0:
        if metric in {"rmse", "r2"}:  # which of them is better follows from the mean, of which the test is exact
            differences = _oriented(squared_error(first), squared_error(second), -1.0)
        if not _swap_test(differences, rows, random):
            low, high = min(low, 0.0), max(high, 0.0)
    return Difference(estimate, float(low), float(high))


def _oriented(of_first: _Differences, of_second: _Differences, sign: float) -> _Differences:
    return lambda weights: sign * (of_first(weights) - of_second(weights))


def _tail(rows: int) -> float:
    """The share of draws beyond each end, so that ends of a mean's interval lie where Student's t puts them."""
    if rows < 3:
        return 0.0
    normal = NormalDist()
    t = for_few_rows(normal.inv_cdf((1 + LEVEL) / 2), rows)
    return normal.cdf(-t * float(np.sqrt(rows / (rows - 1))))


def _swap_test(differences: _Differences, rows: int, random: np.random.Generator) -> bool:
    """Whether the difference is larger than swapping the models at random, row by row, makes it at one side of LEVEL.

    The jackknife's pseudo-values say what each row (or group of rows) gives to the difference; swapping the models in a
    row turns the sign of its value. For accuracy this is McNemar's exact test, for mean errors the sign-flip test;
    where leaving out a row leaves the metric undefined, nothing is told.
    """
    if rows == 1:
        return False  # nothing is left without it
    groups = min(rows, _GROUPS)
    group = random.permutation(rows) % groups
    without, begun = [], 0
    for times in _blocks(groups, rows):
        without.append(differences((group != np.arange(begun, begun + times)[:, None]).astype(np.float64)))
        begun += times
    left = np.concatenate(without)
    if not np.isfinite(left).all():
        return False
    given = groups * differences(np.ones((1, rows)))[0] - (groups - 1) * left
    swapped = random.choice([-1.0, 1.0], (_SWAPS, groups)) @ given
    # A sum that is as large but for rounding counts as large: with few rows many are.
    as_large = np.count_nonzero(np.abs(given.sum()) <= swapped + 1e-9 * np.abs(given).sum())
    return bool((1 + as_large) / (1 + _SWAPS) <= (1 - LEVEL) / 2)


def _blocks(sets: int, rows: int) -> list[int]:
    """Sizes of blocks that hold so many sets of weights, each within _CELLS."""
    block = max(1, _CELLS // rows)
    return [min(block, sets - done) for done in range(0, sets, block)]


def _draw(random: np.random.Generator, rows: int, times: int) -> np.ndarray:
    """How often each row is drawn when as many are drawn as there are: float64 [times, rows]."""
    drawn = (np.bincount(random.integers(0, rows, rows), minlength=rows) for _ in range(times))
    return np.array(list(drawn), dtype=np.float64)
