"""What the families' files say: which data a family is for, what of it can be tuned, and what that costs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headgate.domain.spec import TrainingSpec

DEFAULT = "dnn"
"""The family that trains when neither the data nor a person says otherwise."""


class Range(BaseModel):
    """Where to search for one hyperparameter, both ends included."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    type: Literal["number", "integer"]
    low: Annotated[float, Field(alias="from")]
    high: Annotated[float, Field(alias="to")]
    scale: Literal["log", "linear"]


class Pace(BaseModel):
    """How long training takes, for estimates: of epochs that are usual, and of a cell (a row's column) in an epoch.

    Measured on two cores of a laptop's kind; a family's file may leave it out, then it is as slow as these defaults.
    """

    model_config = ConfigDict(frozen=True)

    epochs: int = 40
    microseconds_per_cell: float = 20.0


class Bounds(BaseModel):
    """Training rows and columns up to which a family is worth trying; None: any."""

    model_config = ConfigDict(frozen=True)

    rows: int | None = None
    columns: int | None = None


class Family(BaseModel):
    """One family's file. Keys that the core has no use for are passed over."""

    model_config = ConfigDict(frozen=True)

    family: str
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    hyperparameters: Mapping[str, Range]
    needs: str | None = None
    pace: Pace = Pace()
    bounds: Bounds = Bounds()

    def misfit(self, spec: TrainingSpec, rows: int) -> str | None:
        """Why the family cannot, or by its bounds should not, be tried on such data; None when it fits."""
        if impossible := self.impossible(spec):
            return impossible
        if self.bounds.rows is not None and rows > self.bounds.rows:
            return f"it is too slow for more than {self.bounds.rows} rows"
        if self.bounds.columns is not None and len(spec.columns) > self.bounds.columns:
            return f"it is too slow for more than {self.bounds.columns} columns"
        return None

    def impossible(self, spec: TrainingSpec) -> str | None:
        """Why the family cannot be trained on such data; None when it can."""
        if spec.task not in self.tasks:
            return f"it does not do {spec.task}"
        if strange := sorted({str(column.kind) for column in spec.columns} - set(self.kinds)):
            return f"it cannot take {', '.join(strange)} columns"
        if self.needs == "grid" and not spec.grids:
            return "it needs columns that form an image or a sequence"
        return None


def read_families(documents: Sequence[Mapping[str, Any]]) -> dict[str, Family]:
    """The families by name, from the content of their files."""
    families = [Family.model_validate(document) for document in documents]
    return {family.family: family for family in sorted(families, key=lambda family: family.family)}
