"""Metrics of predictions, weighted, for many sets of weights at once.

A prediction is probabilities [rows, classes] for classes and values [rows] for numbers. A metric is prepared once
for an outcome and can then be taken for weights [sets, rows], giving [sets]: all weights 1 give the plain metric,
and how often a bootstrap drew each row gives the metric of that draw.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headgate_training.spec import Task

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "balanced_accuracy", "log_loss"),
    "multiclass": ("accuracy", "balanced_accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
_LEAST_PROBABILITY = 1e-7
"""Probabilities are cut here before the logarithm: float32 cannot tell smaller ones from 0."""


@dataclass(frozen=True)
class Outcome:
    """Predictions for rows whose target is known. ``positive`` is the number of the positive class."""

    target: np.ndarray
    predicted: np.ndarray
    positive: int = 1


Weighted = Callable[[np.ndarray], np.ndarray]
"""A metric prepared for one outcome: weights [sets, rows] in, metrics [sets] out."""


def measure(task: Task, outcome: Outcome) -> dict[str, float]:
    """All metrics of a task. A metric that the rows do not define (one class only, say) is NaN."""
    return {name: plain(name, outcome) for name in METRICS[task]}


def plain(metric: str, outcome: Outcome) -> float:
    """One metric with all rows counted once."""
    return float(PREPARE[metric](outcome)(np.ones((1, len(outcome.target))))[0])


def auc(outcome: Outcome) -> Weighted:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counted half."""
    scores = outcome.predicted[:, outcome.positive]
    is_positive = outcome.target == outcome.positive
    order = np.argsort(scores)
    positives, negatives = order[is_positive[order]], order[~is_positive[order]]
    # Of the negatives in order of score, this many are below each positive, and this many below or level.
    below = np.searchsorted(scores[negatives], scores[positives], side="left")
    level = np.searchsorted(scores[negatives], scores[positives], side="right")
    has_ties = bool((below < level).any())

    def take(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, positives]
        passed = np.zeros((len(weights), len(negatives) + 1))
        np.cumsum(weights[:, negatives], axis=1, out=passed[:, 1:])
        beaten = passed[:, below]
        if has_ties:
            beaten = (beaten + passed[:, level]) / 2
        with np.errstate(invalid="ignore"):
            return np.einsum("sp,sp->s", drawn, beaten) / (drawn.sum(axis=1) * passed[:, -1])

    return take


def accuracy(outcome: Outcome) -> Weighted:
    """Share of rows whose most probable class is right."""
    return _mean_of(hits(outcome))


def balanced_accuracy(outcome: Outcome) -> Weighted:
    """Mean over the classes that occur of the share of their rows that is right."""
    right_rows = hits(outcome)
    members = [outcome.target == number for number in np.unique(outcome.target)]

    def take(weights: np.ndarray) -> np.ndarray:
        drawn = np.array([weights @ rows for rows in members])
        right = np.array([weights @ (rows * right_rows) for rows in members])
        recalls = np.divide(right, drawn, out=np.zeros_like(right), where=drawn > 0)
        return recalls.sum(axis=0) / (drawn > 0).sum(axis=0)

    return take


def log_loss(outcome: Outcome) -> Weighted:
    """Mean of minus the logarithm of the probability given to the true class."""
    return _mean_of(losses(outcome))


def rmse(outcome: Outcome) -> Weighted:
    """Root of the mean squared error."""
    mean = squared_error(outcome)
    return lambda weights: np.sqrt(mean(weights))


def squared_error(outcome: Outcome) -> Weighted:
    """Mean squared error; of two models the one with less has the lower rmse and the higher r2."""
    return _mean_of(np.square(outcome.predicted - outcome.target))


def mae(outcome: Outcome) -> Weighted:
    """Mean absolute error."""
    return _mean_of(np.abs(outcome.predicted - outcome.target))


def r2(outcome: Outcome) -> Weighted:
    """1 - squared error / squared deviation from the mean of the same rows."""
    error = squared_error(outcome)
    centred = outcome.target - outcome.target.mean()
    first, second = _mean_of(centred), _mean_of(np.square(centred))

    def take(weights: np.ndarray) -> np.ndarray:
        variance = second(weights) - np.square(first(weights))
        varies = variance > 0
        return np.where(varies, 1 - error(weights) / np.where(varies, variance, 1), np.nan)

    return take


PREPARE: dict[str, Callable[[Outcome], Weighted]] = {
    "auc": auc,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "log_loss": log_loss,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def hits(outcome: Outcome) -> np.ndarray:
    """1.0 for each row whose most probable class is right, else 0.0."""
    return (outcome.predicted.argmax(axis=1) == outcome.target).astype(np.float64)


def losses(outcome: Outcome) -> np.ndarray:
    """Minus the logarithm of the probability that each row's true class was given."""
    given = outcome.predicted[np.arange(len(outcome.target)), outcome.target]
    told: np.ndarray = -np.log(np.clip(given, _LEAST_PROBABILITY, 1.0))
    return told


def _mean_of(values: np.ndarray) -> Weighted:
    return lambda weights: (weights @ values) / weights.sum(axis=1)
