"""What a column is and whether it is of use: rules over what was measured of the whole column."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]
ColumnSetting = Literal["numeric", "categorical", "boolean", "datetime", "text", "drop"]

MISSING = ("", "NA", "N/A", "null", "NULL", "None", "?")
"""Texts that stand for a missing value. `NaN` is not among them: it is a computation gone wrong, and is refused."""

MAX_CATEGORIES = 1000
MAX_CLASSES = 100
MOST_CATEGORIES = 100_000
"""More texts than MAX_CATEGORIES are categories up to here, if they come again: codes of places or of articles."""
THOUSANDS = "; points stand between thousands, as commas are for decimals"
FEW_TEXTS = 20
"""So many different texts are categories, whatever their length."""
MOSTLY_DISTINCT = 0.5
PROSE_WORDS = 3
PROSE_LENGTH = 60
_KEY_NAME = re.compile(r"(.*[_ -])?(id|key|uuid|guid|index|row|nr|no|number)", re.IGNORECASE)
_KEY_NAME_CAMEL = re.compile(r".*[a-z](Id|ID|Key)")


@dataclass(frozen=True, slots=True)
class Measured:
    """Facts of one column over all rows.

    `distinct` counts values that are not missing; it is exact for small tables and otherwise an estimate good to a
    few per cent, except that one and two are exact. The numbers are None for text, the text facts for numbers.
    `thousands` says that points stood between the thousands of numbers.
    """

    name: str
    storage: Literal["number", "text"]
    rows: int
    missing: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] | None = None
    whole_numbers: bool = False
    booleans: bool = False
    datetime_format: str | None = None
    mean_length: float | None = None
    mean_words: float | None = None
    most_frequent: tuple[int, ...] | None = None
    numbers_among: int = 0
    first_text_line: int | None = None
    thousands: bool = False

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing


@dataclass(frozen=True, slots=True)
class TargetValues:
    """The target's values: how many rows have which.

    `counts` holds text and rows of the most frequent values, at most MAX_CLASSES + 1 of them; `distinct` tells how many
    values there are at least.
    """

    rows: int
    missing: int
    numeric: bool
    whole_numbers: bool
    counts: tuple[tuple[str, int], ...]

    @property
    def distinct(self) -> int:
        """How many different values there are; MAX_CLASSES + 1 stands for any number above MAX_CLASSES."""
        return len(self.counts)


@dataclass(frozen=True, slots=True)
class Column:
    """A decision on one column: what kind it is, whether training sees it, and why."""

    measured: Measured
    kind: Kind
    used: bool
    why: str

    @property
    def name(self) -> str:
        """The column's name in the upload."""
        return self.measured.name


def decide(
    measured: Measured, setting: ColumnSetting | None = None, before: Kind | None = None, *, champion: bool = False
) -> Column:
    """Decide on a column. `setting` is project.yaml's word, `before` the kind that the champion learned.

    What the champion learned stays in use even where this dataset alone would not keep it. What it did not learn stays
    out of use while there is a `champion`: its holdout, on which both are judged, does not hold the column.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when a kind was demanded that the values do not have; SCHEMA_CHANGED when
            the kind is no longer the champion's.
    """
    kind, why = infer_kind(measured)
    if before in ("text", "categorical") and kind in ("text", "categorical", "boolean"):
        kind = before  # what words are is a matter of degree, and of chance: the champion has settled it
    if setting == "drop" or measured.present == 0:
        if setting != "drop":
            _refuse_change(measured.name, "has no values any more", before)
        why = "project.yaml leaves it out" if setting == "drop" else "every value is missing"
        return Column(measured, kind, used=False, why=why)
    if setting is not None:
        kind, why = _demanded(measured, kind, setting), "project.yaml says so"
        why += THOUSANDS if measured.thousands else ""
    if before is not None:
        if kind != before:
            _refuse_change(measured.name, f"was {before} and is now {kind} ({why})", before)
        return Column(measured, kind, used=True, why=f"as the champion learned it; {why}")
    if champion:
        return Column(measured, kind, used=False, why="the champion does not know it; a new project can use it")
    if useless := _useless(measured, kind, demanded=setting is not None):
        return Column(measured, kind, used=False, why=f"{useless}; {why}" if measured.numbers_among else useless)
    return Column(measured, kind, used=True, why=why)


