"""What a version's training data looked like, feature by feature, and what a window of requests looks like beside it.

`baseline.json` is written by the containers (training/headgate_training/baseline.py); here it is read. A feature is a
column, or what is told of one in a single number: the length of a text, the mean and the spread of a grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Of = Literal["value", "length", "mean", "spread"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A distribution of numbers: rows up to and with each edge, in bins that each hold about the same of the baseline.

    `counts` has one more entry than `edges`; `low` and `high` are the extremes of all rows, None without any.
    """

    edges: Sequence[float]
    counts: Sequence[int]
    low: float | None
    high: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class Categories:
    """A distribution of categories: rows of each one that is kept by name, the commonest first.

    `once` are rows whose category no other row had; `rest` rows of categories beyond those kept, and where there are
    any, nobody can say which ones are new.
    """

    counts: Mapping[str, int]
    once: int
    rest: int


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the baseline. `rows` counts those of the sample, `missing` among them; `columns` are of a grid."""

    name: str
    column: str
    of: Of
    rows: int
    missing: int
    spread: Numbers | Categories
    columns: Sequence[str] = ()

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing


@dataclass(frozen=True, slots=True)
class Seen:
    """The same feature in a window. `beyond` are rows below and above the baseline's extremes, `unknown` rows of
    categories that the baseline did not have, the frequent ones by name; the median is roughly one.
    """

    rows: int
    missing: int
    counts: Sequence[int] | Mapping[str, int]
    beyond: tuple[int, int] = (0, 0)
    median: float | None = None
    unknown: int = 0
    unknown_names: Sequence[str] = ()

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the version was on rows that it had not seen, with the standard error of that."""

    metric: str
    direction: str
    value: float
    error: float
    rows: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """All of baseline.json. `importance` is what shuffling a column costs; `groups` are, of each sensitive column, how
    many rows of each group were told to be of the positive class, and of how many.
    """

    rows: int
    features: Sequence[Feature]
    answers: Feature
    quality: Quality | None
    importance: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Baseline":
        """Read baseline.json."""
        quality = document["quality"]
        return cls(
            rows=document["rows"],
            features=[_feature(each) for each in document["features"]],
            answers=_feature(document["answers"]),
            quality=Quality(**quality) if quality else None,
            importance=document["importance"],
            groups={
                column: {name: (told, rows) for name, (told, rows) in groups.items()}
                for column, groups in document["groups"].items()
            },
        )

    def weight_of(self, feature: Feature) -> float | None:
        """What the model looks at most is 1, what it does without 0; None where that was not measured."""
        most = max(self.importance.values(), default=0.0)
        if most <= 0 or feature.column not in self.importance:
            return None
        return max(0.0, self.importance[feature.column] / most)


def _feature(document: Mapping[str, Any]) -> Feature:
    numbers, categories = document.get("numbers"), document.get("categories")
    return Feature(
        document["name"],
        document["column"],
        document["of"],
        document["rows"],
        document["missing"],
        Numbers(**numbers) if numbers else Categories(**categories or {}),
        document.get("columns", ()),
    )
