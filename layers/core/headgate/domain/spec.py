"""What the core tells training about a dataset: `spec/spec.json` (docs/architecture.md shows one)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from headgate.domain.columns import Kind
from headgate.domain.metrics import Metric, Task


class SpecColumn(BaseModel):
    """One feature: its name in the Parquet files and what it holds.

    `datetime_format` is how times were written in the upload (strftime's letters); specs of old do not tell it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    kind: Kind
    datetime_format: str | None = Field(default=None, exclude_if=lambda form: form is None)


class Grid(BaseModel):
    """Numeric columns that are one image or one sequence, row by row.

    `shape` is [height, width, channels] or [steps, channels]. `high` is the value of a white pixel, of images only.
    `recipe` says how pictures became these pixels (`headgate.domain.images`), where they came as pictures.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    kind: Literal["image", "sequence"]
    shape: list[int]
    columns: list[str]
    high: float | None = Field(default=None, exclude_if=lambda high: high is None)
    recipe: str | None = Field(default=None, exclude_if=lambda recipe: recipe is None)


class Forecast(BaseModel):
    """How rows were made of time series: each sees `steps` past moments, and the target is the value of the next one.

    `channels` are the columns of which the past is seen (in columns `c[-steps]` to `c[-1]`), `known` those of which the
    value at the moment of the target is seen, too. `every` says how far two moments lie apart, in months or seconds;
    None counts rows, whatever time lies between. `time_format` is how times were written in the upload.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    entity: list[str]
    time: str
    steps: int
    channels: list[str]
    known: list[str]
    every: tuple[Literal["month", "second"], int] | None
    time_format: str


class TrainingSpec(BaseModel):
    """The target, the task and the features of a dataset. `classes` and `positive` are None for regression.

    Columns of grids stand in `columns`, too. `slices` and `sensitive` are in the Parquet files for the judge, as
    features or not. What says nothing is left out of the file.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    format: Literal[1] = 1
    target: str
    task: Task
    classes: list[str] | None
    positive: str | None
    metric: Metric
    direction: Literal["maximize", "minimize"]
    seed: int
    columns: list[SpecColumn]
    grids: list[Grid] = Field(default_factory=list, exclude_if=lambda grids: not grids)
    forecast: Forecast | None = Field(default=None, exclude_if=lambda forecast: forecast is None)
    slices: list[str] = Field(default_factory=list, exclude_if=lambda names: not names)
    sensitive: list[str] = Field(default_factory=list, exclude_if=lambda names: not names)
    family: str | None = Field(default=None, exclude_if=lambda family: family is None)

    @property
    def time_forms(self) -> dict[str, str]:
        """How times were written in the upload, by column."""
        forms = {column.name: column.datetime_format for column in self.columns if column.datetime_format}
        if self.forecast is not None and self.forecast.time_format:
            forms[self.forecast.time] = self.forecast.time_format
        return forms

    def kind_of(self, name: str) -> Kind | None:
        """The kind of a feature, or None when the dataset had no such feature."""
        return next((column.kind for column in self.columns if column.name == name), None)
