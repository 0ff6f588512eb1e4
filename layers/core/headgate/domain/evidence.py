"""What the evaluator measured, read without trust: a number is finite or it is not there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from headgate.domain.errors import UnreadableError

FORMATS = (1, 2)
LEAST_LEVEL = 0.95
RIVALS = {"champion": "the champion", "trivial": "the trivial predictor"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference, more being better, and where it surely lies."""

    estimate: float
    low: float
    high: float

    def stricter(self, attempt: int, level: float) -> "Interval":
        """The interval as the `attempt`-th question to the same rows needs it: the chance to err divided by attempts.

        Widened as a normal one: of many equal challengers in a row, the first has the chance to pass by luck that
        `level` leaves, the second half of it, the third a third.
        """
        error, normal = (1 - level) / 2, NormalDist()
        wider = normal.inv_cdf(1 - error / attempt) / normal.inv_cdf(1 - error)
        low, high = (self.estimate - (self.estimate - end) * wider for end in (self.low, self.high))
        return Interval(self.estimate, low, high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger against a rival on the same rows."""

    rival: str
    rows: int
    challenger: float
    other: float
    difference: Interval
    level: float


def contest_of(evaluation: Mapping[str, Any]) -> Comparison:
    """The comparison on the holdout.

    Raises:
        UnreadableError: when it cannot be read.
    """
    difference = mapping(evaluation, "difference")
    rival = difference.get("against")
    if rival not in list(RIVALS) or (rival == "trivial") == isinstance(evaluation.get("champion"), Mapping):
        raise UnreadableError("difference.against")
    level = number(difference.get("level"))
    if level is None or not LEAST_LEVEL <= level < 1:
        raise UnreadableError("difference.level")
    return _contest(evaluation, str(evaluation["metric"]), str(rival), difference, level)


def newest_of(evaluation: Mapping[str, Any]) -> Comparison | None:
    """The comparison with the champion on the newest data's own rows; None where there is none.

    Raises:
        UnreadableError: when it cannot be read.
    """
    if evaluation.get("newest") is None:
        return None
    newest = mapping(evaluation, "newest")
    difference = mapping(newest, "difference")
    return _contest(newest, str(evaluation["metric"]), "champion", difference, LEAST_LEVEL)


def _contest(
    part: Mapping[str, Any], metric: str, rival: str, difference: Mapping[str, Any], level: float
) -> Comparison:
    challenger, other = (number(mapping(part, role).get(metric)) for role in ("challenger", rival))
    if challenger is None or other is None:
        raise UnreadableError(f"{metric} of challenger or {rival}")
    return Comparison(rival, rows_of(part), challenger, other, interval_of(difference, "difference"), level)


def legible(value: float, digits: int = 2) -> str:
    """A number as people read it, by so many significant digits: 0.021, 0.94, 210, 12,300; never 2.1e+02."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


def interval_of(found: object, place: str) -> Interval:
    """An interval with finite ends in order.

    Raises:
        UnreadableError: for anything else.
    """
    if isinstance(found, Mapping):
        estimate, low, high = (number(found.get(name)) for name in ("estimate", "low", "high"))
        if estimate is not None and low is not None and high is not None and low <= high:
            return Interval(estimate, low, high)
    raise UnreadableError(place)


def rows_of(part: Mapping[str, Any]) -> int:
    """How many rows were looked at.

    Raises:
        UnreadableError: when that is no count.
    """
    rows = part.get("rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise UnreadableError("rows")
    return rows


def mapping(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What stands under a name, which has to be an object.

    Raises:
        UnreadableError: when it is none.
    """
    found = part.get(name)
    if not isinstance(found, Mapping):
        raise UnreadableError(name)
    return found


def entries(part: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects of a list; none where the list is absent.

    Raises:
        UnreadableError: when it is no list of objects.
    """
    found = part.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise UnreadableError(name)
    return found


def number(value: object) -> float | None:
    """A finite number; None for what is absent, not finite, text or a truth value."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
