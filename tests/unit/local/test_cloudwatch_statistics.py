"""Statistics of values, sets and percentiles, and how much of them is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.api.errors import ApiError
from headgate_local.cloudwatch import metrics as store
from headgate_local.cloudwatch.metrics import Metrics, metric
from headgate_local.cloudwatch.statistics import DISTINCT, Distribution, is_known, value_of

NUMBERS = st.lists(st.floats(0, 1e6), min_size=1, max_size=DISTINCT)


def of(values) -> Distribution:
    known = Distribution()
    for value in values:
        known.add(value)
    return known


@given(NUMBERS, st.floats(0.1, 99.9))
def test_percentiles_are_linear_between_ranks(values, percentile) -> None:
    asked = f"p{percentile:.2f}"
    expected = np.percentile(values, float(asked[1:]))
    assert value_of(asked, of(values)) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(NUMBERS, NUMBERS)
def test_merging_is_as_good_as_adding(first, second) -> None:
    whole, together = of(first), of([*first, *second])
    whole.merge(of(second))
    for statistic in ("SampleCount", "Sum", "Average", "Minimum", "Maximum"):
        assert value_of(statistic, whole) == pytest.approx(value_of(statistic, together))


def test_many_different_values_are_kept_to_three_digits() -> None:
    values = np.random.default_rng(1).lognormal(10, 1, 20_000)
    known = of(values)
    assert known.values is not None
    assert len(known.values) < 4000
    assert value_of("p99", known) == pytest.approx(np.percentile(values, 99), rel=0.005)
    assert value_of("Sum", known) == pytest.approx(values.sum())


def test_percentiles_need_values_and_none_below_zero() -> None:
    known = of([1.0])
    known.add_set(3, 10, 1, 7)
    assert value_of("p50", known) is None
    assert value_of("Maximum", known) == 7
    assert value_of("p50", of([-1.0, 2.0])) is None
    equal = Distribution()
    equal.add_set(3, 6, 2, 2)
    assert value_of("p50", equal) == 2


@given(NUMBERS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_percentile_rank_is_the_share_of_values_within(values, low, high) -> None:
    within = [value for value in values if low <= value <= high]
    assert value_of(f"PR({low}:{high})", of(values)) == pytest.approx(100 * len(within) / len(values))
    up_to = [value for value in values if value <= high]
    assert value_of(f"PR(:{high})", of(values)) == pytest.approx(100 * len(up_to) / len(values))
    assert is_known("PR(1.5:)")
    assert not is_known("PR(:)")


def test_statistics_that_only_aws_has_are_refused_by_name() -> None:
    for statistic in ("tm90", "IQM", "TC(10%:90%)"):
        with pytest.raises(ApiError, match="does not support the statistic"):
            is_known(statistic)
    assert not is_known("Median")
    assert not is_known("p101")


def test_dimensions_name_a_metric_and_units_are_kept_apart() -> None:
    metrics = Metrics()
    metrics.put("N", "M", {"A": "1"}, 5.0, at=100.5)
    metrics.put("N", "M", {"A": "2"}, 7.0, at=100.5)
    metrics.put("N", "M", {}, 9.0, at=100.5)
    metrics.put("N", "M", {"A": "1"}, 6.0, "Seconds", at=101.0)
    key = metric("N", "M", {"A": "1"})
    by_second = metrics.by_period(key, 1, 100, 102)
    assert {at: known.values for at, known in by_second.items()} == {100: {5.0: 1.0}, 101: {6.0: 1.0}}
    assert list(metrics.by_period(key, 1, 100, 101)) == [100]
    assert metrics.by_period(key, 60, 60, 120, "Seconds")[60].total == 6.0
    assert metrics.by_period(key, 60, 60, 120)[60].total == 11.0
    assert metrics.units(key) == ["None", "Seconds"]


def test_memory_is_bounded_and_what_is_old_goes_by_the_minute() -> None:
    now = [1_800_000_000.0]
    metrics = Metrics(lambda: now[0])
    random = np.random.default_rng(2)
    for _ in range(4000):
        now[0] += 1
        for value in random.lognormal(10, 1, 20):
            metrics.put("N", "M", {}, value)
    (series,) = metrics._series[metric("N", "M", {})].values()
    assert sum(len(each.values or ()) for each in series.buckets.values()) < 1.2 * store.MOST
    recent = metrics.by_period(metric("N", "M", {}), 60, now[0] - 600, now[0])
    assert all(known.count == 1200 for at, known in recent.items() if now[0] - 600 <= at < now[0] - 60)


def test_a_metric_that_nobody_measures_any_more_shrinks_and_goes() -> None:
    now = [1_800_000_000.0]
    metrics = Metrics(lambda: now[0])
    key = metric("N", "M", {"EndpointConfigName": "r1"})
    for _ in range(300):
        now[0] += 1
        metrics.put("N", "M", {"EndpointConfigName": "r1"}, 1.0)
    for later, kept in ((4 * 3600, 6), (store.KEPT, None)):
        now[0] += later
        metrics.put("N", "M", {"EndpointConfigName": f"after {later} s"}, 1.0)
        known = metrics._series.get(key)
        assert (len(known["None"].buckets) if known else None) == kept
        whole = metrics.by_period(key, 3600, now[0] - 5 * 3600, now[0])
        assert sum(known.count for known in whole.values()) == (300 if kept else 0)


def test_a_quiet_metric_keeps_the_seconds_of_three_hours_and_the_minutes_of_a_day() -> None:
    now = [1_800_000_000.0]
    metrics = Metrics(lambda: now[0])
    for _ in range(24 * 360):
        now[0] += 10
        metrics.put("N", "M", {}, 1.0)
    key = metric("N", "M", {})
    by_hour = metrics.by_period(key, 3600, 0, now[0] + 1)
    assert sum(known.count for known in by_hour.values()) == 24 * 360
    fine = metrics.by_period(key, 10, now[0] - store.FINE + 600, now[0] + 1)
    assert {known.count for known in fine.values()} == {1.0}
