"""How good a version is on requests whose label came later, beside what it was on rows that it had not seen.

Every metric is, but for what vanishes with more rows, a mean of one number for each row, its influence; the standard
error follows from how much these differ (Hampel, 1974). Of the area under the ROC curve they are the placements of
DeLong, DeLong and Clarke-Pearson (1988).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.domain.baseline import Quality
from headgate.domain.chance import normal_tail
from headgate.domain.drift import LEVEL
from headgate.domain.margins import Margins

LEAST_ROWS, LEAST_OF_A_CLASS = 50, 10
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """A row whose label is known: the numbers of the true and the told class and the probabilities, or two values."""

    label: int
    told: int
    probabilities: Sequence[float]
    value: float = 0.0
    truth: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """What labels say of a version: by how much it is worse than it was, 0 where that may be chance or is too little
    to matter. `value` is the metric, None where the rows do not tell it; `why` says so in words.
    """

    metric: str
    rows: int
    value: float | None
    error: float | None
    before: float
    loss: float
    chance: float
    why: str


def judge_quality(before: Quality, rows: Sequence[LabelledAnswer], positive: int, limits: Margins) -> Loss:
    """Compare the metric with what it was. `positive` is the number of the positive class, of two classes."""
    measured = _measure(before.metric, rows, positive) if len(rows) >= LEAST_ROWS else None
    if measured is None:
        why = f"{len(rows)} labels are too few to tell {before.metric}; it takes {LEAST_ROWS}, of each class some."
        return Loss(before.metric, len(rows), None, None, before.value, 0.0, 1.0, why)
    value, error = measured
    worse = before.value - value if before.direction == "maximize" else value - before.value
    together = math.hypot(error, _error_then(before, error, len(rows)))
    chance = normal_tail(worse / together) if together else float(worse <= 0)
    share = worse / abs(before.value) if before.value else worse
    counts = chance <= LEVEL and share >= limits.quality
    why = f"{before.metric} is {value:.4g} on {len(rows)} labelled rows; it was {before.value:.4g}, " + (
        "and chance does not explain that." if counts else "which chance may explain, or is too little to matter."
    )
    return Loss(before.metric, len(rows), value, error, before.value, share if counts else 0.0, chance, why)


def _error_then(before: Quality, error: float, rows: int) -> float:
    """The standard error of what the quality was. Where that were no change it is what these rows tell of so many.

    A few lucky rows of the holdout told of none, or of too small a one: 30 of 30 right answers do not differ.
    """
    return max(before.error, error * math.sqrt(rows / before.rows)) if before.rows else before.error


def _measure(metric: str, rows: Sequence[LabelledAnswer], positive: int) -> tuple[float, float] | None:
    """The metric and its standard error; None where the rows do not define it."""
    if metric in _OF_A_ROW:
        return _mean([_OF_A_ROW[metric](row) for row in rows])
    if metric == "auc":
        return _area(rows, positive)
    if metric == "balanced_accuracy":
        return _balanced(rows)
    return _root(rows) if metric == "rmse" else _explained(rows)


_OF_A_ROW: dict[str, Callable[[LabelledAnswer], float]] = {
    "accuracy": lambda row: float(row.told == row.label),
    "log_loss": lambda row: -math.log(max(row.probabilities[row.label], _LEAST_PROBABILITY)),
    "mae": lambda row: abs(row.value - row.truth),
}


def _root(rows: Sequence[LabelledAnswer]) -> tuple[float, float]:
    squared, error = _mean([(row.value - row.truth) ** 2 for row in rows])
    root = math.sqrt(squared)
    return root, error / (2 * root) if root else 0.0


def _mean(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def _area(rows: Sequence[LabelledAnswer], positive: int) -> tuple[float, float] | None:
    hits = sorted(row.probabilities[positive] for row in rows if row.label == positive)
    others = sorted(row.probabilities[positive] for row in rows if row.label != positive)
    if min(len(hits), len(others)) < LEAST_OF_A_CLASS:
        return None
    above = [(bisect_left(others, hit) + bisect_right(others, hit)) / 2 / len(others) for hit in hits]
    below = [1 - (bisect_left(hits, other) + bisect_right(hits, other)) / 2 / len(hits) for other in others]
    (area, error), (_, error_of_others) = _mean(above), _mean(below)
    return area, math.hypot(error, error_of_others)


def _balanced(rows: Sequence[LabelledAnswer]) -> tuple[float, float] | None:
    by_class: dict[int, list[float]] = {}
    for row in rows:
        by_class.setdefault(row.label, []).append(float(row.told == row.label))
    classes = len(rows[0].probabilities)
    if len(by_class) < classes or min(len(found) for found in by_class.values()) < LEAST_OF_A_CLASS:
        return None  # of the classes that happen to have labels alone, it is another metric
    recalls = [_mean(found) for found in by_class.values()]
    error = math.sqrt(sum(each**2 for _, each in recalls)) / len(recalls)
    return sum(recall for recall, _ in recalls) / len(recalls), error


def _explained(rows: Sequence[LabelledAnswer]) -> tuple[float, float] | None:
    centre = math.fsum(row.truth for row in rows) / len(rows)
    squared = [(row.value - row.truth) ** 2 for row in rows]
    apart = [(row.truth - centre) ** 2 for row in rows]
    variance, missed = math.fsum(apart) / len(rows), math.fsum(squared) / len(rows)
    if not variance:
        return None
    _, error = _mean([missed / variance**2 * far - wrong / variance for far, wrong in zip(apart, squared, strict=True)])
    return 1 - missed / variance, error
