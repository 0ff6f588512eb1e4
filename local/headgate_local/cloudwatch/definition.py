"""What a PutMetricAlarm request asks for, once it is known that it can be done."""

from dataclasses import dataclass
from typing import Any

from headgate_local.api.errors import unsupported
from headgate_local.cloudwatch import queries
from headgate_local.cloudwatch.evaluation import (
    BREACHING,
    COMPARISONS,
    IGNORE,
    MISSING,
    NOT_BREACHING,
    Rule,
    is_final,
)
from headgate_local.cloudwatch.metrics import Metric
from headgate_local.cloudwatch.queries import Query, refuse
from headgate_local.cloudwatch.statistics import percentile_of

SIMPLE = "m1"
"""The Id of the one query of an alarm that names its metric without one."""
MOST_METRICS = 10
HOUR, DAY, WEEK = 3600, 86_400, 604_800
ALWAYS_IGNORES = "AWS/DynamoDB"
"""Alarms on metrics of this namespace ignore missing data whatever they are told."""
AWS_ONLY = {
    "ThresholdMetricId": "alarms on anomaly detection",
    "EvaluationCriteria": "alarms on PromQL queries",
    "EvaluationInterval": "alarms on PromQL queries",
    "WarmUpConfiguration": "warm-up of alarms",
}


@dataclass(frozen=True)
class Definition:
    """A metric alarm, ready to be evaluated."""

    rule: Rule
    queries: tuple[Query, ...]
    watched: str
    """The Id of the query whose result is compared."""
    period: int
    ignores_few_samples: bool
    metrics: frozenset[Metric]
    """What it looks at."""

    @property
    def statistic(self) -> str | None:
        """The statistic that is compared; None for the result of an expression."""
        stat = self.query.get("MetricStat")
        return str(stat["Stat"]) if stat else None

    @property
    def query(self) -> Query:
        """The query whose result is compared."""
        return next(query for query in self.queries if query["Id"] == self.watched)

    @property
    def may_ring_early(self) -> bool:
        """Whether an unfinished period can already decide."""
        return self.statistic is not None and is_final(self.rule.operator, self.statistic, 0.0)

    @property
    def step(self) -> int:
        """Seconds by which the window of an evaluation moves on."""
        return min(self.period, 60)


def define(request: dict[str, Any]) -> Definition:
    """Make the definition of a request whose shape is right.

    Raises:
        ApiError: ValidationError for what AWS refuses, UnsupportedOperationException for what only AWS has.
    """
    _refuse_what_is_not_here(request)
    listed = request.get("Metrics") or [_simple(request)]
    if request.get("Metrics") and "MetricName" in request:
        raise refuse("ValidationError", "Metrics cannot be combined with MetricName.")
    queries.check(listed)
    if sum("MetricStat" in query for query in listed) > MOST_METRICS:
        raise refuse("ValidationError", f"An alarm can look at {MOST_METRICS} metrics at most.")
    returned = [query for query in listed if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise refuse("ValidationError", "Exactly one element of the metrics list should return data.")
    if not queries.is_one_series(listed, returned[0]["Id"]):
        raise refuse("ValidationError", "The expression of an alarm must produce a single time series.")
    periods = {query["MetricStat"]["Period"] for query in listed if "MetricStat" in query}
    if len(periods) != 1:
        raise refuse("ValidationError", "All metrics of an alarm must have the same period.")
    period = returned[0].get("Period") or periods.pop()
    rule = _rule(request, period)
    return Definition(
        rule=rule,
        queries=tuple(listed),
        watched=returned[0]["Id"],
        period=period,
        ignores_few_samples=request.get("EvaluateLowSampleCountPercentile") == "ignore",
        metrics=frozenset(queries.metric_of(query["MetricStat"]) for query in listed if "MetricStat" in query),
    )


def _simple(request: dict[str, Any]) -> Query:
    for member in ("MetricName", "Namespace", "Period"):
        if member not in request:
            raise refuse("MissingParameter", f"The parameter {member} is required.")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise refuse("InvalidParameterCombination", "Exactly one of Statistic and ExtendedStatistic must be given.")
    extended = request.get("ExtendedStatistic")
    if extended is not None and percentile_of(extended) is None:
        queries.check_statistic(extended)
        raise refuse("ValidationError", f"The value {extended} for parameter ExtendedStatistic is not supported.")
    named = {"Namespace": request["Namespace"], "MetricName": request["MetricName"]}
    stat = {
        "Metric": {**named, "Dimensions": request.get("Dimensions", [])},
        "Period": request["Period"],
        "Stat": extended or request["Statistic"],
        **({"Unit": request["Unit"]} if "Unit" in request else {}),
    }
    return {"Id": SIMPLE, "MetricStat": stat, "ReturnData": True}


def _refuse_what_is_not_here(request: dict[str, Any]) -> None:
    for member, feature in AWS_ONLY.items():
        if member in request:
            raise unsupported(feature)
    if "WallClockWindow" in request.get("EvaluationWindow", {}):
        raise unsupported("wall clock windows of alarms")
    if request["ComparisonOperator"] not in COMPARISONS:
        raise unsupported(f"the comparison {request['ComparisonOperator']}, which anomaly detection takes")
    if "Threshold" not in request:
        raise refuse("ValidationError", "The parameter Threshold is required.")


def _rule(request: dict[str, Any], period: int) -> Rule:
    if period not in (10, 20, 30) and period % 60:
        raise refuse("ValidationError", "The period of an alarm must be 10, 20, 30 or a multiple of 60.")
    count = request["EvaluationPeriods"]
    to_alarm = request.get("DatapointsToAlarm", count)
    if to_alarm > count:
        raise refuse("ValidationError", "DatapointsToAlarm must not be greater than EvaluationPeriods.")
    if period * count > (DAY if period < HOUR else WEEK):
        raise refuse(
            "ValidationError",
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or a week "
            "for periods of an hour and more.",
        )
    missing = request.get("TreatMissingData", MISSING)
    if missing not in (MISSING, IGNORE, BREACHING, NOT_BREACHING):
        raise refuse("ValidationError", f"{missing} is not a valid value for TreatMissingData.")
    if request.get("EvaluateLowSampleCountPercentile", "evaluate") not in ("evaluate", "ignore"):
        raise refuse("ValidationError", "EvaluateLowSampleCountPercentile must be evaluate or ignore.")
    if request.get("Namespace") == ALWAYS_IGNORES:
        missing = IGNORE
    return Rule(float(request["Threshold"]), request["ComparisonOperator"], to_alarm, count, missing)
