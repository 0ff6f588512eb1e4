"""Time series, and calculating with them. Pure.

A series maps the start of a period to its value and has no entry where there is no data.
"""

import itertools
import math
from collections.abc import Callable, Iterable

Series = dict[int, float]
Value = float | Series | list[Series]


class ExpressionError(Exception):
    """Raised when an expression cannot be read or does not fit its values; the message says what is wrong."""


def both(calculate: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """One calculation on numbers, on series period by period, or on every series of an array."""
    if isinstance(left, list) or isinstance(right, list):
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                raise ExpressionError("Arrays of different lengths cannot be put together")
            return [one_series(both(calculate, a, b)) for a, b in zip(left, right, strict=True)]
        several, many = (left, True) if isinstance(left, list) else (right, False)
        assert isinstance(several, list)
        return [one_series(both(calculate, each, right) if many else both(calculate, left, each)) for each in several]
    if isinstance(left, dict) and isinstance(right, dict):
        starts: Iterable[int] = sorted(left.keys() & right.keys())
    elif isinstance(left, dict) or isinstance(right, dict):
        starts = left if isinstance(left, dict) else right  # type: ignore[assignment]
    else:
        return defined(calculate, left, right) or 0.0
    results = {start: defined(calculate, _at(left, start), _at(right, start)) for start in starts}
    return {start: value for start, value in results.items() if value is not None}


def defined(calculate: Callable[..., float], *operands: object) -> float | None:
    """A result, or None for one that is not a (finite) number: such a period has no datapoint."""
    try:
        result = calculate(*operands)
    except (ArithmeticError, ValueError):
        return None
    return float(result) if isinstance(result, (int, float)) and math.isfinite(result) else None


def _at(value: Value, start: int) -> float:
    if isinstance(value, dict):
        return value[start]
    assert isinstance(value, (int, float))
    return float(value)


def one_series(value: Value) -> Series:
    """A value that must be a series; raises ExpressionError for another one."""
    if not isinstance(value, dict):
        raise ExpressionError("A time series is needed here")
    return value


def difference(series: Series) -> Series:
    """What each value adds to the one before."""
    starts = sorted(series)
    return {later: series[later] - series[earlier] for earlier, later in itertools.pairwise(starts)}


def rate(series: Series) -> Series:
    """What each value adds to the one before, per second."""
    starts = sorted(series)
    return {b: (series[b] - series[a]) / (b - a) for a, b in itertools.pairwise(starts)}


def running_sum(series: Series) -> Series:
    """The sum of each value and all before."""
    total, sums = 0.0, {}
    for start in sorted(series):
        total += series[start]
        sums[start] = total
    return sums


def repeat(starts: tuple[int, ...], series: Series) -> Series:
    """Every gap filled with the value before it."""
    last, filled = None, {}
    for start in starts:
        last = series.get(start, last)
        if last is not None:
            filled[start] = last
    return filled


def linear(starts: tuple[int, ...], series: Series) -> Series:
    """Every gap between two values filled along a straight line."""
    filled, there = dict(series), sorted(series)
    for before, after in itertools.pairwise(there):
        step = (series[after] - series[before]) / (after - before)
        filled |= {start: series[before] + step * (start - before) for start in starts if before < start < after}
    return dict(sorted(filled.items()))
