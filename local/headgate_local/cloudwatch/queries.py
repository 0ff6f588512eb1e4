"""MetricDataQueries: what GetMetricData and alarms ask of the metrics."""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id

from headgate_local.api.errors import ApiError, unsupported
from headgate_local.cloudwatch import expressions
from headgate_local.cloudwatch.expressions import Known
from headgate_local.cloudwatch.metrics import Metric, Metrics, metric
from headgate_local.cloudwatch.series import ExpressionError, Series, Value
from headgate_local.cloudwatch.statistics import is_known, needs_values, value_of

Query = dict[str, Any]


def refuse(code: str, message: str) -> ApiError:
    """A refusal in CloudWatch's codes (ValidationError, InvalidParameterValue, ...)."""
    return ApiError(code, message)


def dimensions_of(listed: list[dict[str, str]] | None) -> dict[str, str]:
    """Dimensions as the API lists them, by name."""
    return {each["Name"]: each["Value"] for each in listed or []}


def metric_of(stat: Query) -> Metric:
    """The metric of a MetricStat, in this context's account and region."""
    named = stat["Metric"]
    return metric(named["Namespace"], named["MetricName"], dimensions_of(named.get("Dimensions")))


def check(queries: list[Query]) -> None:
    """Refuse queries that AWS or the local cloud would not answer.

    Raises:
        ApiError: ValidationError for what AWS refuses, UnsupportedOperationException for what only AWS has.
    """
    known = {query["Id"] for query in queries}
    if len(known) < len(queries):
        raise refuse("ValidationError", "The values of Id in MetricDataQueries must be unique.")
    for query in queries:
        if query.get("AccountId", get_account_id()) != get_account_id():
            raise unsupported("metrics of another account")
        if ("MetricStat" in query) == ("Expression" in query):
            raise refuse("ValidationError", "A MetricDataQuery takes one of MetricStat and Expression.")
        if "MetricStat" in query:
            check_statistic(query["MetricStat"]["Stat"])
            check_period(query["MetricStat"]["Period"])
        elif unknown := sorted(_spoken_of(query) - known):
            raise _wrong(query, f"Unknown identifier {unknown[0]}")
    for query, result in zip(queries, _rehearsed(queries), strict=True):
        if isinstance(result, (int, float)) and query.get("ReturnData", True):
            raise _wrong(query, "The result must be a time series, and not a number")


def is_one_series(queries: list[Query], name: str) -> bool:
    """Whether the result of a query that was checked is one time series, and not an array of them."""
    results = dict(zip([query["Id"] for query in queries], _rehearsed(queries), strict=True))
    return isinstance(results[name], dict)


def _rehearsed(queries: list[Query]) -> list[Value]:
    """The results of queries, in their order, if every metric had one datapoint."""
    found: dict[str, Value] = {query["Id"]: {0: 1.0} for query in queries if "MetricStat" in query}
    known = Known(found, tuple(found), (0,), 60)
    for query in ordered(queries):
        if "Expression" in query:
            try:
                found[query["Id"]] = expressions.evaluate(query["Expression"], known)
            except ExpressionError as error:
                raise _wrong(query, str(error)) from error
    return [found[query["Id"]] for query in queries]


def _spoken_of(query: Query) -> set[str]:
    try:
        return expressions.identifiers(query["Expression"])
    except ExpressionError as error:
        raise _wrong(query, str(error)) from error


def _wrong(query: Query, problem: str) -> ApiError:
    return refuse("ValidationError", f"Error in expression '{query['Id']}': {problem}")


def check_statistic(statistic: str) -> None:
    """Refuse a statistic that there is not."""
    if not is_known(statistic):
        raise refuse("ValidationError", f"The value {statistic} for parameter Stat is not supported.")


def check_period(period: int) -> None:
    """Refuse a period that no metric has."""
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise refuse("ValidationError", "The period must be 1, 5, 10, 20, 30 or a multiple of 60.")


def ordered(queries: list[Query]) -> list[Query]:
    """Metrics first, then every expression after those that it speaks of."""
    done = [query for query in queries if "Expression" not in query]
    waiting = [query for query in queries if "Expression" in query]
    while waiting:
        ids = {query["Id"] for query in waiting}
        ready = [query for query in waiting if not expressions.identifiers(query["Expression"]) & ids]
        if not ready:
            raise refuse("ValidationError", "The expressions speak of each other in a circle.")
        done += ready
        waiting = [query for query in waiting if query not in ready]
    return done


def period_of(queries: list[Query]) -> int:
    """The coarsest period of the metrics, in which expressions are calculated."""
    periods = [query["MetricStat"]["Period"] for query in queries if "MetricStat" in query]
    return int(max([*periods, *(query["Period"] for query in queries if query.get("Period"))], default=60))


def results(
    metrics: Metrics, queries: list[Query], start: float, end: float, first: Callable[[int], int]
) -> dict[str, Value]:
    """The result of each query by Id, for the periods from ``start`` until before ``end``.

    ``first`` says of a period where its grid begins: at clock boundaries for GetMetricData, at the evaluated window
    for an alarm. Raises ExpressionError when values do not fit an expression.
    """
    found: dict[str, Value] = {}
    names = tuple(query["Id"] for query in queries if "MetricStat" in query)
    coarsest = period_of(queries)
    for query in ordered(queries):
        if "MetricStat" in query:
            stat = query["MetricStat"]
            found[query["Id"]] = series(metrics, metric_of(stat), stat, start, end, first(stat["Period"]))
        else:
            period = query.get("Period") or coarsest
            starts = tuple(range(first(period), int(end), period)) if (end - start) / period < 100_000 else ()
            found[query["Id"]] = expressions.evaluate(query["Expression"], Known(found, names, starts, period))
    return found


def series(metrics: Metrics, key: Metric, stat: Query, start: float, end: float, first: int) -> Series:
    """A statistic of a metric, period by period."""
    exact = needs_values(stat["Stat"])
    known = metrics.by_period(key, stat["Period"], start, end, stat.get("Unit"), first, exact)
    values = {at: value_of(stat["Stat"], known[at]) for at in sorted(known)}
    return {at: value for at, value in values.items() if value is not None}
