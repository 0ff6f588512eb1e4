"""Metric math: expressions over time series, in the part of AWS's language that is built here. Pure.

The text is read by Python's own parser and walked by a table of what is allowed, so nothing else can run.
"""

import ast
import functools
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate_local.api.errors import unsupported
from headgate_local.cloudwatch.series import (
    ExpressionError,
    Series,
    Value,
    both,
    defined,
    difference,
    linear,
    one_series,
    rate,
    repeat,
    running_sum,
)


@dataclass(frozen=True)
class Known:
    """What an expression may speak of."""

    series: Mapping[str, Value]
    """Results so far, by Id."""
    metrics: tuple[str, ...]
    """The Ids that are metrics: what METRICS() is."""
    starts: tuple[int, ...]
    """The starts of all periods, oldest first."""
    period: int


NUMERIC: dict[type[Any], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
    ast.And: lambda a, b: float(bool(a) and bool(b)),
    ast.Or: lambda a, b: float(bool(a) or bool(b)),
}
AWS_ONLY = {
    "SEARCH",
    "ANOMALY_DETECTION_BAND",
    "INSIGHT_RULE_METRIC",
    "SERVICE_QUOTA",
    "LAMBDA",
    "DB_PERF_INSIGHTS",
    "LOGS",
    "SORT",
    "SLICE",
    "DIFF_TIME",
    "MINUTE",
    "HOUR",
    "DAY",
    "DATE",
    "MONTH",
    "YEAR",
    "EPOCH",
}
"""Functions that AWS has and the local cloud does not."""
_SPELLINGS = ((r"\^", "**"), (r"&&", " and "), (r"\|\|", " or "), (r"\bAND\b", " and "), (r"\bOR\b", " or "))
_STRING = re.compile(r"""("[^"]*"|'[^']*')""")


def identifiers(expression: str) -> set[str]:
    """The Ids that an expression speaks of; raises as ``evaluate`` does for what cannot be read."""
    tree = _parse(expression)
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    for name in sorted(called):
        if name in AWS_ONLY:
            raise unsupported(f"the metric math function {name}")
        if name not in FUNCTIONS:
            raise ExpressionError(f"Unknown function {name}")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - called - {"REPEAT", "LINEAR"}


def evaluate(expression: str, known: Known) -> Value:
    """The value of an expression.

    Raises:
        ExpressionError: if it cannot be read, or its parts do not fit together.
        ApiError: for a function that only AWS has.
    """
    identifiers(expression)
    return _value(_parse(expression), known)


@functools.lru_cache(maxsize=512)
def _parse(expression: str) -> ast.expr:
    if re.match(r"\s*SELECT\b", expression, re.IGNORECASE):
        raise unsupported("Metrics Insights queries (SELECT)")
    parts = _STRING.split(expression)
    for pattern, spelling in _SPELLINGS:
        parts[::2] = [re.sub(pattern, spelling, part) for part in parts[::2]]
    try:
        return ast.parse("".join(parts).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"Invalid syntax in the expression {expression!r}") from error


def _value(node: ast.expr, known: Known) -> Value:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            if name not in known.series:
                raise ExpressionError(f"Unknown identifier {name}")
            return known.series[name]
        case ast.List(elts=elements):
            return [one_series(_value(each, known)) for each in elements]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](known, arguments)
    return _calculated(node, known)


def _calculated(node: ast.expr, known: Known) -> Value:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return both(operator.mul, -1.0, _value(operand, known))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, known)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in NUMERIC:
            return both(NUMERIC[type(sign)], _value(left, known), _value(right, known))
        case ast.BoolOp(op=sign, values=values):
            results = [_value(each, known) for each in values]
            return functools.reduce(functools.partial(both, NUMERIC[type(sign)]), results)
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in NUMERIC:
            return both(NUMERIC[type(sign)], _value(left, known), _value(right, known))
    raise ExpressionError(f"{ast.unparse(node)!r} has no place in an expression")


Function = Callable[[Known, list[ast.expr]], Value]


def _arguments(name: str, known: Known, nodes: list[ast.expr], least: int, most: int) -> list[Value]:
    if not least <= len(nodes) <= most:
        raise ExpressionError(f"{name} does not take {len(nodes)} arguments")
    return [_value(node, known) for node in nodes]


def _across(name: str, fold: Callable[[list[float]], float]) -> Function:
    """A function that makes one series of an array, and one number of a series."""

    def run(known: Known, nodes: list[ast.expr]) -> Value:
        (value,) = _arguments(name, known, nodes, 1, 1)
        if isinstance(value, list):
            starts = sorted({start for series in value for start in series})
            folded = {start: defined(fold, [series[start] for series in value if start in series]) for start in starts}
            return {start: result for start, result in folded.items() if result is not None}
        series = one_series(value)
        folded_one = defined(fold, list(series.values())) if series else None
        return {} if folded_one is None else folded_one

    return run


def _each(name: str, change: Callable[[Series], Series]) -> Function:
    """A function of one series, or of every series of an array."""

    def run(known: Known, nodes: list[ast.expr]) -> Value:
        (value,) = _arguments(name, known, nodes, 1, 1)
        if isinstance(value, list):
            return [change(series) for series in value]
        if isinstance(value, dict):
            return change(value)
        return change(dict.fromkeys(known.starts[-1:], value)).get(known.starts[-1], 0.0)

    return run


