"""The rules by which capacity follows a metric: pure functions of numbers, no clock and no cloud.

What AWS documents is kept to the letter; where it only says "more gradually" (scale-in by target tracking), the rule
is one instance at a time, and only if the metric would stay below its target afterwards.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

Direction = Literal["out", "in"]


@dataclass(frozen=True)
class Cooldown:
    """The time after a scaling activity in which it still takes effect."""

    direction: Direction
    base: int
    """The capacity before the activity."""
    ends: float


@dataclass(frozen=True)
class Situation:
    """What a decision about one scalable target rests on."""

    capacity: int
    low: int
    high: int
    cooldown: Cooldown | None = None
    suspended: frozenset[Direction] = frozenset()


@dataclass(frozen=True)
class NotScaled:
    """Why capacity stays as it is; the code is AWS's, None where AWS keeps no record (cool-down, suspension)."""

    code: str | None = None


Wish = Callable[[int], int]
"""What a policy makes of a capacity."""


def decide(situation: Situation, wish: Wish, now: float) -> int | NotScaled:
    """The capacity that a policy's wish leads to, or why there is no change.

    In the cool-down of a scale-out, what it added counts as part of the next one: a wish is applied to the capacity
    before it, and only a larger one has an effect. The cool-down of a scale-in holds up further scale-ins only.
    """
    capacity = situation.capacity
    lasting = situation.cooldown if situation.cooldown and now < situation.cooldown.ends else None
    base = lasting.base if lasting and lasting.direction == "out" else capacity
    wanted = wish(base)
    if base <= wanted <= capacity:
        return NotScaled("AlreadyAtDesiredCapacity" if lasting is None else None)
    if wanted > capacity:
        if "out" in situation.suspended:
            return NotScaled()
        return min(wanted, situation.high) if situation.high > capacity else NotScaled("AlreadyAtMaxCapacity")
    if "in" in situation.suspended or (lasting and lasting.direction == "in"):
        return NotScaled()
    wanted = max(wish(capacity), situation.low)
    return wanted if wanted < capacity else NotScaled("AlreadyAtMinCapacity")


def cooldown_after(situation: Situation, capacity: int, seconds: float, now: float) -> Cooldown:
    """What an activity that ended now leaves behind; a scale-out within one's cool-down keeps the first's base."""
    lasting = situation.cooldown
    if capacity < situation.capacity:
        return Cooldown("in", situation.capacity, now + seconds)
    chained = lasting is not None and lasting.direction == "out" and now < lasting.ends
    base = lasting.base if lasting and chained else situation.capacity
    return Cooldown("out", base, now + seconds)


def tracked_out(metric: float, target: float) -> Wish:
    """Target tracking above its target: capacity in proportion to the metric. From zero it cannot scale."""

    def wish(capacity: int) -> int:
        if metric <= target or capacity == 0:
            return capacity
        return max(math.ceil(capacity * metric / target), capacity + 1)

    return wish


def tracked_in(metric: float, target: float, capacity: int) -> Wish | NotScaled:
    """Target tracking below its target: one instance less, unless the rest would then be above the target."""
    if capacity > 1 and metric * capacity / (capacity - 1) > target:
        return NotScaled("AutoScalingAnticipatedFlapping")
    return lambda current: max(current - 1, 0)


def stepped(config: dict[str, Any], metric: float, threshold: float, rising: bool) -> Wish | None:
    """What a StepScalingPolicyConfiguration does at this metric; None if no step covers it.

    ``rising`` is whether the alarm watches for values above its threshold; it decides for a metric at the threshold.
    """
    for step in config["StepAdjustments"]:
        if _covers(step, metric - threshold, rising):
            kind, amount = config["AdjustmentType"], step["ScalingAdjustment"]
            least = config.get("MinAdjustmentMagnitude", 0)
            return lambda capacity: adjusted(capacity, kind, amount, least)
    return None


def _covers(step: dict[str, Any], breach: float, rising: bool) -> bool:
    """Above the threshold a step's lower bound is inclusive, below it the upper one; null is infinity."""
    low = step.get("MetricIntervalLowerBound", -math.inf)
    high = step.get("MetricIntervalUpperBound", math.inf)
    above = breach > 0 or (breach == 0 and rising)
    return low <= breach < high if above else low < breach <= high


def adjusted(capacity: int, kind: str, amount: int, least: int = 0) -> int:
    """A capacity after a ScalingAdjustment, never below zero; percentages are rounded towards zero, but to one."""
    if kind == "ExactCapacity":
        return amount
    change = amount
    if kind == "PercentChangeInCapacity":
        size = abs(capacity * amount)
        change = max(size // 100, 1 if size else 0, least if amount else 0) * (1 if amount > 0 else -1)
    return max(capacity + change, 0)


def aggregated(values: Sequence[float], how: str) -> float:
    """The data points of an alarm as one value: Average, Minimum or Maximum."""
    if how == "Minimum":
        return min(values)
    if how == "Maximum":
        return max(values)
    return math.fsum(values) / len(values)


def within(capacity: int, low: int, high: int) -> int:
    """The capacity that is nearest to this one within the bounds."""
    return min(max(capacity, low), high)


def step_problem(config: dict[str, Any]) -> str | None:
    """What is wrong with a StepScalingPolicyConfiguration, in plain words; None if nothing is."""
    steps = config.get("StepAdjustments") or []
    if "AdjustmentType" not in config or not steps:
        return "A step scaling policy needs an AdjustmentType and at least one StepAdjustment."
    if config["AdjustmentType"] == "ExactCapacity" and any(step["ScalingAdjustment"] < 0 for step in steps):
        return "ScalingAdjustment must not be negative when AdjustmentType is ExactCapacity."
    intervals = sorted(
        (step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf))
        for step in steps
    )
    first, last = intervals[0][0], intervals[-1][1]
    problems = {
        "A StepAdjustment needs a MetricIntervalLowerBound or a MetricIntervalUpperBound.": any(
            low == -math.inf and high == math.inf for low, high in intervals
        ),
        "The upper bound of a StepAdjustment must be greater than its lower bound.": any(
            low >= high for low, high in intervals
        ),
        "The intervals of StepAdjustments must not overlap or have a gap.": any(
            high != low for (_, high), (low, _) in pairwise(intervals)
        ),
        "With a negative lower bound there must be a StepAdjustment without a lower bound.": -math.inf < first < 0,
        "With a positive upper bound there must be a StepAdjustment without an upper bound.": 0 < last < math.inf,
    }
    return next((problem for problem, there in problems.items() if there), None)
