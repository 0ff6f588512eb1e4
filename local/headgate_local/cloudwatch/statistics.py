"""What is known of a metric's values in a stretch of time, and the statistics of it. Pure."""

import re
from collections.abc import Callable

from headgate_local.api.errors import unsupported

DISTINCT = 200
"""Different values that a distribution keeps exactly; with more of them it keeps each to three digits."""


class Distribution:
    """A statistic set (count, sum, minimum, maximum), and how often each value occurred if that is known."""

    __slots__ = ("count", "high", "low", "rounded", "total", "values")

    def __init__(self) -> None:
        self.count = 0.0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")
        self.values: dict[float, float] | None = {}
        """Counts by value; None once a statistic set came in, which tells nothing of its values."""
        self.rounded = False

    def add(self, value: float, count: float = 1.0) -> None:
        """Take in a value that occurred so many times."""
        self.count += count
        self.total += value * count
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        if self.values is not None:
            value = float(f"{value:.3g}") if self.rounded else value
            self.values[value] = self.values.get(value, 0.0) + count
            if len(self.values) > DISTINCT and not self.rounded:
                self._round()

    def add_set(self, count: float, total: float, low: float, high: float) -> None:
        """Take in a statistic set; one of equal values is as good as the values themselves."""
        if low == high:
            self.add(low, count)
            return
        self._extend(count, total, low, high)
        self.values = None

    def merge(self, other: "Distribution", with_values: bool = True) -> None:
        """Take in all that another one knows, or only its statistic set."""
        self._extend(other.count, other.total, other.low, other.high)
        if self.values is None or other.values is None or not with_values:
            self.values = None
            return
        for value, count in other.values.items():
            self.values[value] = self.values.get(value, 0.0) + count

    def compact(self) -> None:
        """Keep no more different values than a distribution should."""
        if self.values is not None and len(self.values) > DISTINCT:
            self._round()

    def _extend(self, count: float, total: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def _round(self) -> None:
        self.rounded = True
        exact, self.values = self.values or {}, {}
        for value, count in exact.items():
            short = float(f"{value:.3g}")
            self.values[short] = self.values.get(short, 0.0) + count


BASIC: dict[str, Callable[[Distribution], float]] = {
    "SampleCount": lambda known: known.count,
    "Sum": lambda known: known.total,
    "Average": lambda known: known.total / known.count,
    "Minimum": lambda known: known.low,
    "Maximum": lambda known: known.high,
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANK = re.compile(r"PR\((\d+(?:\.\d+)?)?:(\d+(?:\.\d+)?)?\)")
_OTHER = re.compile(r"(?:tm|tc|ts|wm)\d{1,2}(?:\.\d{1,10})?|IQM|(?:TM|TC|TS|WM)\(.*\)")


def percentile_of(statistic: str) -> float | None:
    """The percentile that a statistic such as ``p99.9`` asks for; None if it is none."""
    found = _PERCENTILE.fullmatch(statistic)
    return float(found.group(1)) if found else None


def is_known(statistic: str) -> bool:
    """Whether there is such a statistic here; one that only AWS has is refused by name.

    Raises:
        ApiError: for trimmed and winsorized means, trimmed counts and sums.
    """
    if _OTHER.fullmatch(statistic):
        raise unsupported(f"the statistic {statistic}")
    return statistic in BASIC or percentile_of(statistic) is not None or _rank_of(statistic) is not None


def needs_values(statistic: str) -> bool:
    """Whether a statistic is told by how often each value occurred, and not by a statistic set."""
    return percentile_of(statistic) is not None or _rank_of(statistic) is not None


def value_of(statistic: str, known: Distribution) -> float | None:
    """A statistic of a distribution; None if there is nothing, or no percentile can be told.

    As on AWS there are no percentiles with negative values, nor of statistic sets with different values in them.
    """
    if known.count <= 0:
        return None
    if statistic in BASIC:
        return BASIC[statistic](known)
    percentile, rank = percentile_of(statistic), _rank_of(statistic)
    if known.values is None or known.low < 0:
        return None
    if rank is not None:
        within = sum(count for value, count in known.values.items() if rank[0] <= value <= rank[1])
        return 100 * within / known.count
    return _percentile(known.values, percentile) if percentile is not None else None


def _rank_of(statistic: str) -> tuple[float, float] | None:
    """The values between which a percentile rank such as ``PR(:300)`` asks for the percentage; None if it is none."""
    found = _RANK.fullmatch(statistic)
    if found is None or not any(found.groups()):
        return None
    low, high = found.groups()
    return float(low or 0), float(high or "inf")


def _percentile(counts: dict[float, float], percentile: float) -> float:
    """Linear between the two nearest ranks."""
    ordered = sorted(counts.items())
    rank = percentile / 100 * (sum(counts.values()) - 1)
    seen, lower = 0.0, ordered[0][0]
    for value, count in ordered:
        if rank <= seen:  # between the last of the smaller value and the first of this one
            return value if rank == seen else lower + (rank - seen + 1) * (value - lower)
        seen += count
        if rank <= seen - 1:
            return value
        lower = value
    return lower
