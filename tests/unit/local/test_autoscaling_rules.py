"""How capacity follows a metric: the examples of AWS's documentation, and what holds for all numbers."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.autoscaling import rules
from headgate_local.autoscaling.rules import Cooldown, NotScaled, Situation

CAPACITY = st.integers(0, 1000)
METRIC = st.floats(0, 1e6, allow_nan=False)
TARGET = st.floats(1e-3, 1e6)
SITUATIONS = st.builds(
    lambda capacity, low, more, cooldown: Situation(capacity, low, low + more, cooldown),
    CAPACITY,
    CAPACITY,
    CAPACITY,
    st.none() | st.builds(Cooldown, st.sampled_from(["in", "out"]), CAPACITY, st.floats(0, 100)),
)


@pytest.mark.parametrize(
    ("capacity", "kind", "amount", "least", "becomes"),
    [
        (3, "ChangeInCapacity", 2, 0, 5),
        (3, "ChangeInCapacity", -5, 0, 0),
        (3, "ExactCapacity", 7, 0, 7),
        (10, "PercentChangeInCapacity", 10, 0, 11),
        (10, "PercentChangeInCapacity", 127, 0, 22),  # 12.7 is rounded down to 12
        (1, "PercentChangeInCapacity", 67, 0, 2),  # 0.67 is rounded up to 1
        (1, "PercentChangeInCapacity", -58, 0, 0),  # -0.58 is rounded to -1
        (10, "PercentChangeInCapacity", -66, 0, 4),  # -6.6 is rounded to -6
        (4, "PercentChangeInCapacity", 25, 2, 6),  # AWS's example of MinAdjustmentMagnitude
        (4, "PercentChangeInCapacity", -25, 2, 2),
        (4, "ChangeInCapacity", 1, 3, 5),  # which counts for percentages only
    ],
)
def test_adjustments_change_capacity_as_documented(
    capacity: int, kind: str, amount: int, least: int, becomes: int
) -> None:
    assert rules.adjusted(capacity, kind, amount, least) == becomes


RISING = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 3},
    ],
}
FALLING = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": -1},
        {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -3},
    ],
}


@pytest.mark.parametrize(
    ("config", "metric", "rising", "becomes"),
    [
        (RISING, 50, True, 6),
        (RISING, 59.9, True, 6),
        (RISING, 60, True, 8),
        (RISING, 1e9, True, 8),
        (FALLING, 50, False, 4),
        (FALLING, 40.1, False, 4),
        (FALLING, 40, False, 2),
        (FALLING, 0, False, 2),
    ],
)
def test_the_size_of_the_breach_chooses_the_step(
    config: dict[str, Any], metric: float, rising: bool, becomes: int
) -> None:
    wish = rules.stepped(config, metric, 50, rising)
    assert wish is not None
    assert wish(5) == becomes


def test_a_metric_that_no_step_covers_changes_nothing() -> None:
    assert rules.stepped(RISING, 49, 50, rising=True) is None


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ([(0, 10), (10, None)], None),
        ([(None, -10), (-10, 0)], None),
        ([(None, 0), (0, None)], None),
        ([], "at least one StepAdjustment"),
        ([(None, None)], "needs a MetricIntervalLowerBound or"),
        ([(5, 5)], "greater than its lower bound"),
        ([(0, 10), (5, None)], "overlap or have a gap"),
        ([(0, 10), (11, None)], "overlap or have a gap"),
        ([(-10, 0)], "without a lower bound"),
        ([(0, 10)], "without an upper bound"),
    ],
)
def test_steps_must_cover_the_breach_without_gaps(bounds: list[tuple[Any, Any]], says: str | None) -> None:
    steps = []
    for low, high in bounds:
        named = {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high, "ScalingAdjustment": 1}
        steps.append({name: value for name, value in named.items() if value is not None})
    problem = rules.step_problem({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps})
    assert (problem is None) if says is None else (problem is not None and says in problem)


def test_an_exact_capacity_is_not_negative() -> None:
    steps = [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}]
    assert "negative" in str(rules.step_problem({"AdjustmentType": "ExactCapacity", "StepAdjustments": steps}))
    assert rules.step_problem({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}) is None


@given(bounds=st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=1, max_size=5, unique=True), breach=METRIC)
def test_whatever_the_metric_one_step_of_a_whole_policy_covers_it(bounds: list[float], breach: float) -> None:
    edges = [None, *sorted(bounds), None]
    steps = [
        {"ScalingAdjustment": number}
        | ({} if low is None else {"MetricIntervalLowerBound": low})
        | ({} if high is None else {"MetricIntervalUpperBound": high})
        for number, (low, high) in enumerate(pairwise(edges))
    ]
    config = {"AdjustmentType": "ExactCapacity", "StepAdjustments": steps}
    assert rules.step_problem(config) is None
    for rising in (True, False):
        for metric in (breach, -breach):
            assert rules.stepped(config, metric, 0, rising) is not None


@given(capacity=st.integers(1, 1000), metric=METRIC, target=TARGET)
def test_tracking_scales_out_in_proportion_and_never_in(capacity: int, metric: float, target: float) -> None:
    wanted = rules.tracked_out(metric, target)(capacity)
    assert wanted >= capacity
    if metric > target:
        assert wanted > capacity
        assert wanted >= math.floor(capacity * metric / target)
        assert wanted - 1 <= max(capacity * metric / target, capacity)
    else:
        assert wanted == capacity


def test_tracking_cannot_scale_from_zero() -> None:
    assert rules.tracked_out(100.0, 1.0)(0) == 0


@given(capacity=CAPACITY, metric=METRIC, target=TARGET)
def test_tracking_scales_in_by_one_and_stays_below_its_target(capacity: int, metric: float, target: float) -> None:
    wish = rules.tracked_in(metric, target, capacity)
    if isinstance(wish, NotScaled):
        assert wish.code == "AutoScalingAnticipatedFlapping"
        assert capacity > 1
        return
    assert wish(capacity) == max(capacity - 1, 0)
    if capacity > 1:
        assert metric * capacity / (capacity - 1) <= target


@given(situation=SITUATIONS, wanted=CAPACITY, now=st.floats(0, 100))
def test_a_decision_stays_within_bounds_and_does_something(situation: Situation, wanted: int, now: float) -> None:
    decision = rules.decide(situation, lambda _: wanted, now)
    if isinstance(decision, int):
        assert decision != situation.capacity
        if decision > situation.capacity:
            assert decision <= min(wanted, situation.high)
        else:
            assert decision >= max(wanted, situation.low)


@given(situation=SITUATIONS, wanted=CAPACITY, now=st.floats(0, 100))
def test_what_is_suspended_does_not_happen(situation: Situation, wanted: int, now: float) -> None:
    def suspended(*directions: rules.Direction) -> Situation:
        return Situation(situation.capacity, situation.low, situation.high, situation.cooldown, frozenset(directions))

    assert isinstance(rules.decide(suspended("in", "out"), lambda _: wanted, now), NotScaled)
    out_only = rules.decide(suspended("in"), lambda _: wanted, now)
    assert isinstance(out_only, NotScaled) or out_only > situation.capacity


@given(before=SITUATIONS, added=st.integers(1, 50), seconds=st.floats(1, 300))
def test_the_same_wish_adds_nothing_in_the_cooldown_of_a_scale_out(
    before: Situation, added: int, seconds: float
) -> None:
    now = before.cooldown.ends if before.cooldown else 0.0
    wish: rules.Wish = lambda capacity: capacity + added  # noqa: E731
    first = rules.decide(before, wish, now)
    if isinstance(first, NotScaled):
        return
    cooldown = rules.cooldown_after(before, first, seconds, now)
    after = Situation(first, before.low, before.high, cooldown)
    assert isinstance(rules.decide(after, wish, now + seconds / 2), NotScaled)
    again = rules.decide(after, wish, now + seconds)
    assert again == min(first + added, before.high) or isinstance(again, NotScaled)


def test_a_larger_scale_out_in_the_cooldown_adds_only_the_difference() -> None:
    after = Situation(12, 1, 100, Cooldown("out", base=10, ends=300))
    decision = rules.decide(after, lambda capacity: capacity + 3, 60)
    assert decision == 13
    further = Situation(13, 1, 100, rules.cooldown_after(after, 13, 300, 60))
    assert rules.decide(further, lambda capacity: capacity + 3, 120) == NotScaled()
    assert rules.decide(further, lambda capacity: capacity + 3, 360) == 16


def test_the_largest_of_several_policies_wins() -> None:
    plus_three = lambda capacity: rules.adjusted(capacity, "ChangeInCapacity", 3)  # noqa: E731
    threefold = lambda capacity: rules.adjusted(capacity, "PercentChangeInCapacity", 200)  # noqa: E731
    for first, second in ((plus_three, threefold), (threefold, plus_three)):
        situation = Situation(10, 1, 100)
        capacity = rules.decide(situation, first, 0)
        assert isinstance(capacity, int)
        situation = Situation(capacity, 1, 100, rules.cooldown_after(situation, capacity, 300, 0))
        decision = rules.decide(situation, second, 1)
        assert (capacity if isinstance(decision, NotScaled) else decision) == 30


def test_a_scale_in_holds_up_the_next_but_no_scale_out() -> None:
    situation = Situation(5, 1, 10, Cooldown("in", base=6, ends=300))
    assert rules.decide(situation, lambda capacity: capacity - 1, 299) == NotScaled()
    assert rules.decide(situation, lambda capacity: capacity + 1, 299) == 6
    assert rules.decide(situation, lambda capacity: capacity - 1, 300) == 4


def test_a_scale_out_does_not_hold_up_a_scale_in() -> None:
    situation = Situation(6, 1, 10, Cooldown("out", base=5, ends=300))
    assert rules.decide(situation, lambda capacity: capacity - 1, 1) == 5


@pytest.mark.parametrize(
    ("situation", "change", "code"),
    [
        (Situation(10, 1, 10), 1, "AlreadyAtMaxCapacity"),
        (Situation(12, 1, 10), 1, "AlreadyAtMaxCapacity"),
        (Situation(1, 1, 10), -1, "AlreadyAtMinCapacity"),
        (Situation(0, 1, 10), -1, "AlreadyAtDesiredCapacity"),
        (Situation(5, 1, 10), 0, "AlreadyAtDesiredCapacity"),
    ],
)
def test_what_is_not_scaled_has_a_reason(situation: Situation, change: int, code: str) -> None:
    assert rules.decide(situation, lambda capacity: max(capacity + change, 0), 0) == NotScaled(code)


@given(values=st.lists(METRIC, min_size=1))
def test_data_points_are_aggregated_within_their_range(values: list[float]) -> None:
    low, high = rules.aggregated(values, "Minimum"), rules.aggregated(values, "Maximum")
    assert (low, high) == (min(values), max(values))
    assert low <= rules.aggregated(values, "Average") * (1 + 1e-12)
    assert rules.aggregated(values, "Average") <= high * (1 + 1e-12)