def in_grid(column: Column) -> Column:
    """A pixel or a step, which is not left out for itself: the corner of an image is often constant."""
    return column if column.used else replace(column, used=True, why="it is part of a grid")


def infer_kind(measured: Measured) -> tuple[Kind, str]:
    """What a column is by its values alone, and why."""
    if measured.storage == "number":
        return "numeric", f"every value is a number{THOUSANDS if measured.thousands else ''}"
    if measured.booleans:
        return "boolean", "every value is true or false"
    if measured.datetime_format:
        return "datetime", f"every value is a date or time of the form {measured.datetime_format}"
    if measured.numbers_among:
        line = f", the first on line {measured.first_text_line}" if measured.first_text_line else ""
        texts = measured.present - measured.numbers_among
        return "categorical", f"{texts} of {measured.present} values are not numbers{line}"
    return _words(measured)


def _words(measured: Measured) -> tuple[Kind, str]:
    long, many = (measured.mean_length or 0) > PROSE_LENGTH, _too_many(measured)
    words = measured.mean_words or 0
    if (long or many) and words >= PROSE_WORDS:
        return "text", f"free text: {words:.0f} words on average, {measured.distinct} different texts"
    if measured.distinct > MAX_CATEGORIES:
        return "categorical", f"about {measured.distinct} different texts, each in several rows on average"
    return "categorical", "the values are text"


def _too_many(measured: Measured) -> bool:
    return measured.distinct > MAX_CATEGORIES or measured.distinct > max(FEW_TEXTS, MOSTLY_DISTINCT * measured.present)


def _demanded(measured: Measured, kind: Kind, setting: Kind) -> Kind:
    if setting in (kind, "categorical") or (setting == "text" and measured.storage == "text"):
        return setting
    raise DatasetRefusedError(
        Reason.SETTINGS_INVALID,
        f"project.yaml: columns.{measured.name} says {setting}, but not every value is one. "
        "Correct the values, or the setting.",
    )


def _useless(measured: Measured, kind: Kind, *, demanded: bool) -> str | None:
    if measured.distinct <= 1:
        return "every value is the same"
    if not demanded and kind == "numeric":
        return _row_number(measured)
    if not demanded and kind == "categorical":
        return _not_categories(measured)
    return None


def _not_categories(measured: Measured) -> str | None:
    if measured.distinct >= measured.present:
        return "every value is different, as in a key"
    if (measured.mean_length or 0) > PROSE_LENGTH and measured.distinct > FEW_TEXTS:
        return f"long texts that are no prose: {measured.mean_length:.0f} characters on average"
    if measured.distinct > MOST_CATEGORIES or measured.distinct > max(FEW_TEXTS, MOSTLY_DISTINCT * measured.present):
        return f"about {measured.distinct} different texts, too many to learn from"
    return None


def _row_number(measured: Measured) -> str | None:
    minimum, maximum = measured.minimum, measured.maximum
    if not measured.whole_numbers or measured.missing or measured.distinct < measured.rows:
        return None
    assert minimum is not None
    assert maximum is not None
    if maximum - minimum + 1 == measured.rows:
        return "whole numbers without gap or repetition, as in a row number"
    if _KEY_NAME.fullmatch(measured.name) or _KEY_NAME_CAMEL.fullmatch(measured.name):
        return "whole numbers without repetition under the name of a key"
    return None


def _refuse_change(name: str, what: str, before: Kind | None) -> None:
    if before is not None:
        raise DatasetRefusedError(
            Reason.SCHEMA_CHANGED,
            f"Column {name} {what}. The champion learned from it: restore it, or start a new project for new data.",
        )
