"""When an alarm rings: datapoints against a threshold, M of N, and what is missing. Pure: no clock, no storage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate_local.cloudwatch.statistics import percentile_of

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
MORE = 2
"""Datapoints that are looked at beyond the last N, as in AWS's examples (its own number is not told)."""

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": ("greater than", lambda value, threshold: value > threshold),
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda value, threshold: value >= threshold),
    "LessThanThreshold": ("less than", lambda value, threshold: value < threshold),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda value, threshold: value <= threshold),
}
"""Operators, with how the reason of a state says them."""

FINAL = {
    "GreaterThanThreshold": ("Maximum", "SampleCount"),
    "GreaterThanOrEqualToThreshold": ("Maximum", "SampleCount"),
    "LessThanThreshold": ("Minimum",),
    "LessThanOrEqualToThreshold": ("Minimum",),
}
"""Statistics that, once over the threshold, stay over it whatever the rest of their period brings. A Sum of values
none of which is negative is one more."""


@dataclass(frozen=True)
class Rule:
    """What an alarm compares, and how many datapoints must breach."""

    threshold: float
    operator: str
    datapoints_to_alarm: int
    evaluation_periods: int
    missing: str = MISSING

    @property
    def range(self) -> int:
        """How many of the latest datapoints are looked at."""
        return self.evaluation_periods + MORE

    def breaches(self, value: float) -> bool:
        """Whether a datapoint is over the threshold."""
        return COMPARISONS[self.operator][1](value, self.threshold)

    def state(self, points: Sequence[float | None], current: str) -> str:
        """The state after these datapoints, the oldest first and None for a missing one.

        With at least N there, the last N of them decide, and how missing ones are treated does not matter. With
        fewer, those there are decide together with as many missing ones as make up N.
        """
        there = [self.breaches(value) for value in points if value is not None]
        if len(there) >= self.evaluation_periods:
            return ALARM if sum(there[-self.evaluation_periods :]) >= self.datapoints_to_alarm else OK
        breaching, filled = sum(there), self.evaluation_periods - len(there)
        if breaching >= self.datapoints_to_alarm:
            return ALARM
        if self.missing == BREACHING:
            return ALARM if breaching + filled >= self.datapoints_to_alarm else OK
        if self.missing == NOT_BREACHING or breaching < len(there):
            return OK
        if self.missing == IGNORE:
            return current
        return ALARM if there and _age_of_oldest(points) >= self.datapoints_to_alarm else INSUFFICIENT_DATA


def _age_of_oldest(points: Sequence[float | None]) -> int:
    """How many datapoints ago the oldest that is there was due; 1 for the newest."""
    return next(len(points) - index for index, value in enumerate(points) if value is not None)


def is_final(operator: str, statistic: str, low: float) -> bool:
    """Whether a breach by an unfinished datapoint cannot be undone by the rest of its period.

    ``low`` is the smallest value so far: a Sum that has only grown counts as one that goes on growing.
    """
    return statistic in FINAL[operator] or (statistic == "Sum" and operator.startswith("Greater") and low >= 0)


def has_too_few_samples(statistic: str, samples: float) -> bool:
    """Whether a percentile of so few samples says little: fewer than 10 beyond it on its thinner side."""
    percentile = percentile_of(statistic)
    if percentile is None or not 0 < percentile < 100:
        return False
    share = percentile / 100
    return samples < 10 / (1 - share if share >= 0.5 else share)
