"""What a model is to do, and by what it is measured."""

from typing import Literal

Task = Literal["binary", "multiclass", "regression"]
Metric = Literal["auc", "accuracy", "balanced_accuracy", "log_loss", "rmse", "mae", "r2"]
METRICS: dict[str, tuple[Metric, ...]] = {
    "binary": ("auc", "accuracy", "balanced_accuracy", "log_loss"),
    "multiclass": ("accuracy", "balanced_accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
"""The metrics of each task; the first is the default."""


def direction_of(metric: Metric) -> Literal["maximize", "minimize"]:
    """Whether more of a metric is better."""
    return "minimize" if metric in ("log_loss", "rmse", "mae") else "maximize"
