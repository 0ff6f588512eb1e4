"""Metrics of predictions, weighted, for many sets of weights at once.

A prediction is probabilities [rows, classes] for classes and values [rows] for numbers. Weights are
[sets, rows]; a metric comes back as [sets]. All weights 1 gives the plain metric; how often a bootstrap drew each
row gives the metric of that draw, so the same code serves both.
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
_LEAST = 1e-7
"""Probabilities are cut here before the logarithm: float32 cannot tell smaller ones from 0."""


@dataclass(frozen=True)
class Outcome:
    """Predictions for rows whose target is known. ``positive`` is the number of the positive class."""

    target: np.ndarray
    predicted: np.ndarray
    positive: int = 1


def measure(task: Task, outcome: Outcome) -> dict[str, float]:
    """All metrics of a task. A metric that the rows do not define (one class only, say) is NaN."""
    once = np.ones((1, len(outcome.target)))
    return {name: float(FUNCTIONS[name](outcome, once)[0]) for name in METRICS[task]}


def auc(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counted half."""
    scores = outcome.predicted[:, outcome.positive]
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    is_positive = outcome.target[order] == outcome.positive
    drawn = weights[:, order]
    positives = np.add.reduceat(drawn * is_positive, starts, axis=1)
    negatives = np.add.reduceat(drawn * ~is_positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    with np.errstate(invalid="ignore"):
        return (positives * below).sum(1) / (positives.sum(1) * negatives.sum(1))


def accuracy(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Share of rows whose most probable class is right."""
    return _mean(_hits(outcome), weights)


def balanced_accuracy(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur of the share of their rows that is right."""
    hits = _hits(outcome)
    members = (outcome.target == number for number in range(outcome.predicted.shape[1]))
    with np.errstate(invalid="ignore"):
        recalls = [(weights @ (hits * rows)) / (weights @ rows) for rows in members if rows.any()]
    return np.nanmean(recalls, axis=0)


def log_loss(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Mean of minus the logarithm of the probability given to the true class."""
    given = outcome.predicted[np.arange(len(outcome.target)), outcome.target]
    return _mean(-np.log(np.clip(given, _LEAST, 1.0)), weights)


def rmse(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Root of the mean squared error."""
    return np.sqrt(_mean(np.square(outcome.predicted - outcome.target), weights))


def mae(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error."""
    return _mean(np.abs(outcome.predicted - outcome.target), weights)


def r2(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """1 - squared error / squared deviation from the mean of these rows."""
    error = _mean(np.square(outcome.predicted - outcome.target), weights)
    centred = outcome.target - outcome.target.mean()
    variance = _mean(np.square(centred), weights) - np.square(_mean(centred, weights))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, 1 - error / variance, np.nan)


FUNCTIONS: dict[str, Callable[[Outcome, np.ndarray], np.ndarray]] = {
    "auc": auc,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "log_loss": log_loss,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def _hits(outcome: Outcome) -> np.ndarray:
    return (outcome.predicted.argmax(axis=1) == outcome.target).astype(np.float64)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (weights @ values) / weights.sum(axis=1)
