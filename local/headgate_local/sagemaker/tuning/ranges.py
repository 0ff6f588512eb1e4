"""The ranges that a tuning job searches: checked as AWS checks them, and the way from numbers to text and back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from headgate_local.api.errors import invalid

MOST = 30
"""Hyperparameters that a tuning job can search."""
WIDE = 100.0
"""Auto is logarithmic for positive ranges that span at least this factor, and linear for the others."""

Scale = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]


@dataclass(frozen=True)
class Numbers:
    """An integer or a continuous range, both ends included."""

    name: str
    low: float
    high: float
    scale: Scale
    whole: bool
    """Whether it holds integers only."""

    def text(self, value: float) -> str:
        """A value as the container gets it."""
        return str(int(value)) if self.whole else repr(float(value))

    def value(self, text: str) -> float | None:
        """The value that a text stands for, or None if it lies outside the range."""
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            return None
        return number if self.low <= number <= self.high else None

    @property
    def example(self) -> str:
        """One of its values, as text."""
        return self.text(self.low)

    @property
    def kind(self) -> str:
        """What may not change between a tuning job and its parents."""
        return "integer" if self.whole else "continuous"

    @property
    def combinations(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.whole else math.inf


@dataclass(frozen=True)
class Choices:
    """A categorical range."""

    name: str
    values: tuple[str, ...]

    kind = "categorical"

    @property
    def example(self) -> str:
        """One of its values."""
        return self.values[0]

    def text(self, value: str) -> str:
        """A value as the container gets it."""
        return value

    def value(self, text: str) -> str | None:
        """The text, or None if it is none of the choices."""
        return text if text in self.values else None

    @property
    def combinations(self) -> float:
        """How many values there are."""
        return float(len(self.values))


Range = Numbers | Choices


def read(given: dict[str, Any]) -> tuple[Range, ...]:
    """The ranges of a ParameterRanges structure; raises ValidationException for those that AWS refuses."""
    found: tuple[Range, ...] = tuple(_read(given))
    names = [each.name for each in found]
    if not names:
        raise invalid("Provide at least one hyperparameter range.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise invalid(f"Hyperparameter names must be unique across the ranges, but [{', '.join(twice)}] are not.")
    if len(names) > MOST:
        raise invalid(f"A tuning job can search at most {MOST} hyperparameters, not {len(names)}.")
    return found


def combinations(ranges: tuple[Range, ...]) -> float:
    """How many different jobs the ranges allow; infinite with a continuous range."""
    return math.prod(each.combinations for each in ranges)


def _read(given: dict[str, Any]) -> Iterator[Range]:
    for item in given.get("IntegerParameterRanges", []):
        yield _numbers(item, whole=True)
    for item in given.get("ContinuousParameterRanges", []):
        yield _numbers(item, whole=False)
    for item in given.get("CategoricalParameterRanges", []):
        values = tuple(item["Values"])
        if len(set(values)) < len(values):
            raise invalid(f"The values of the categorical hyperparameter [{item['Name']}] must be unique.")
        yield Choices(item["Name"], values)


def _numbers(item: dict[str, str], whole: bool) -> Numbers:
    name = item["Name"]
    low, high = (_number(name, member, item[member], whole) for member in ("MinValue", "MaxValue"))
    if low >= high:
        raise invalid(f"MinValue [{low}] of the hyperparameter [{name}] must be less than its MaxValue [{high}].")
    return Numbers(name, low, high, _scale(item, low, high, whole), whole)


def _number(name: str, member: str, text: str, whole: bool) -> float:
    what = "an integer" if whole else "a number"
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        raise invalid(f"{member} of the hyperparameter [{name}] must be {what}, not [{text}].") from None
    if not math.isfinite(number):
        raise invalid(f"{member} of the hyperparameter [{name}] must be finite.")
    return number


def _scale(item: dict[str, str], low: float, high: float, whole: bool) -> Scale:
    name, asked = item["Name"], item.get("ScalingType", "Auto")
    if asked == "Auto":
        return "Logarithmic" if low > 0 and high / low >= WIDE else "Linear"
    if asked == "Logarithmic":
        if low <= 0:
            raise invalid(f"Logarithmic scaling of [{name}] needs a range of values greater than 0.")
        return "Logarithmic"
    if asked == "ReverseLogarithmic":
        if whole:
            raise invalid(f"ReverseLogarithmic scaling is for continuous hyperparameters, and [{name}] is an integer.")
        if low < 0 or high >= 1:
            raise invalid(f"ReverseLogarithmic scaling of [{name}] needs a range within 0 <= x < 1.0.")
        return "ReverseLogarithmic"
    return "Linear"
