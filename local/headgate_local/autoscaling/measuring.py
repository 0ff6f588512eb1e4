"""What an alarm saw: the data points by which a policy judges how much to scale."""

import json
from typing import Any

from headgate_local.api.records import Record
from headgate_local.cloudwatch import queries
from headgate_local.cloudwatch.metrics import Metrics
from headgate_local.cloudwatch.series import ExpressionError


def datapoints(metrics: Metrics, alarm: Record, now: float) -> list[float]:
    """The data points of an alarm's evaluation periods, the oldest first; those that are missing are left out.

    Until a period has passed since the alarm came into its state, they are those that brought it there (of which the
    last may be of a period that is not over); later they are those of the last whole periods.
    """
    asked, watched = _queries(alarm)
    period = queries.period_of(asked)
    if now - alarm["StateTransitionedTimestamp"] < period and (points := _reported(alarm)):
        return points
    end = now - now % period
    start = end - alarm["EvaluationPeriods"] * period
    try:
        found = queries.results(metrics, asked, start, end, lambda _: int(start))[watched]
    except ExpressionError:
        return []
    return [found[at] for at in sorted(found)] if isinstance(found, dict) else []


def _reported(alarm: Record) -> list[float]:
    """The data points in the reason of an alarm's state; none if it was set by hand."""
    data = json.loads(alarm.get("StateReasonData") or "{}")
    points = data.get("recentDatapoints", []) if isinstance(data, dict) else []
    return [float(point) for point in points if isinstance(point, int | float)][-alarm["EvaluationPeriods"] :]


def _queries(alarm: Record) -> tuple[list[dict[str, Any]], str]:
    """An alarm as MetricDataQueries, and the Id of the one that it watches."""
    if "Metrics" in alarm:
        watched = [query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True)]
        return alarm["Metrics"], watched[0]
    named = {"Namespace": alarm["Namespace"], "MetricName": alarm["MetricName"], "Dimensions": alarm.get("Dimensions")}
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    stat = {"Metric": named, "Stat": statistic, "Period": alarm["Period"]}
    if "Unit" in alarm:
        stat["Unit"] = alarm["Unit"]
    return [{"Id": "watched", "MetricStat": stat}], "watched"
