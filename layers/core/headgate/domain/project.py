"""What can be set in a project's `project.yaml`. Every key is optional; docs/project-settings.md lists them."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from headgate.domain.columns import ColumnSetting
from headgate.domain.endpoint_settings import EndpointSettings
from headgate.domain.metrics import Metric, Task
from headgate.domain.monitor_settings import MonitorSettings
from headgate.domain.respond_settings import RespondSettings
from headgate.domain.retrain_settings import RetrainSettings
from headgate.domain.section import InstanceType, Section
from headgate.domain.tuning_settings import TuningSettings

OF_TRAINING = frozenset(
    {
        *("target", "task", "metric", "positive", "columns", "identity", "trusted", "grids", "images", "forecast"),
        *("training", "tuning"),
    }
)
"""Keys of project.yaml that change what training makes of the same data; the others judge it, serve it and watch it."""

_ColumnName = Annotated[str, Field(min_length=1)]
_Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class GateSettings(Section):
    """How much better a challenger has to be."""

    min_improvement: float = Field(
        default=0.0,
        ge=0,
        description="by how much of the metric a challenger must beat the champion; a first model has to beat guessing",
    )
    min_test_rows: int = Field(default=20, ge=1, description="rows the holdout needs before anyone is judged")
    margin: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="share of its metric by which newest data, or a compressed format, may at most be worse",
    )
    slice_margin: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="share of the champion's metric by which a part of the holdout may fall; half of it for `slices`",
    )
    max_selection_gap: float | None = Field(
        default=None, ge=0, le=1, description="largest gap between `sensitive` groups in how often the positive is told"
    )
    min_selection_ratio: float | None = Field(
        default=None, ge=0, le=1, description="smallest ratio of the same; 0.8 is the rule of four fifths"
    )
    max_true_positive_gap: float | None = Field(
        default=None, ge=0, le=1, description="largest gap between groups in how many positives are found"
    )

    @property
    def limits_groups(self) -> bool:
        """Whether any limit on groups is set."""
        limits = (self.max_selection_gap, self.min_selection_ratio, self.max_true_positive_gap)
        return any(limit is not None for limit in limits)


LONGEST_APPROVAL_HOURS = 720
"""Thirty days; the state machines outlast it."""

OF_THE_JOB = {"instance_type", "instance_count", "spot"}
"""Settings of training that are the job's, not the program's."""


class TrainingSettings(Section):
    """The training job; training itself chooses what is left out."""

    epochs: int | None = Field(default=None, ge=1, le=10_000, description="passes over the training rows, at most")
    batch_size: int | None = Field(default=None, ge=1, le=65_536, description="rows in one step")
    learning_rate: float | None = Field(default=None, gt=0, le=10, description="step size of the optimizer")
    hidden_units: int | None = Field(default=None, ge=1, le=4096, description="width of a hidden layer")
    dropout: float | None = Field(default=None, ge=0, lt=1, description="share of units left out in each step")
    layers: int | None = Field(default=None, ge=1, le=64, description="hidden layers, or blocks of them")
    members: int | None = Field(default=None, ge=1, le=32, description="networks whose answers are averaged")
    patience: int | None = Field(default=None, ge=1, le=1000, description="epochs without progress before it ends")
    weight_decay: float | None = Field(default=None, ge=0, le=1, description="how much weights shrink in each step")
    family: _Word | None = Field(
        default=None, description="of the model: else `cnn` for images and text, `rnn` for sequences, otherwise `dnn`"
    )
    optimizer: Literal["adamw", "sgd"] | None = Field(default=None, description="what moves the weights; else `adamw`")
    momentum: float | None = Field(default=None, ge=0, lt=1, description="of `sgd`, with Nesterov's step; else 0.9")
    schedule: Literal["constant", "cosine", "warmup"] | None = Field(
        default=None,
        description="course of the learning rate over all epochs: even, falling to nothing, or rising first; "
        "else `constant`",
    )
    class_weights: Literal["none", "balanced"] | None = Field(
        default=None,
        description="whether rare classes weigh as much as frequent ones; else `balanced` for `balanced_accuracy` only",
    )
    deterministic: bool | None = Field(
        default=None, description="the same weights bit by bit from the same seed on the same machine; slower"
    )
    seed: int = Field(default=17, ge=0, lt=2**31, description="seed of everything random")
    instance_type: InstanceType = Field(
        default="ml.m5.large", description="machine that trains; unnamed, one that holds the rows"
    )
    instance_count: int = Field(default=1, ge=1, le=8, description="how many of them train together")
    spot: bool = Field(
        default=False, description="train on spare machines, which cost less and may be taken away for a while"
    )

    def hyperparameters(self) -> dict[str, str]:
        """What a person set, as SageMaker wants it: text by name."""
        given = self.model_dump(exclude_unset=True, exclude_none=True, exclude=OF_THE_JOB)
        return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}


class GridSettings(Section):
    """Columns that are one image or one sequence, row by row; named one by one or by what their names begin with."""

    name: _ColumnName
    kind: Literal["image", "sequence"]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1, max_length=3)]
    columns: list[_ColumnName] | None = None
    prefix: _ColumnName | None = None

    @model_validator(mode="after")
    def _whole(self) -> "GridSettings":
        if (self.columns is None) == (self.prefix is None):
            raise ValueError("a grid needs either columns or prefix")
        if self.kind == "image" and len(self.shape) < 2:
            raise ValueError("the shape of an image is [height, width] or [height, width, channels]")
        if self.kind == "sequence" and len(self.shape) > 2:
            raise ValueError("the shape of a sequence is [steps] or [steps, channels]")
        return self


class ImageSettings(Section):
    """How the pictures of an archive become pixels."""

    size: Annotated[list[Annotated[int, Field(ge=4, le=240)]], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="`[height, width]` of all pictures; otherwise that of most, shrunk to fit"
    )
    color: Literal["auto", "gray", "rgb"] = Field(
        default="auto", description="one number for each pixel or three; auto: three where pictures have colours"
    )


class ForecastSettings(Section):
    """Rows that are moments of time series, whose next value is to be told."""

    time: _ColumnName | None = Field(default=None, description="column that orders the rows; otherwise inferred")
    entity: list[_ColumnName] | None = Field(
        default=None, description="columns that say whose series a row belongs to; otherwise inferred"
    )
    steps: int = Field(default=12, ge=0, le=500, description="how many past rows a forecast sees; 0 never forecasts")
    known: list[_ColumnName] = Field(
        default_factory=list, description="columns whose value is known ahead, such as a planned price"
    )

    @property
    def demanded(self) -> bool:
        """Whether a person says that this is a forecast."""
        return self.steps > 0 and (self.time is not None or self.entity is not None)


class ApprovalSettings(Section):
    """Whether a person has to approve of a version before it is put in service."""

    mode: Literal["auto", "manual"] = Field(
        default="auto",
        description="`manual`: a version that passed the gate waits for a person; `approval: manual` says the same",
    )
    expires_hours: int = Field(
        default=72, ge=1, le=LONGEST_APPROVAL_HOURS, description="how long it waits; then it is not put in service"
    )
    remind_hours: int = Field(
        default=24, ge=1, le=LONGEST_APPROVAL_HOURS, description="how often people are reminded meanwhile"
    )


class ProjectSettings(Section):
    """All of project.yaml."""

    target: _ColumnName | None = Field(
        default=None, description="column to predict; otherwise target, label, class or y, otherwise the last column"
    )
    task: Task | None = Field(default=None, description="otherwise inferred from the target's values")
    metric: Metric | None = Field(default=None, description="what the gate compares; it has to fit the task")
    positive: str | None = Field(default=None, description="of two classes the one to detect; otherwise inferred")
    columns: dict[_ColumnName, ColumnSetting] = Field(
        default_factory=dict, description="kind of a column by its name, or `drop` to leave it out"
    )
    identity: list[_ColumnName] = Field(
        default_factory=list,
        description="columns that say which rows belong together (a patient, a machine): such rows share one part "
        "of the split; otherwise all features",
    )
    trusted: list[_ColumnName] = Field(
        default_factory=list,
        description="columns that may predict the target almost perfectly, because they are known when predicting, or "
        "whose numbers may be a hundred times the champion's and more",
    )
    grids: list[GridSettings] | None = Field(
        default=None, description="columns that are pixels or steps; otherwise inferred, `[]` for none"
    )
    images: ImageSettings = Field(default_factory=ImageSettings, description="pictures of an archive")
    forecast: ForecastSettings = Field(default_factory=ForecastSettings, description="forecasting one step ahead")
    slices: list[_ColumnName] = Field(
        default_factory=list, description="columns by whose values the judge also looks at parts of the holdout"
    )
    sensitive: list[_ColumnName] = Field(
        default_factory=list, description="columns of groups of people that the judge compares"
    )
    min_rows: int = Field(default=50, ge=20, description="rows a dataset needs at least")
    gate: GateSettings = Field(default_factory=GateSettings, description="the gate")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="the training job")
    tuning: TuningSettings = Field(default_factory=TuningSettings, description="the search for settings")
    approval: ApprovalSettings = Field(default_factory=ApprovalSettings, description="a person's approval")
    endpoint: EndpointSettings = Field(default_factory=EndpointSettings, description="the endpoint")
    respond: RespondSettings = Field(default_factory=RespondSettings, description="what follows from alarms")
    monitor: MonitorSettings = Field(default_factory=MonitorSettings, description="the monitor of its requests")
    retrain: RetrainSettings = Field(default_factory=RetrainSettings, description="training anew on data that is there")

    @model_validator(mode="after")
    def _limits_have_groups(self) -> "ProjectSettings":
        if self.gate.limits_groups and not self.sensitive:
            raise ValueError("a limit on groups needs their columns: name them under sensitive")
        return self

    @property
    def training_digest(self) -> str:
        """A hash of the settings that change what training makes of the same data: 16 hexadecimal digits."""
        told = json.dumps(self.model_dump(mode="json", include=set(OF_TRAINING)), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def gate_policy(self) -> dict[str, Any]:
        """What the gate is told."""
        return self.gate.model_dump() | {"sensitive": self.sensitive}

    @field_validator("approval", mode="before")
    @classmethod
    def _mode_alone(cls, value: object) -> object:
        return {"mode": value} if isinstance(value, str) else value

    @field_validator("positive", mode="before")
    @classmethod
    def _class_as_text(cls, value: object) -> object:
        # YAML reads `positive: 1` and `positive: true` as a number and a truth value; classes are text.
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int) else value
