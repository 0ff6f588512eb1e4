"""Whether a model is as sure as it is right: reliability of probabilities, coverage of ranges."""

import numpy as np

from headgate_training.contenders import Predicted
from headgate_training.spec import Spec

BINS = 10
LEAST_ROWS = 10
"""A bin holds about so many rows or more: few rows make fewer bins."""
NOMINAL = 0.9
"""So many answers should lie between ``low`` and ``high``: what training set the range for."""


def calibration(predicted: Predicted, spec: Spec) -> dict[str, object]:
    """Bins of predictions with what was observed in them, and one number for how far off.

    Classes: ``error`` (the expected calibration error: mean distance of predicted and observed over the rows; Naeini et
    al., 2015) and ``bins`` of about equally many rows. Two classes are told by the positive one's probability, more by
    that of the most probable class. Numbers: ``coverage`` of low to high, ``nominal``, and the mean ``width``.
    """
    outcome = predicted.outcome
    if spec.task == "regression":
        assert predicted.ranges is not None
        low, high = predicted.ranges.T
        inside = (low <= outcome.target) & (outcome.target <= high)
        return {"coverage": float(inside.mean()), "nominal": NOMINAL, "width": float((high - low).mean())}
    if spec.task == "binary":
        given = outcome.predicted[:, outcome.positive]
        happened = outcome.target == outcome.positive
    else:
        given = outcome.predicted.max(axis=1)
        happened = outcome.predicted.argmax(axis=1) == outcome.target
    bins = _bins(given, happened.astype(np.float64))
    error = sum(int(each["rows"]) * abs(each["predicted"] - each["observed"]) for each in bins) / len(given)
    return {"error": error, "bins": bins}


def _bins(given: np.ndarray, happened: np.ndarray) -> list[dict[str, float]]:
    count = max(1, min(BINS, len(given) // LEAST_ROWS))
    edges = np.unique(np.quantile(given, np.linspace(0, 1, count + 1)[1:-1]))
    place = np.searchsorted(edges, given, side="left")
    bins: list[dict[str, float]] = []
    for number in np.unique(place):
        members = place == number
        bins.append(
            {
                "low": float(given[members].min()),
                "high": float(given[members].max()),
                "rows": int(members.sum()),
                "predicted": float(given[members].mean()),
                "observed": float(happened[members].mean()),
            }
        )
    return bins
