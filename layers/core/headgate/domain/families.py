"""What the families' files say: which data a family is for, what of it can be tuned, and what that costs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headgate.domain.columns import Column
from headgate.domain.spec import Grid, TrainingSpec

DEFAULT = "dnn"
"""The family that trains when neither the data nor a person says otherwise."""
WORDS_OF_TEXT = 10
"""Text is what a table is about if its rows hold so many words for each of the other columns."""


class Range(BaseModel):
    """Where to search for one hyperparameter, both ends included."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)

    type: Literal["number", "integer"]
    low: Annotated[float, Field(alias="from")]
    high: Annotated[float, Field(alias="to")]
    scale: Literal["log", "linear"]


class Pace(BaseModel):
    """How long training takes, for estimates: epochs that are usual, and an epoch's time for a row's column or word.

    Measured on two cores of a laptop's kind; a family's file may leave it out, then it is as slow as these defaults.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    epochs: int = 40
    microseconds_per_cell: float = 20.0


class Bounds(BaseModel):
    """Training rows, and columns or words in a row, up to which a family is worth trying; None: any."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    rows: int | None = None
    columns: int | None = None


class Family(BaseModel):
    """One family's file. Keys that the core has no use for are passed over."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    family: str
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    hyperparameters: Mapping[str, Range]
    needs: tuple[Literal["grid", "text"], ...] = ()
    """What the data has to hold, one of them at least; nothing: any data will do."""
    pace: Pace = Field(default_factory=Pace)  # not `Pace()`: that would compile the model at every cold start
    bounds: Bounds = Field(default_factory=Bounds)

    def misfit(self, spec: TrainingSpec, rows: int, cells: float) -> str | None:
        """Why the family cannot, or by its bounds should not, be tried on such data; None when it fits.

        `cells` are what a row holds: its columns, and of free text its words.
        """
        if impossible := self.impossible(spec):
            return impossible
        if self.bounds.rows is not None and rows > self.bounds.rows:
            return f"it is too slow for more than {self.bounds.rows} rows"
        if self.bounds.columns is not None and cells > self.bounds.columns:
            return f"it is too slow for more than {self.bounds.columns} columns or words in a row"
        return None

    def impossible(self, spec: TrainingSpec) -> str | None:
        """Why the family cannot be trained on such data; None when it can."""
        if spec.task not in self.tasks:
            return f"it does not do {spec.task}"
        if strange := sorted({str(column.kind) for column in spec.columns} - set(self.kinds)):
            return f"it cannot take {', '.join(strange)} columns"
        held = {"grid": bool(spec.grids), "text": any(column.kind == "text" for column in spec.columns)}
        if self.needs and not any(held[need] for need in self.needs):
            wanted = {"grid": "columns that form an image or a sequence", "text": "free text"}
            return f"it needs {' or '.join(wanted[need] for need in self.needs)}"
        return None


def read_families(documents: Sequence[Mapping[str, Any]]) -> dict[str, Family]:
    """The families by name, from the content of their files."""
    families = [Family.model_validate(document) for document in documents]
    return {family.family: family for family in sorted(families, key=lambda family: family.family)}


def choose_family(grids: Sequence[Grid], columns: Sequence[Column], wanted: str | None) -> tuple[str | None, str]:
    """The family that suits the data, or None where the usual one does, and why.

    `columns` are those that training sees, `wanted` is project.yaml's word. Decision 0007 has the figures for text.
    """
    if wanted is not None:
        return (None, "") if wanted == "auto" else (wanted, "project.yaml says so")
    kinds = {grid.kind for grid in grids}
    if "image" in kinds:
        return "cnn", "the data holds images"
    if kinds:
        return "rnn", "the data holds sequences"
    texts = [column for column in columns if column.kind == "text"]
    words, others = sum(column.measured.mean_words or 0 for column in texts), len(columns) - len(texts)
    if texts and words >= WORDS_OF_TEXT * others:
        return "cnn", f"most of what a row says is free text, and {DEFAULT} does not see the order of its words"
    return None, ""
