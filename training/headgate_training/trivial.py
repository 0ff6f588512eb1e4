"""The predictor that looks at no column: what a model must beat to be worth anything."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from headgate_training.spec import Spec


@dataclass(frozen=True)
class Trivial:
    """Learned from the training part: shares of the classes, or mean and median of the numbers."""

    probabilities: tuple[float, ...] = ()
    mean: float = 0.0
    median: float = 0.0

    def predict(self, rows: int, metric: str) -> np.ndarray:
        """The best constant prediction for a metric: the median for mae, else the mean or the shares."""
        if self.probabilities:
            return np.tile(self.probabilities, (rows, 1))
        return np.full(rows, self.median if metric == "mae" else self.mean)

    def save(self, path: Path) -> None:
        """Write trivial.json."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def fit_trivial(target: np.ndarray, spec: Spec) -> Trivial:
    """Learn the trivial predictor from the training part's target."""
    if spec.task == "regression":
        return Trivial(mean=float(target.mean()), median=float(np.median(target)))
    return Trivial(tuple((np.bincount(target, minlength=len(spec.classes)) / len(target)).tolist()))


def load_trivial(path: Path) -> Trivial:
    """Read trivial.json."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Trivial(tuple(raw["probabilities"]), raw["mean"], raw["median"])
