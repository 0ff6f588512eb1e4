"""Whether groups of people are treated alike: rates by the values of a sensitive column."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from headgate_training.metrics import Outcome, plain
from headgate_training.simultaneous import bonferroni
from headgate_training.slices import Values, cut
from headgate_training.spec import Spec

LEAST_ROWS = 10
"""A rate of fewer rows than these is not told, and its group not compared."""

Count = tuple[int, int]
"""How many of how many."""


def compare_groups(
    names: Sequence[str], columns: Mapping[str, Values], outcome: Outcome, spec: Spec
) -> list[dict[str, object]]:
    """For each sensitive column the rates of its groups and the largest gap between two of them.

    ``selection_rate`` is the share that is predicted to be of the positive class, ``true_positive_rate`` that share of
    those who are. Both need two classes, as do the counts that the gate goes by, ``selected`` of ``rows`` and ``found``
    of ``positives``. ``value``, the metric in the group, is told for every task. A column that the part does not have
    is told with ``skipped``.
    """
    return [
        _compare(name, columns[name], outcome, spec)
        if name in columns
        else _line(name) | {"skipped": "The holdout does not have this column: it is older than the wish to compare."}
        for name in names
    ]


def largest_gap(counts: Sequence[Count]) -> dict[str, float | None] | None:
    """The largest difference of two rates, its interval, and the ratio of the lowest rate to the highest.

    The interval is Agresti and Caffo's (2000) for each pair of groups, with Bonferroni's correction for all pairs: so
    its ``low`` is not above the true largest gap but by chance, however many groups there are. Nor is ``ratio_high``
    below the true ratio: the least of the adjusted-log intervals' high ends (Walter, 1975). None for less than two
    groups of LEAST_ROWS rows; both of the ratio are None where nobody is selected.
    """
    counts = [count for count in counts if count[1] >= LEAST_ROWS]
    if len(counts) < 2:
        return None
    pairs = list(combinations(counts, 2))
    critical = bonferroni(len(pairs))
    intervals = [_gap_interval(first, second, critical) for first, second in pairs]
    rates = [selected / rows for selected, rows in counts]
    return {
        "difference": max(rates) - min(rates),
        "low": max(low for low, _ in intervals),
        "high": max(high for _, high in intervals),
        "ratio": min(rates) / max(rates) if max(rates) > 0 else None,
        "ratio_high": min(_ratio_high(first, second, critical) for first, second in pairs) if max(rates) > 0 else None,
    }


def _gap_interval(first: Count, second: Count, critical: float) -> tuple[float, float]:
    """Low and high of the absolute difference of two rates."""
    (first_rate, first_rows), (second_rate, second_rows) = [
        ((hits + 1) / (rows + 2), rows + 2) for hits, rows in (first, second)
    ]
    reach = critical * np.sqrt(
        first_rate * (1 - first_rate) / first_rows + second_rate * (1 - second_rate) / second_rows
    )
    gap = abs(first_rate - second_rate)
    return max(0.0, float(gap - reach)), min(1.0, float(gap + reach))


def _ratio_high(first: Count, second: Count, critical: float) -> float:
    """What the ratio of the lower of two rates to the higher is surely no larger than; a half added to all counts."""
    logs = [math.log((hits + 0.5) / (rows + 0.5)) for hits, rows in (first, second)]
    spread = sum(1 / (hits + 0.5) - 1 / (rows + 0.5) for hits, rows in (first, second))
    return min(1.0, math.exp(-abs(logs[0] - logs[1]) + critical * math.sqrt(spread)))


def _compare(name: str, values: Values, outcome: Outcome, spec: Spec) -> dict[str, object]:
    parts = cut(name, values, LEAST_ROWS)
    groups: list[dict[str, object]] = []
    selections: list[Count] = []
    hits: list[Count] = []
    for part in parts:
        own = Outcome(outcome.target[part.rows], outcome.predicted[part.rows], outcome.positive)
        value = plain(spec.metric, own)
        group: dict[str, object] = {
            "name": part.name,
            "rows": len(part.rows),
            "value": value if np.isfinite(value) else None,
            "selected": None,
            "positives": None,
            "found": None,
            "selection_rate": None,
            "true_positive_rate": None,
        }
        if spec.task == "binary":
            selected = own.predicted.argmax(axis=1) == own.positive
            positive = own.target == own.positive
            selections.append((int(selected.sum()), len(selected)))
            hits.append((int((selected & positive).sum()), int(positive.sum())))
            group |= {"selected": selections[-1][0], "positives": hits[-1][1], "found": hits[-1][0]}
            group |= {"selection_rate": _rate(selections[-1]), "true_positive_rate": _rate(hits[-1])}
        groups.append(group)
    line = _line(name) | {"groups": groups}
    if spec.task != "binary":
        return line | {"skipped": "Rates of selection need two classes, one of them positive."}
    return line | {"selection_rate": largest_gap(selections), "true_positive_rate": largest_gap(hits)}


def _line(name: str) -> dict[str, object]:
    return {"column": name, "groups": [], "selection_rate": None, "true_positive_rate": None, "skipped": None}


def _rate(count: Count) -> float | None:
    return count[0] / count[1] if count[1] >= LEAST_ROWS else None
