"""The Embedded Metric Format: a log line of JSON that says which of its members are metrics."""

import json
import math
from collections.abc import Iterator
from typing import Any

from headgate_local.api.records import Record
from headgate_local.cloudwatch.metrics import Metrics, metric

MARK = '"CloudWatchMetrics"'
MOST_METRICS, MOST_VALUES, MOST_DIMENSIONS = 100, 100, 30


def publish(metrics: Metrics, line: str) -> int:
    """Put the metrics of a log line, if it is one of these; answers how many values it held.

    A line that breaks the format's rules is only a line of the log, as on AWS: nothing of a directive that lacks
    its namespace, nothing of a metric without a number, nothing under a set of dimensions that names a member which
    is not there.
    """
    if MARK not in line:
        return 0
    try:
        document = json.loads(line)
    except ValueError:
        return 0
    head = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(head, dict) or not isinstance(head.get("CloudWatchMetrics"), list):
        return 0
    at = _numbers(head.get("Timestamp"))
    seconds = at[0] / 1000 if at else None
    if seconds is not None and not metrics.takes(seconds):
        return 0
    count = 0
    for directive in head["CloudWatchMetrics"]:
        if isinstance(directive, dict) and isinstance(directive.get("Namespace"), str):
            for name, dimensions, values, unit in _metrics(document, directive):
                key = metric(directive["Namespace"], name, dimensions)
                metrics.put_counts(key, [(value, 1.0) for value in values], unit, seconds)
                count += len(values)
    return count


def _metrics(document: Record, directive: Record) -> Iterator[tuple[str, dict[str, str], list[float], str]]:
    sets = list(_dimensions(document, _list(directive, "Dimensions")))
    for definition in _list(directive, "Metrics")[:MOST_METRICS]:
        if not isinstance(definition, dict) or not isinstance(definition.get("Name"), str):
            continue
        values = _numbers(document.get(definition["Name"]))
        for dimensions in sets if values else []:
            yield definition["Name"], dimensions, values, str(definition.get("Unit", "None"))


def _list(directive: Record, name: str) -> list[Any]:
    """A member that should be a list; [None], of which nothing comes, if it is something else."""
    value = directive.get(name, [])
    return value if isinstance(value, list) else [None]


def _dimensions(document: Record, listed: list[Any]) -> Iterator[dict[str, str]]:
    """Each set of dimensions with its values; no set at all is the empty one."""
    for names in listed or [[]]:
        if isinstance(names, list) and len(names) <= MOST_DIMENSIONS:
            values = {str(name): document.get(name) for name in names}
            if all(isinstance(value, str) for value in values.values()):
                yield {name: str(value) for name, value in values.items()}


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > MOST_VALUES:
        return []
    if not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values):
        return []
    try:
        return [float(each) for each in values if math.isfinite(each)]
    except OverflowError:
        return []
