"""The predictor that learns nothing of the columns: what a model must beat to be worth anything."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from headgate_training.spec import Spec
from headgate_training.table import Table


@dataclass(frozen=True)
class Trivial:
    """Learned from the training part: shares of the classes, or mean and median of the numbers.

    ``repeats`` is of forecasts: the value so many steps ago is the answer, and the mean or median only where that value
    is missing. With 0 there is nothing to repeat.
    """

    probabilities: tuple[float, ...] = ()
    mean: float = 0.0
    median: float = 0.0
    repeats: int = 0

    def predict(self, table: Table, spec: Spec, metric: str) -> np.ndarray:
        """The best answer of its kind for a metric: the median for mae, else the mean or the shares; or the past."""
        if self.probabilities:
            return np.tile(self.probabilities, (len(table), 1))
        constant = np.full(len(table), self.median if metric == "mae" else self.mean)
        if not self.repeats:
            return constant
        past = table.numbers[:, spec.numeric_names.index(spec.past(self.repeats))]
        return np.where(np.isnan(past), constant, past)

    def save(self, path: Path) -> None:
        """Write trivial.json."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def fit_trivial(table: Table, target: np.ndarray, spec: Spec) -> Trivial:
    """Learn the trivial predictor from the training part.

    Of a forecast it is what a person would say without a model: the last value, or the one a season ago. Which of the
    steps that a row sees repeats best, or whether the mean is better still, the squared errors tell.
    """
    if spec.task != "regression":
        return Trivial(tuple((np.bincount(target, minlength=len(spec.classes)) / len(target)).tolist()))
    mean, median = float(target.mean()), float(np.median(target))
    steps = spec.forecast.steps if spec.forecast else 0
    possible = [
        Trivial((), mean, median, ago) for ago in range(steps + 1) if not ago or spec.past(ago) in spec.numeric_names
    ]
    return min(possible, key=lambda guess: float(np.square(guess.predict(table, spec, "rmse") - target).mean()))


def load_trivial(path: Path) -> Trivial:
    """Read trivial.json; those from before forecasts had one of their own do not name ``repeats``."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Trivial(tuple(raw["probabilities"]), raw["mean"], raw["median"], raw.get("repeats", 0))
