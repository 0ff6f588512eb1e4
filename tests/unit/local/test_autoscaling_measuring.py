"""By which data points of an alarm a policy judges."""

import json
from typing import Any

import pytest

from headgate_local.autoscaling.measuring import datapoints
from headgate_local.cloudwatch.metrics import Metrics

NOW = 1_000_030.0
"""Ten seconds into a minute."""


@pytest.fixture
def metrics() -> Metrics:
    """Values 1, 2, 3 and 4 in the four minutes until now, of which the last has only begun."""
    made = Metrics(lambda: NOW)
    for minute, value in enumerate((1.0, 2.0, 3.0, 4.0)):
        made.put("Mine", "Load", {"Where": "here"}, value, at=NOW - 60 * (3 - minute))
    return made


def alarm(**members: Any) -> dict[str, Any]:
    watched = {
        "Namespace": "Mine",
        "MetricName": "Load",
        "Dimensions": [{"Name": "Where", "Value": "here"}],
        "Statistic": "Average",
        "Period": 60,
    }
    return {"EvaluationPeriods": 3, "StateTransitionedTimestamp": NOW - 600, **watched, **members}


def test_the_last_whole_periods_count(metrics: Metrics) -> None:
    assert datapoints(metrics, alarm(), NOW) == [1.0, 2.0, 3.0]
    assert datapoints(metrics, alarm(EvaluationPeriods=2), NOW) == [2.0, 3.0]
    assert datapoints(metrics, alarm(EvaluationPeriods=9), NOW) == [1.0, 2.0, 3.0]


def test_right_after_a_transition_those_count_that_led_to_it(metrics: Metrics) -> None:
    reason = json.dumps({"recentDatapoints": [7.0, 8.0, None, 9.0]})
    assert datapoints(metrics, alarm(StateReasonData=reason, StateTransitionedTimestamp=NOW - 5), NOW) == [7, 8, 9]
    assert datapoints(metrics, alarm(StateReasonData=reason), NOW) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("reason", ["{}", "[1]", '{"recentDatapoints": []}'])
def test_a_reason_without_data_points_does_not_matter(metrics: Metrics, reason: str) -> None:
    given = alarm(StateReasonData=reason, StateTransitionedTimestamp=NOW - 5)
    assert datapoints(metrics, given, NOW) == [1.0, 2.0, 3.0]


def test_what_was_not_measured_has_no_data_points(metrics: Metrics) -> None:
    assert datapoints(metrics, alarm(MetricName="Other"), NOW) == []


def test_of_metric_math_the_result_that_is_watched_counts(metrics: Metrics) -> None:
    stat = {"Metric": {name: alarm()[name] for name in ("Namespace", "MetricName", "Dimensions")}, "Stat": "Sum"}
    queries = [
        {"Id": "load", "MetricStat": {**stat, "Period": 60}, "ReturnData": False},
        {"Id": "double", "Expression": "load * 2", "ReturnData": True},
    ]
    watched = {"EvaluationPeriods": 3, "StateTransitionedTimestamp": NOW - 600, "Metrics": queries}
    assert datapoints(metrics, watched, NOW) == [2.0, 4.0, 6.0]
