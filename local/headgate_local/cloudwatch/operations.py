"""The operations of CloudWatch that are built here. Tags and dashboards stay with MiniStack."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import get_account_id

from headgate_local.api.errors import unsupported
from headgate_local.api.records import Record
from headgate_local.cloudwatch import composite, queries
from headgate_local.cloudwatch.alarms import Alarms
from headgate_local.cloudwatch.metrics import PAST, Metric, Metrics, metric
from headgate_local.cloudwatch.queries import dimensions_of, refuse
from headgate_local.cloudwatch.series import ExpressionError
from headgate_local.cloudwatch.statistics import BASIC, Distribution, value_of

Operation = Callable[[Alarms, Record], Record]

PAGE_OF_METRICS, PAGE_OF_ALARMS = 500, 50
MOST_DATAPOINTS, MOST_RESULTS = 1440, 100_800
MOST_VALUES = 150
LARGEST = 2.0**360
"""No value may be larger, or smaller than its negative."""


def put_metric_data(alarms: Alarms, request: Record) -> Record:
    """Note values; the whole request is refused if one of its data is wrong."""
    if "EntityMetricData" in request:
        raise unsupported("metrics with an entity")
    if "Namespace" not in request:
        raise refuse("MissingParameter", "The parameter Namespace is required.")
    data = request.get("MetricData", [])
    for datum in data:
        _check_datum(alarms.metrics, datum)
    for datum in data:
        key = metric(request["Namespace"], datum["MetricName"], dimensions_of(datum.get("Dimensions")))
        _store(alarms.metrics, key, datum)
    return {}


def _check_datum(metrics: Metrics, datum: Record) -> None:
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not given:
        raise refuse("MissingParameter", "At least one of Value, Values and StatisticValues is required.")
    if len(given) > 1:
        raise refuse("InvalidParameterCombination", f"{' and '.join(given)} cannot be given together.")
    if len(datum.get("Values", [])) > MOST_VALUES:
        raise refuse("InvalidParameterValue", f"Values can hold {MOST_VALUES} values at most.")
    if "Counts" in datum and len(datum["Counts"]) != len(datum.get("Values", [])):
        raise refuse("InvalidParameterValue", "Counts must be as many as Values.")
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise refuse("InvalidParameterValue", "StorageResolution must be 1 or 60.")
    for name, value in _numbers(datum):
        if not -LARGEST <= value <= LARGEST:  # NaN is not either
            raise refuse("InvalidParameterValue", f"The value {value} for the parameter {name} is invalid.")
    if "Timestamp" in datum and not metrics.takes(datum["Timestamp"]):
        raise refuse("InvalidParameterValue", "Timestamp must be in the last two weeks or the next two hours.")


def _numbers(datum: Record) -> Iterator[tuple[str, float]]:
    """Every number that a datum holds, with the member that it stands in."""
    if "Value" in datum:
        yield "Value", datum["Value"]
    for member in ("Values", "Counts"):
        yield from ((member, value) for value in datum.get(member, []))
    yield from datum.get("StatisticValues", {}).items()


def _store(metrics: Metrics, key: Metric, datum: Record) -> None:
    unit, at = datum.get("Unit", "None"), datum.get("Timestamp")
    if "StatisticValues" in datum:
        known = datum["StatisticValues"]
        metrics.put_set(key, known["SampleCount"], known["Sum"], known["Minimum"], known["Maximum"], unit, at)
        return
    values = datum["Values"] if "Values" in datum else [datum["Value"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    metrics.put_counts(key, zip(values, counts, strict=True), unit, at)


def get_metric_statistics(alarms: Alarms, request: Record) -> Record:
    """Statistics of one metric, period by period."""
    period, start, end = request["Period"], request["StartTime"], request["EndTime"]
    basic, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(basic) == bool(extended):
        raise refuse("InvalidParameterCombination", "Exactly one of Statistics and ExtendedStatistics must be given.")
    for statistic in extended:
        queries.check_statistic(statistic)
    queries.check_period(period)
    if start >= end:
        raise refuse("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    if (end - start) / period > MOST_DATAPOINTS:
        raise refuse(
            "InvalidParameterCombination",
            f"You have requested up to {int((end - start) / period)} datapoints, which exceeds the limit of "
            f"{MOST_DATAPOINTS}.",
        )
    key = metric(request["Namespace"], request["MetricName"], dimensions_of(request.get("Dimensions")))
    first = int(start - start % period)
    points = []
    for unit in [request["Unit"]] if "Unit" in request else alarms.metrics.units(key):
        known = alarms.metrics.by_period(key, period, first, end, unit, first)
        points += [
            {"Timestamp": float(at), "Unit": unit, **_statistics(known[at], basic, extended)} for at in sorted(known)
        ]
    return {"Label": request["MetricName"], "Datapoints": points}


def _statistics(known: Distribution, basic: list[str], extended: list[str]) -> Record:
    found: Record = {name: BASIC[name](known) for name in basic}
    percentiles = {name: value for name in extended if (value := value_of(name, known)) is not None}
    return found | ({"ExtendedStatistics": percentiles} if percentiles else {})


def get_metric_data(alarms: Alarms, request: Record) -> Record:
    """The results of queries, metric math included."""
    asked, start, end = request["MetricDataQueries"], request["StartTime"], request["EndTime"]
    queries.check(asked)
    if "LabelOptions" in request or any("${" in query.get("Label", "") for query in asked):
        raise unsupported("labels that are calculated")
    if start >= end:
        raise refuse("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    if "NextToken" in request:
        raise refuse("InvalidNextToken", "There is no further page.")
    coarsest = queries.period_of(asked)
    first = start - start % coarsest
    try:
        found = queries.results(alarms.metrics, asked, first, end, lambda period: int(first - first % period))
    except ExpressionError as error:
        raise refuse("ValidationError", f"Error in an expression: {error}") from error
    newest_first = request.get("ScanBy") != "TimestampAscending"
    answers = []
    for query in asked:
        if query.get("ReturnData", True):
            label = query.get("Label") or _label(query)
            answers += [_result(query["Id"], label, values, newest_first) for values in _series_of(found[query["Id"]])]
    if sum(len(each["Values"]) for each in answers) > request.get("MaxDatapoints", MOST_RESULTS):
        raise unsupported(
            f"results of several pages (more than {request.get('MaxDatapoints', MOST_RESULTS)} datapoints)"
        )
    return {"MetricDataResults": answers, "Messages": []}


def _label(query: Record) -> str:
    return str(query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"])


def _series_of(value: Any) -> list[dict[int, float]]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _result(name: str, label: str, values: dict[int, float], newest_first: bool) -> Record:
    starts = sorted(values, reverse=newest_first)
    return {
        "Id": name,
        "Label": label,
        "Timestamps": [float(at) for at in starts],
        "Values": [values[at] for at in starts],
        "StatusCode": "Complete",
    }


def list_metrics(alarms: Alarms, request: Record) -> Record:
    """The metrics with a value in the last two weeks, or three hours."""
    if request.get("IncludeLinkedAccounts") or request.get("OwningAccount", get_account_id()) != get_account_id():
        raise unsupported("metrics of another account")
    since = time.time() - (3 * 3600 if "RecentlyActive" in request else PAST)
    wanted = request.get("Dimensions", [])
    found = [
        key
        for key in alarms.metrics.listing(since)
        if key.namespace == request.get("Namespace", key.namespace)
        and key.name == request.get("MetricName", key.name)
        and all(_has(dict(key.dimensions), each) for each in wanted)
    ]
    first = _position(request.get("NextToken"))
    page = [
        {
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
        }
        for key in found[first : first + PAGE_OF_METRICS]
    ]
    more = {"NextToken": str(first + PAGE_OF_METRICS)} if len(found) > first + PAGE_OF_METRICS else {}
    return {"Metrics": page, **more}


def _has(dimensions: dict[str, str], wanted: Record) -> bool:
    return (
        wanted["Name"] in dimensions and wanted.get("Value", dimensions[wanted["Name"]]) == dimensions[wanted["Name"]]
    )


def _position(token: str | None) -> int:
    if token is not None and not token.isdigit():
        raise refuse("InvalidNextToken", f"Invalid NextToken : {token}")
    return int(token or 0)


def put_metric_alarm(alarms: Alarms, request: Record) -> Record:
    """Make or change a metric alarm."""
    alarms.put(request)
    return {}


def put_composite_alarm(alarms: Alarms, request: Record) -> Record:
    """Make or change a composite alarm."""
    alarms.put_composite(request)
    return {}


def describe_alarms(alarms: Alarms, request: Record) -> Record:
    """The alarms that fit, by name; a page's token is the name of the next one."""
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    related = _related(alarms, request)
    listing = []
    for kind, table in (("MetricAlarm", alarms.metric_alarms), ("CompositeAlarm", alarms.composite_alarms)):
        if kind in types or related is not None:
            listing += [(name, kind, dict(record)) for name, record in table.items() if _fits(record, request, related)]
    listing = sorted((each for each in listing if each[0] >= request.get("NextToken", "")), key=lambda each: each[0])
    size = request.get("MaxRecords", PAGE_OF_ALARMS)
    page = listing[:size]
    more = {"NextToken": listing[size][0]} if len(listing) > size else {}
    return {
        "MetricAlarms": [record for _, kind, record in page if kind == "MetricAlarm"],
        "CompositeAlarms": [record for _, kind, record in page if kind == "CompositeAlarm"],
        **more,
    }


