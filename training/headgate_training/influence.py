"""How much each row moves a metric: what a confidence interval needs where drawing rows again would take too long.

The influence of a row is the derivative of the metric in the row's weight, times the number of rows (Hampel, 1974;
for the AUC these are the structural components of DeLong et al., 1988). Influences of a metric sum to 0, and the
variance of the metric is about the mean of their squares over the number of rows.
"""

from collections.abc import Callable

import numpy as np

from headgate_training.metrics import Outcome, hits, losses

MANY_ROWS = 100_000
"""Of more rows no draws are needed: both tell the same error, and a draw takes as long as all influences."""

Influence = Callable[[Outcome], np.ndarray]
"""Float64 [rows] for the outcome; NaN throughout where the metric itself is not defined."""


def auc(outcome: Outcome) -> np.ndarray:
    """Of a positive the share of negatives below it, of a negative the share of positives above it, each centred."""
    scores = outcome.predicted[:, outcome.positive]
    is_positive = outcome.target == outcome.positive
    above, below = scores[is_positive], scores[~is_positive]
    if not len(above) or not len(below):
        return np.full(len(scores), np.nan)
    beats = _shares_below(np.sort(below), above)
    loses = 1 - _shares_below(np.sort(above), below)
    area = beats.mean()
    influence = np.empty(len(scores))
    influence[is_positive] = (beats - area) * (len(scores) / len(above))
    influence[~is_positive] = (loses - area) * (len(scores) / len(below))
    return influence


def accuracy(outcome: Outcome) -> np.ndarray:
    """Right or wrong, less the share that is right."""
    return _centred(hits(outcome))


def balanced_accuracy(outcome: Outcome) -> np.ndarray:
    """Right or wrong, less the share of its class; rows of rare classes count for more."""
    right, influence = hits(outcome), np.zeros(len(outcome.target))
    classes = np.unique(outcome.target)
    for number in classes:
        members = outcome.target == number
        influence[members] = _centred(right[members]) * (len(right) / members.sum() / len(classes))
    return influence


def log_loss(outcome: Outcome) -> np.ndarray:
    """The row's own loss, less the mean."""
    return _centred(losses(outcome))


def rmse(outcome: Outcome) -> np.ndarray:
    """The row's squared error, less the mean, by the slope of the root."""
    squares = np.square(outcome.predicted - outcome.target)
    root = np.sqrt(squares.mean())
    return _centred(squares) / (2 * root) if root > 0 else np.zeros(len(squares))


def mae(outcome: Outcome) -> np.ndarray:
    """The row's error, less the mean."""
    return _centred(np.abs(outcome.predicted - outcome.target))


def r2(outcome: Outcome) -> np.ndarray:
    """The derivative of 1 - squared error / variance: both change with a row's weight."""
    squares = np.square(outcome.predicted - outcome.target)
    deviations = np.square(outcome.target - outcome.target.mean())
    variance = deviations.mean()
    if not variance > 0:
        return np.full(len(squares), np.nan)
    return (squares.mean() / variance * _centred(deviations) - _centred(squares)) / variance


INFLUENCE: dict[str, Influence] = {
    "auc": auc,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "log_loss": log_loss,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def standard_error(influences: np.ndarray) -> float:
    """The standard error of what these influences [rows] are of: a metric, or the difference of two."""
    return float(np.sqrt(np.square(influences).mean() / len(influences)))


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def _shares_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value the share of ``ordered`` below it, those level with it counted half."""
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return below / (2 * len(ordered))
