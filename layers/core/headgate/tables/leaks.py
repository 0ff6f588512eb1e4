# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""How well each feature alone tells the target, measured on a fixed sample of rows.

Everything is computed from ranks and frequencies, so that scale, offset, direction and coding of a copy do not matter,
and no value can overflow.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from headgate.domain.checks import Association
from headgate.domain.columns import Column, TargetValues
from headgate.tables.engine import Engine, literal
from headgate.tables.measure import drawn, sampled_holds
from headgate.tables.prepare import prepared

_SAMPLE_ROWS = (2_000, 10_000)
_SAMPLE_CELLS = 1_000_000
_FEATURES_IN_ONE_QUERY = 50  # many in one query save time, all in one would cost memory
_ROWS_PER_VALUE = 10  # with fewer rows for each value, values tell the target by chance

_AUC_BETWEEN_NEIGHBOURS = """
WITH long AS ({long}), placed AS (
    SELECT f, y, row_number() OVER (PARTITION BY f ORDER BY median(x), y) AS place FROM long GROUP BY f, y
), paired AS (
    SELECT f, place - shift AS pair, 1 - shift AS below, x
    FROM long JOIN placed USING (f, y) CROSS JOIN (VALUES (0), (1)) AS shifts (shift)
    WHERE place - shift BETWEEN 1 AND {classes} - 1
), ranked AS (
    SELECT f, pair, below, (rank() OVER lowest_first + count(*) OVER lowest_first) / 2.0 AS r
    FROM paired WINDOW lowest_first AS (PARTITION BY f, pair ORDER BY x)
), counted AS (
    SELECT f, pair, sum(r) FILTER (below = 0) AS r, count(*) FILTER (below = 0)::DOUBLE AS n,
        count(*) FILTER (below = 1)::DOUBLE AS m
    FROM ranked GROUP BY f, pair
)
SELECT f, min(0.5 + abs((r - n * (n + 1) / 2) / (n * m) - 0.5)) FROM counted GROUP BY f
"""
"""Mann and Whitney's estimate of the area under the ROC curve, between classes next to each other in median."""

_BALANCED_ACCURACY_OF_VALUES = """
WITH long AS ({long}), cells AS (SELECT f, x, y, count(*) AS n FROM long GROUP BY f, x, y),
shares AS (SELECT f, x, n / sum(n) OVER (PARTITION BY f, y) AS share FROM cells)
SELECT f, sum(best) / {classes} FROM (SELECT f, max(share) AS best FROM shares GROUP BY f, x) GROUP BY f
"""

_RANK_CORRELATION = """
WITH long AS ({long}), ranked AS (
    SELECT f, y, (rank() OVER lowest_first + count(*) OVER lowest_first) / 2.0 AS r
    FROM long WHERE x IS NOT NULL WINDOW lowest_first AS (PARTITION BY f ORDER BY x)
)
SELECT f, CASE WHEN count(*) >= 20 THEN coalesce(abs(corr(r, y)), 0) ELSE 0 END FROM ranked GROUP BY f
"""

_CORRELATION_RATIO = """
WITH long AS ({long}),
groups AS (SELECT f, x, count(*) AS n, avg(y) AS mean, var_pop(y) AS spread FROM long GROUP BY f, x)
SELECT f, sqrt(greatest(0, 1 - sum(n * spread) / nullif((SELECT var_pop(y) * count(*) FROM tested), 0)))
FROM groups GROUP BY f
"""


def associations(
    engine: Engine, features: Sequence[tuple[int, Column]], target: str, values: TargetValues, *, classes: bool
) -> list[Association]:
    """Measure all features.

    Args:
        engine: holds the table `data`.
        features: columns with their numbers in it.
        target: the SQL expression of the target, text for classes.
        values: how often the target has which value.
        classes: whether the target is a class, and not an amount.
    """
    needed = [f"c{index}" for index, _ in features]
    engine.keep_sample("tested", _tested(engine, needed, target, values, classes=classes))
    rows = engine.row("SELECT count(*) FROM tested")[0]
    strengths = [0.0] * len(features)
    for query, measured in _measures(features, rows, classes=classes):
        numbered = iter(measured.items())
        while chunk := dict(islice(numbered, _FEATURES_IN_ONE_QUERY)):
            for feature, strength in engine.rows(query.format(long=_long(chunk), classes=values.distinct)):
                strengths[feature] = max(strengths[feature], strength or 0.0)
    return [Association(column.name, strength) for (_, column), strength in zip(features, strengths, strict=True)]


def _tested(engine: Engine, needed: Sequence[str], target: str, values: TargetValues, *, classes: bool) -> str:
    """The query of the sample: classes in equal numbers, or amounts by their rank."""
    fewest, most = _SAMPLE_ROWS
    wanted = min(most, max(fewest, _SAMPLE_CELLS // len(needed)))
    if classes:
        shares = {label: wanted / values.distinct / rows for label, rows in values.counts}
        largest, told = max(shares.values()), target
        chosen = " OR ".join(f"{target} = {literal(label)} AND {drawn(share)}" for label, share in shares.items())
    else:
        largest, told = wanted / values.rows, "(rank() OVER lowest_first + count(*) OVER lowest_first) / 2.0"
        chosen = f"{drawn(largest)} WINDOW lowest_first AS (ORDER BY {target})"
    source = "sampled" if sampled_holds(engine, values.rows, largest) else "data"  # of which the same rows are drawn
    return f"SELECT {', '.join(needed)}, {told} AS y FROM {source} WHERE {chosen}"


def _measures(
    features: Sequence[tuple[int, Column]], rows: int, *, classes: bool
) -> Iterator[tuple[str, dict[int, str]]]:
    """The queries, each with the features that it measures: their position, and what is read of them."""
    expressions = {at: (column, prepared(index, column)) for at, (index, column) in enumerate(features)}
    ordered = {
        at: _as_number(column, expression if not classes else f"coalesce({expression}, {_lowest(column)})")
        for at, (column, expression) in expressions.items()
        if column.kind in ("numeric", "datetime")
    }
    few_values = {
        at: f"({expression})::VARCHAR"
        for at, (column, expression) in expressions.items()
        if column.measured.distinct <= rows / _ROWS_PER_VALUE
    }
    # A missing value ranks below all others where classes are told: that it is missing may be what tells.
    yield (_AUC_BETWEEN_NEIGHBOURS if classes else _RANK_CORRELATION), ordered
    yield (_BALANCED_ACCURACY_OF_VALUES if classes else _CORRELATION_RATIO), few_values


def _long(features: Mapping[int, str]) -> str:
    """One row for each feature and row of the sample: f the feature's position, x its value, y the target."""
    positions, values = ", ".join(map(str, features)), ", ".join(features.values())
    return f"SELECT unnest([{positions}]) AS f, unnest([{values}]) AS x, y FROM tested"


def _lowest(column: Column) -> str:
    return "'-infinity'::DOUBLE" if column.kind == "numeric" else "'0001-01-01T00:00:00'"


def _as_number(column: Column, expression: str) -> str:
    return expression if column.kind == "numeric" else f"epoch({expression}::TIMESTAMP)"