def _related(alarms: Alarms, request: Record) -> set[str] | None:
    """The names of an alarm's children or parents, if the request asks for them."""
    if "ChildrenOfAlarmName" in request:
        parent = alarms.composite_alarms.get(request["ChildrenOfAlarmName"])
        return _children(alarms, parent) if parent else set()
    if "ParentsOfAlarmName" in request:
        wanted = request["ParentsOfAlarmName"]
        return {name for name, record in alarms.composite_alarms.items() if wanted in _children(alarms, record)}
    return None


def _children(alarms: Alarms, parent: Record) -> set[str]:
    assert alarms.parse_rule is not None
    found = map(alarms.find, composite.references(alarms.parse_rule(parent["AlarmRule"])))
    return {record["AlarmName"] for record in found if record is not None}


def _fits(record: Record, request: Record, related: set[str] | None) -> bool:
    actions = [*record["AlarmActions"], *record["OKActions"], *record["InsufficientDataActions"]]
    prefix = request.get("ActionPrefix")
    return (
        (not request.get("AlarmNames") or record["AlarmName"] in request["AlarmNames"])
        and record["AlarmName"].startswith(request.get("AlarmNamePrefix", ""))
        and record["StateValue"] == request.get("StateValue", record["StateValue"])
        and (prefix is None or any(arn.startswith(prefix) for arn in actions))
        and (related is None or record["AlarmName"] in related)
    )


