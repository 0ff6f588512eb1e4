"""Evaluates one metric alarm at one moment: fetches its datapoints, finds the state, and says why in AWS's form."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate_local.cloudwatch import queries
from headgate_local.cloudwatch.definition import Definition
from headgate_local.cloudwatch.evaluation import (
    ALARM,
    BREACHING,
    COMPARISONS,
    INSUFFICIENT_DATA,
    has_too_few_samples,
    is_final,
)
from headgate_local.cloudwatch.metrics import Metrics
from headgate_local.cloudwatch.series import ExpressionError
from headgate_local.cloudwatch.statistics import needs_values, value_of


@dataclass(frozen=True)
class Point:
    """One datapoint of an alarm."""

    start: int
    value: float | None = None
    """None if it is missing."""
    samples: float | None = None
    low: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """What an evaluation came to."""

    state: str
    reason: str
    reason_data: str


def judge(definition: Definition, metrics: Metrics, now: float, current: str) -> Judgement | None:
    """The state that an alarm should have now; None if it should stay as it is.

    Windows end at the last full step (a minute, or the period if that is shorter). The one that is not full yet
    counts too, but only once it breaches and nothing that may still come can change that: so an alarm on a Sum or a
    Maximum rings at once, and one on an Average or a percentile at the end of the period.
    """
    boundary = int(now) - int(now) % definition.step
    points = _points(definition, metrics, boundary)
    state = definition.rule.state([point.value for point in points], current)
    if state != ALARM and definition.may_ring_early:
        early = _points(definition, metrics, boundary + definition.step)
        if _breaches_for_good(definition, early[-1]):
            early_state = definition.rule.state([point.value for point in early], current)
            points, state = (early, ALARM) if early_state == ALARM else (points, state)
    if definition.ignores_few_samples and definition.statistic is not None:
        samples = sum(point.samples or 0 for point in points[-definition.rule.evaluation_periods :])
        if has_too_few_samples(definition.statistic, samples):
            return None
    if state == current:
        return None
    decided = _deciding(definition, points)
    return Judgement(state, _reason(definition, decided, state, current), _reason_data(definition, decided, now))


def _points(definition: Definition, metrics: Metrics, end: int) -> list[Point]:
    """The datapoints that are looked at, oldest first; the last one's window ends at ``end``."""
    period, count = definition.period, definition.rule.range
    starts = [end - period * back for back in range(count, 0, -1)]
    query = definition.query
    if "MetricStat" in query:
        stat = query["MetricStat"]
        exact = needs_values(stat["Stat"])
        known = metrics.by_period(queries.metric_of(stat), period, starts[0], end, stat.get("Unit"), starts[0], exact)
        return [
            Point(at, value_of(stat["Stat"], known[at]), known[at].count, known[at].low) if at in known else Point(at)
            for at in starts
        ]
    try:
        found = queries.results(metrics, list(definition.queries), starts[0], end, lambda _period: starts[0])
    except ExpressionError:
        return [Point(at) for at in starts]
    result = found[definition.watched]
    series = result if isinstance(result, dict) else {}
    return [Point(at, series.get(at)) for at in starts]


def _breaches_for_good(definition: Definition, point: Point) -> bool:
    rule, statistic = definition.rule, definition.statistic
    return (
        statistic is not None
        and point.value is not None
        and rule.breaches(point.value)
        and is_final(rule.operator, statistic, point.low)
    )


def _deciding(definition: Definition, points: list[Point]) -> list[Point]:
    """The N datapoints that decided: the latest that are there, made up with missing ones."""
    count = definition.rule.evaluation_periods
    there = [point for point in points if point.value is not None][-count:]
    missing = [point for point in reversed(points) if point.value is None][: count - len(there)]
    return sorted([*there, *missing], key=lambda point: point.start)


def _reason(definition: Definition, points: list[Point], state: str, current: str) -> str:
    rule = definition.rule
    there = [point for point in points if point.value is not None]
    filled = len(points) - len(there)
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_many(len(points), 'datapoint')} {_was(len(points))} unknown."
    treated = "Breaching" if rule.missing == BREACHING else "NonBreaching"
    fillers = f"{_many(filled, 'missing datapoint')} {_was(filled)} treated as [{treated}]."
    if not there:
        return f"Threshold Crossed: no datapoints were received for {_many(filled, 'period')} and {fillers}"
    chosen = [point for point in there if rule.breaches(point.value or 0.0) == (state == ALARM)] or there
    listed = ", ".join(f"{point.value} ({_day(point.start)})" for point in reversed(chosen))
    crossed = f"{'' if state == ALARM else 'not '}{COMPARISONS[rule.operator][0]} the threshold ({rule.threshold})"
    if filled:
        counted = _many(len(chosen), "datapoint")
        return f"Threshold Crossed: {counted} [{listed}] {_was(len(chosen))} {crossed} and {fillers}"
    counted = f"{len(chosen)} out of the last {len(points)} datapoints"
    least = rule.datapoints_to_alarm if state == ALARM else rule.evaluation_periods - rule.datapoints_to_alarm + 1
    minimum = f"(minimum {_many(least, 'datapoint')} for {current} -> {state} transition)"
    return f"Threshold Crossed: {counted} [{listed}] {_was(len(chosen))} {crossed} {minimum}."


def _reason_data(definition: Definition, points: list[Point], now: float) -> str:
    data: dict[str, Any] = {"version": "1.0", "queryDate": moment(now)}
    there = [point for point in points if point.value is not None]
    if there:
        data["startDate"] = moment(there[0].start)
    stat = definition.query.get("MetricStat")
    if stat:
        data["statistic"] = stat["Stat"]
        data |= {"unit": stat["Unit"]} if "Unit" in stat else {}
    data["period"] = definition.period
    data["recentDatapoints"] = [point.value for point in there]
    data["threshold"] = definition.rule.threshold
    evaluated = []
    for point in reversed(points):
        known = {"sampleCount": point.samples} if point.samples is not None else {}
        known |= {"value": point.value} if point.value is not None else {}
        evaluated.append({"timestamp": moment(point.start), **known})
    data["evaluatedDatapoints"] = evaluated
    return json.dumps(data, separators=(",", ":"))


def moment(seconds: float) -> str:
    """A time as CloudWatch writes it in events and reasons: ``2026-01-31T08:30:13.250+0000``."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
