"""Log lines in the Embedded Metric Format: which become metrics, and which are only lines."""

import json

import pytest

from headgate_local.cloudwatch.emf import publish
from headgate_local.cloudwatch.metrics import Metrics, metric

AT = 1_800_000_000


def line(directive: dict, **members) -> str:
    return json.dumps({"_aws": {"Timestamp": AT * 1000, "CloudWatchMetrics": [directive]}, **members})


def seen(text: str, name: str = "Time", **dimensions: str) -> list[float]:
    metrics = Metrics(lambda: AT + 60.0)
    publish(metrics, text)
    values = {at: known.values for at, known in metrics.by_period(metric("N", name, dimensions), 1, AT, AT + 1).items()}
    return [value for value, count in values.get(AT, {}).items() for _ in range(int(count))]


def test_every_set_of_dimensions_gets_every_metric() -> None:
    directive = {
        "Namespace": "N",
        "Dimensions": [["A"], ["A", "B"], []],
        "Metrics": [{"Name": "Time", "Unit": "Milliseconds", "StorageResolution": 1}, {"Name": "Count"}],
    }
    text = line(directive, A="1", B="2", Time=[3, 4.5, 3], Count=7, Secret="not a metric")
    for dimensions in ({"A": "1"}, {"A": "1", "B": "2"}, {}):
        assert sorted(seen(text, **dimensions)) == [3.0, 3.0, 4.5]
        assert seen(text, "Count", **dimensions) == [7.0]


def test_without_dimensions_there_is_the_empty_set() -> None:
    assert seen(line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=1)) == [1.0]


@pytest.mark.parametrize(
    "text",
    [
        "START RequestId: 1",
        '{"CloudWatchMetrics" is not JSON',
        '["CloudWatchMetrics"]',
        json.dumps({"_aws": "CloudWatchMetrics", "x": '"CloudWatchMetrics"'}),
        line({"Metrics": [{"Name": "Time"}]}, Time=1),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time="1"),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=True),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=[1, "2"]),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=list(range(101))),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}),
        line({"Namespace": "N", "Metrics": "Time"}, Time=1),
        line({"Namespace": "N", "Metrics": None}, Time=1),
        line({"Namespace": "N", "Dimensions": 5, "Metrics": [{"Name": "Time"}]}, Time=1),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=10**400),
        line({"Namespace": "N", "Metrics": [{"Name": "Time"}]}, Time=1).replace(str(AT), "1000000000"),
        line({"Namespace": "N", "Dimensions": "A", "Metrics": [{"Name": "Time"}]}, A="1", Time=1),
        line({"Namespace": "N", "Dimensions": [["A"]], "Metrics": [{"Name": "Time"}]}, Time=1),
    ],
)
def test_what_breaks_the_rules_is_only_a_line(text) -> None:
    assert publish(Metrics(lambda: AT + 60.0), text) == 0