def describe_alarms_for_metric(alarms: Alarms, request: Record) -> Record:
    """The alarms that look at this metric with these dimensions."""
    wanted = dimensions_of(request.get("Dimensions"))
    optional = ("Statistic", "ExtendedStatistic", "Period", "Unit")
    return {
        "MetricAlarms": [
            record
            for record in list(alarms.metric_alarms.values())
            if (record.get("Namespace"), record.get("MetricName")) == (request["Namespace"], request["MetricName"])
            and dimensions_of(record.get("Dimensions")) == wanted
            and all(record.get(member) == request[member] for member in optional if member in request)
        ]
    }


def describe_alarm_history(alarms: Alarms, request: Record) -> Record:
    """What happened to alarms."""
    if "AlarmContributorId" in request:
        raise unsupported("contributors of alarms")
    return alarms.consequences.history.page(request)


def delete_alarms(alarms: Alarms, request: Record) -> Record:
    """Remove alarms."""
    alarms.delete(request["AlarmNames"])
    return {}


def set_alarm_state(alarms: Alarms, request: Record) -> Record:
    """Put an alarm into a state until it is evaluated again."""
    alarms.set_state(
        request["AlarmName"], request["StateValue"], request["StateReason"], request.get("StateReasonData")
    )
    return {}


def _enabling(enabled: bool) -> Operation:
    def run(alarms: Alarms, request: Record) -> Record:
        alarms.enable(request["AlarmNames"], enabled)
        return {}

    return run


OPERATIONS: dict[str, Operation] = {
    "PutMetricData": put_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "GetMetricData": get_metric_data,
    "ListMetrics": list_metrics,
    "PutMetricAlarm": put_metric_alarm,
    "PutCompositeAlarm": put_composite_alarm,
    "DescribeAlarms": describe_alarms,
    "DescribeAlarmsForMetric": describe_alarms_for_metric,
    "DescribeAlarmHistory": describe_alarm_history,
    "DeleteAlarms": delete_alarms,
    "EnableAlarmActions": _enabling(True),
    "DisableAlarmActions": _enabling(False),
    "SetAlarmState": set_alarm_state,
}
KEPT = (
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
    "PutDashboard",
    "GetDashboard",
    "DeleteDashboards",
    "ListDashboards",
)
"""What MiniStack answers."""
