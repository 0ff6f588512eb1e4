"""Metric math: what expressions come to, and that nothing else can be written in them."""

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.cloudwatch.expressions import Known, evaluate, identifiers
from headgate_local.cloudwatch.series import ExpressionError

STARTS = (0, 60, 120, 180)
A = {0: 1.0, 60: 2.0, 180: 4.0}
B = {0: 10.0, 60: 0.0, 120: 30.0, 180: 40.0}
KNOWN = Known({"a": A, "b": B, "err1": A, "e": {0: 5.0}}, ("a", "b", "err1"), STARTS, 60)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", {0: 11.0, 60: 2.0, 180: 44.0}),
        ("b - a * 2", {0: 8.0, 60: -4.0, 180: 32.0}),
        ("a / b", {0: 0.1, 180: 0.1}),
        ("100 * (a / b)", {0: 10.0, 180: 10.0}),
        ("-a ^ 2", {0: -1.0, 60: -4.0, 180: -16.0}),
        ("a > 1", {0: 0.0, 60: 1.0, 180: 1.0}),
        ("a > 1 && b > 5", {0: 0.0, 60: 0.0, 180: 1.0}),
        ("a > 3 OR b == 10", {0: 1.0, 60: 0.0, 180: 1.0}),
        ("SUM([a, b])", {0: 11.0, 60: 2.0, 120: 30.0, 180: 44.0}),
        ("SUM(METRICS())", {0: 12.0, 60: 4.0, 120: 30.0, 180: 48.0}),
        ('AVG(METRICS("err"))', A),
        ("MAX([a, b])", {0: 10.0, 60: 2.0, 120: 30.0, 180: 40.0}),
        ("MIN(METRICS('b'))", B),
        ("SUM(a)", 7.0),
        ("a * AVG(b)", {0: 20.0, 60: 40.0, 180: 80.0}),
        ("DATAPOINT_COUNT(a)", 3.0),
        ("METRIC_COUNT(METRICS())", 3.0),
        ("STDDEV([a, a])", {0: 0.0, 60: 0.0, 180: 0.0}),
        ("FILL(a, 0)", {0: 1.0, 60: 2.0, 120: 0.0, 180: 4.0}),
        ("FILL(a, b)", {0: 1.0, 60: 2.0, 120: 30.0, 180: 4.0}),
        ("FILL(a, REPEAT)", {0: 1.0, 60: 2.0, 120: 2.0, 180: 4.0}),
        ("FILL(a, LINEAR)", {0: 1.0, 60: 2.0, 120: 3.0, 180: 4.0}),
        ("IF(a > 1, b, 7)", {0: 7.0, 60: 0.0, 180: 40.0}),
        ("IF(b > 5, a)", {0: 1.0, 180: 4.0}),
        ("IF(1, a, b)", A),
        ("RATE(b)", {60: -10 / 60, 120: 0.5, 180: 10 / 60}),
        ("DIFF(a)", {60: 1.0, 180: 2.0}),
        ("RUNNING_SUM(a)", {0: 1.0, 60: 3.0, 180: 7.0}),
        ("ABS(-a)", A),
        ("CEIL(a / 4)", {0: 1.0, 60: 1.0, 180: 1.0}),
        ("FLOOR(a / 4)", {0: 0.0, 60: 0.0, 180: 1.0}),
        ("LOG10(b)", {0: 1.0, 120: pytest.approx(1.4771, abs=1e-4), 180: pytest.approx(1.602, abs=1e-3)}),
        ("a / PERIOD(a) * 60", A),
        ("TIME_SERIES(3)", dict.fromkeys(STARTS, 3.0)),
        ("FIRST(METRICS())", A),
        ("LAST([a, b])", B),
    ],
)
def test_expressions(expression, expected) -> None:
    assert evaluate(expression, KNOWN) == expected


@pytest.mark.parametrize("function", ["SUM", "AVG", "MAX"])
def test_what_is_no_number_is_no_datapoint(function) -> None:
    odd = Known({"a": {0: float("inf"), 60: 1.0}, "b": {0: float("-inf"), 60: 1.0}}, ("a", "b"), (0, 60), 60)
    assert list(evaluate(f"{function}([a, b])", odd)) == [60]
    both = Known({"a": {0: float("inf"), 60: float("-inf")}}, ("a",), (0, 60), 60)
    assert evaluate(f"{function}(a)", both) == {}


def test_a_function_works_on_every_series_of_an_array() -> None:
    assert evaluate("METRICS() * 2", KNOWN) == [{at: 2 * value for at, value in series.items()} for series in (A, B, A)]


@pytest.mark.parametrize(
    "expression",
    [
        "a +",
        "__import__('os')",
        "a.b",
        "a[0]",
        "lambda: 1",
        "a if b else 1",
        "(a, b)",
        "'text'",
        "NOSUCH(a)",
        "a < b < 3",
        "SUM(a, b)",
        "FILL(a)",
        "IF([a], 1, 2)",
        "missing + 1",
        "[1, 2]",
        "METRICS(a)",
        "f'{a}'",
        "a @ b",
        "{1: 2}",
    ],
)
def test_everything_else_is_refused(expression) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, KNOWN)


@pytest.mark.parametrize("expression", ["SEARCH('x', 'Sum')", "ANOMALY_DETECTION_BAND(a)", "SELECT MAX(x) FROM y"])
def test_what_only_aws_has_is_refused_by_name(expression) -> None:
    with pytest.raises(ApiError, match="does not support"):
        evaluate(expression, KNOWN)


def test_an_expression_tells_what_it_speaks_of() -> None:
    assert identifiers("FILL(m1, REPEAT) / SUM(METRICS('x')) + m2") == {"m1", "m2"}
