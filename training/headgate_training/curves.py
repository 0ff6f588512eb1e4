"""What a model card draws, as numbers: curves and counts of the holdout, never a row of it."""

import numpy as np

from headgate_training.contenders import Predicted
from headgate_training.spec import Spec

POINTS = 100
"""A curve has at most so many points: enough to draw, and no row can be read from it."""
BARS = 20
PARTS = 10


def curves(predicted: Predicted, spec: Spec) -> dict[str, object]:
    """``roc`` and ``precision_recall`` for two classes, ``confusion`` for classes, ``residuals`` for numbers."""
    outcome = predicted.outcome
    if spec.task == "regression":
        return {"residuals": _residuals(outcome.target, outcome.predicted)}
    told: dict[str, object] = {"confusion": _confusion(outcome.target, outcome.predicted, len(spec.classes))}
    if spec.task == "binary":
        told |= _trade_offs(outcome.predicted[:, outcome.positive], outcome.target == outcome.positive)
    return told


def _confusion(target: np.ndarray, predicted: np.ndarray, classes: int) -> list[list[int]]:
    """Counts by true class (outer) and predicted class (inner), in the order of the classes."""
    flat = np.bincount(target * classes + predicted.argmax(axis=1), minlength=classes * classes)
    return [[int(count) for count in row] for row in flat.reshape(classes, classes)]


def _trade_offs(scores: np.ndarray, is_positive: np.ndarray) -> dict[str, object]:
    """ROC points [false positive rate, true positive rate], and [recall, precision], strictest threshold first."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(is_positive[order])
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # one point for each distinct score
    hits, chosen = hits[last].astype(float), last + 1.0
    positives, negatives = max(hits[-1], 1), max(chosen[-1] - hits[-1], 1)
    roc = np.column_stack([np.append(0, chosen - hits) / negatives, np.append(0, hits) / positives])
    recall = np.column_stack([hits / positives, hits / chosen])
    return {"roc": _thinned(roc), "precision_recall": _thinned(recall)}


def _residuals(target: np.ndarray, predicted: np.ndarray) -> dict[str, object]:
    """How errors (predicted less true) are spread, and for tenths of the predictions what was true."""
    errors = predicted - target
    reach = float(np.quantile(np.abs(errors), 0.99)) or 1.0
    counts, edges = np.histogram(np.clip(errors, -reach, reach), bins=BARS, range=(-reach, reach))
    order = np.argsort(predicted, kind="stable")
    parts = []
    for rows in np.array_split(order, min(PARTS, max(1, len(order) // 10))):
        low, middle, high = np.quantile(target[rows], [0.05, 0.5, 0.95]).tolist()
        line = {"predicted": float(predicted[rows].mean()), "low": low, "median": middle, "high": high}
        parts.append(line | {"rows": len(rows)})
    return {"edges": edges.tolist(), "counts": counts.tolist(), "parts": parts}


def _thinned(points: np.ndarray) -> list[list[float]]:
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(int))
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points[chosen]]
