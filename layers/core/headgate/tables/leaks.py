# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""How well each feature alone tells the target, measured on a fixed sample of rows.

Everything is computed from ranks and frequencies, so that scale, offset, direction and coding of a copy do not matter,
and no value can overflow.
"""

from collections.abc import Sequence

from headgate.domain.checks import Association
from headgate.domain.columns import Column
from headgate.domain.target import TargetValues
from headgate.tables.engine import Engine, literal
from headgate.tables.prepare import prepared

_SAMPLE_ROWS = (2_000, 10_000)
_SAMPLE_CELLS = 1_000_000
_ROWS_PER_VALUE = 10  # with fewer rows for each value, values tell the target by chance

_AUC_BETWEEN_NEIGHBOURS = """
WITH placed AS (
    SELECT y, row_number() OVER (ORDER BY median(x), y) AS place FROM (SELECT y, {x} AS x FROM tested) GROUP BY y
), paired AS (
    SELECT place - shift AS pair, 1 - shift AS below, {x} AS x
    FROM tested JOIN placed USING (y) CROSS JOIN (VALUES (0), (1)) AS shifts (shift)
    WHERE place - shift BETWEEN 1 AND {classes} - 1
), ranked AS (
    SELECT pair, below, rank() OVER (PARTITION BY pair ORDER BY x)
        + (count(*) OVER (PARTITION BY pair, x) - 1) / 2.0 AS r
    FROM paired
), counted AS (
    SELECT pair, sum(r) FILTER (below = 0) AS r, count(*) FILTER (below = 0)::DOUBLE AS n,
        count(*) FILTER (below = 1)::DOUBLE AS m
    FROM ranked GROUP BY pair
)
SELECT min(0.5 + abs((r - n * (n + 1) / 2) / (n * m) - 0.5)) FROM counted
"""
"""Mann and Whitney's estimate of the area under the ROC curve, between classes next to each other in median."""

_BALANCED_ACCURACY_OF_VALUES = """
WITH cells AS (SELECT {x} AS x, y, count(*) AS n FROM tested GROUP BY ALL),
shares AS (SELECT x, n / sum(n) OVER (PARTITION BY y) AS share FROM cells)
SELECT sum(best) / {classes} FROM (SELECT max(share) AS best FROM shares GROUP BY x)
"""

_RANK_CORRELATION = """
WITH ranked AS (
    SELECT y, rank() OVER (ORDER BY {x}) + (count(*) OVER (PARTITION BY {x}) - 1) / 2.0 AS r
    FROM tested WHERE {x} IS NOT NULL
)
SELECT CASE WHEN count(*) >= 20 THEN coalesce(abs(corr(r, y)), 0) ELSE 0 END FROM ranked
"""

_CORRELATION_RATIO = """
WITH groups AS (SELECT {x} AS x, count(*) AS n, avg(y) AS mean, var_pop(y) AS spread FROM tested GROUP BY ALL)
SELECT sqrt(greatest(0, 1 - sum(n * spread) / nullif((SELECT var_pop(y) * count(*) FROM tested), 0))) FROM groups
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
    fewest, most = _SAMPLE_ROWS
    wanted = min(most, max(fewest, _SAMPLE_CELLS // len(features)))
    if classes:
        per_class = wanted / values.distinct
        chosen = " OR ".join(
            f"{target} = {literal(label)} AND {_share(per_class / rows)}" for label, rows in values.counts
        )
        engine.keep_sample("tested", f"SELECT {', '.join(needed)}, {target} AS y FROM data WHERE {chosen}")
    else:
        ranks = f"rank() OVER (ORDER BY {target}) + (count(*) OVER (PARTITION BY {target}) - 1) / 2.0"
        chosen = _share(wanted / values.rows)
        engine.keep_sample("tested", f"SELECT {', '.join(needed)}, {ranks} AS y FROM data WHERE {chosen}")
    rows = engine.row("SELECT count(*) FROM tested")[0]
    found = []
    for index, column in features:
        expression = prepared(index, column)
        queries = (
            _queries_for_classes(column, expression, rows)
            if classes
            else _queries_for_numbers(column, expression, rows)
        )
        strengths = [engine.row(query.format(classes=values.distinct, x=x))[0] for query, x in queries]
        found.append(Association(column.name, max((value for value in strengths if value is not None), default=0.0)))
    return found


def _share(share: float) -> str:
    return "true" if share >= 1 else f"h < {int(2**64 * share)}::UBIGINT"


def _queries_for_classes(column: Column, expression: str, rows: int) -> list[tuple[str, str]]:
    queries = []
    if column.kind in ("numeric", "datetime"):
        # A missing value ranks below all others: that it is missing may be what tells.
        ordered = f"coalesce({expression}, {_lowest(column)})"
        queries.append((_AUC_BETWEEN_NEIGHBOURS, _as_number(column, ordered)))
    if column.measured.distinct <= rows / _ROWS_PER_VALUE:
        queries.append((_BALANCED_ACCURACY_OF_VALUES, expression))
    return queries


def _queries_for_numbers(column: Column, expression: str, rows: int) -> list[tuple[str, str]]:
    queries = []
    if column.kind in ("numeric", "datetime"):
        queries.append((_RANK_CORRELATION, expression))
    if column.measured.distinct <= rows / _ROWS_PER_VALUE:
        queries.append((_CORRELATION_RATIO, expression))
    return queries


def _lowest(column: Column) -> str:
    return "'-infinity'::DOUBLE" if column.kind == "numeric" else "'0001-01-01T00:00:00'"


def _as_number(column: Column, expression: str) -> str:
    return expression if column.kind == "numeric" else f"epoch({expression}::TIMESTAMP)"
