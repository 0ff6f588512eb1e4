"""What the core tells training about a dataset: `spec/spec.json` (docs/architecture.md shows one)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from headgate.domain.columns import Kind
from headgate.domain.project import Metric, Task


class SpecColumn(BaseModel):
    """One feature: its name in the Parquet files and what it holds.

    `datetime_format` is how times were written in the upload (strftime's letters); specs of old do not tell it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    datetime_format: str | None = Field(default=None, exclude_if=lambda form: form is None)


class TrainingSpec(BaseModel):
    """The target, the task and the features of a dataset. `classes` and `positive` are None for regression."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    target: str
    task: Task
    classes: list[str] | None
    positive: str | None
    metric: Metric
    direction: Literal["maximize", "minimize"]
    seed: int
    columns: list[SpecColumn]

    def kind_of(self, name: str) -> Kind | None:
        """The kind of a feature, or None when the dataset had no such feature."""
        return next((column.kind for column in self.columns if column.name == name), None)


def direction_of(metric: Metric) -> Literal["maximize", "minimize"]:
    """Whether more of a metric is better."""
    return "minimize" if metric in ("log_loss", "rmse", "mae") else "maximize"