def _pointwise(name: str, calculate: Callable[[float], float]) -> Function:
    def change(series: Series) -> Series:
        results = {start: defined(calculate, value) for start, value in series.items()}
        return {start: value for start, value in results.items() if value is not None}

    return _each(name, change)


def _metrics(known: Known, nodes: list[ast.expr]) -> Value:
    """METRICS(), or METRICS("err"): those whose Id holds the text."""
    match nodes:
        case []:
            part = ""
        case [ast.Constant(value=str() as part)]:
            pass
        case _:
            raise ExpressionError("METRICS takes a text or nothing")
    return [one_series(known.series[name]) for name in known.metrics if part in name]


def _if(known: Known, nodes: list[ast.expr]) -> Value:
    condition, chosen, *other = _arguments("IF", known, nodes, 2, 3)
    otherwise: Value | None = other[0] if other else None
    if not isinstance(condition, dict):
        if isinstance(condition, list):
            raise ExpressionError("IF takes a number or a time series as its condition")
        return chosen if condition else ({} if otherwise is None else otherwise)
    results: Series = {}
    for start, holds in condition.items():
        source = chosen if holds else otherwise
        if isinstance(source, list):
            raise ExpressionError("IF takes numbers and time series")
        if source is None or (isinstance(source, dict) and start not in source):
            continue
        results[start] = source[start] if isinstance(source, dict) else source
    return results


def _fill(known: Known, nodes: list[ast.expr]) -> Value:
    """FILL(m1, 0), FILL(m1, m2), FILL(m1, REPEAT) or FILL(m1, LINEAR)."""
    if len(nodes) != 2:
        raise ExpressionError(f"FILL does not take {len(nodes)} arguments")
    value = _value(nodes[0], known)
    match nodes[1]:
        case ast.Name(id="REPEAT"):
            how: Callable[[Series], Series] = functools.partial(repeat, known.starts)
        case ast.Name(id="LINEAR"):
            how = functools.partial(linear, known.starts)
        case node:
            filler = _value(node, known)
            if isinstance(filler, list):
                raise ExpressionError("FILL takes a number or a time series to fill with")
            fills = filler if isinstance(filler, dict) else dict.fromkeys(known.starts, filler)

            def how(series: Series) -> Series:
                return dict(sorted((fills | series).items()))

    return [how(series) for series in value] if isinstance(value, list) else how(one_series(value))


def _first(known: Known, nodes: list[ast.expr]) -> Value:
    (value,) = _arguments("FIRST", known, nodes, 1, 1)
    return value[0] if isinstance(value, list) and value else {}


def _last(known: Known, nodes: list[ast.expr]) -> Value:
    (value,) = _arguments("LAST", known, nodes, 1, 1)
    return value[-1] if isinstance(value, list) and value else {}


def _time_series(known: Known, nodes: list[ast.expr]) -> Value:
    (value,) = _arguments("TIME_SERIES", known, nodes, 1, 1)
    if isinstance(value, (dict, list)):
        raise ExpressionError("TIME_SERIES takes a number")
    return dict.fromkeys(known.starts, value)


def _period(known: Known, nodes: list[ast.expr]) -> Value:
    _arguments("PERIOD", known, nodes, 1, 1)
    return float(known.period)


def _metric_count(known: Known, nodes: list[ast.expr]) -> Value:
    (value,) = _arguments("METRIC_COUNT", known, nodes, 1, 1)
    return float(len(value)) if isinstance(value, list) else 1.0


def _remove_empty(known: Known, nodes: list[ast.expr]) -> Value:
    (value,) = _arguments("REMOVE_EMPTY", known, nodes, 1, 1)
    return [series for series in value if series] if isinstance(value, list) else value


FUNCTIONS: dict[str, Function] = {
    "ABS": _pointwise("ABS", abs),
    "CEIL": _pointwise("CEIL", math.ceil),
    "FLOOR": _pointwise("FLOOR", math.floor),
    "LOG": _pointwise("LOG", math.log),
    "LOG10": _pointwise("LOG10", math.log10),
    "AVG": _across("AVG", statistics.fmean),
    "MAX": _across("MAX", max),
    "MIN": _across("MIN", min),
    "SUM": _across("SUM", math.fsum),
    "STDDEV": _across("STDDEV", statistics.pstdev),
    "DATAPOINT_COUNT": _across("DATAPOINT_COUNT", lambda values: float(len(values))),
    "DIFF": _each("DIFF", difference),
    "RATE": _each("RATE", rate),
    "RUNNING_SUM": _each("RUNNING_SUM", running_sum),
    "FILL": _fill,
    "FIRST": _first,
    "IF": _if,
    "LAST": _last,
    "METRICS": _metrics,
    "METRIC_COUNT": _metric_count,
    "PERIOD": _period,
    "REMOVE_EMPTY": _remove_empty,
    "TIME_SERIES": _time_series,
}
"""Everything that an expression may call."""
