# ruff: noqa: S608 - SQL here is made of numbered columns and numbers
"""Rows that are moments of series become windows: the past of some columns, and what is known of the moment itself.

Where nearly all steps are equally long, the past is looked up in the calendar, and a moment without a row is a missing
value; otherwise rows are counted, whatever time lies between them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.columns import Measured
from headgate.domain.series import REGULAR, Every, Rhythm, past
from headgate.tables.engine import Engine, Shape, literal
from headgate.tables.load import Loaded
from headgate.tables.measure import label_of


@dataclass(frozen=True, slots=True)
class Moments:
    """Where rows stand in time: `time` is the number of the column of times, `entity` those that tell the series."""

    measured: Sequence[Measured]
    time: int
    entity: Sequence[int]

    @property
    def at(self) -> str:
        """SQL for the time: seconds since 1970, or the number that orders rows."""
        form = self.measured[self.time].datetime_format
        name = f"c{self.time}"
        return f"epoch(try_strptime({name}, {literal(form)})::TIMESTAMP)" if form else name

    @property
    def series(self) -> str:
        """SQL for whose series a row belongs to."""
        keys = [f"c{index}" for index in self.entity]
        return f"hash({', '.join(keys)})" if keys else "hash(0)"


def find_rhythm(engine: Engine, moments: Moments, target: int) -> Rhythm:
    """Measure rows as moments of series."""
    steps = (
        f"WITH placed AS (SELECT {moments.series} AS e, {moments.at} AS t, {_number(moments, target)} AS y FROM data), "
        "steps AS (SELECT e, t, y, lag(t) OVER series AS b, lag(y) OVER series AS x FROM placed "
        "WINDOW series AS (PARTITION BY e ORDER BY t)) "
    )
    rows, series, twice, seconds, persistence = engine.row(
        f"{steps} SELECT count(*), count(DISTINCT e), count(*) FILTER (t = b), mode((t - b)::BIGINT), corr(x, y) "
        "FROM steps"
    )
    longest = engine.row(f"SELECT max(n) FROM (SELECT count(*) AS n FROM data GROUP BY {moments.series})")[0]
    every = None
    if moments.measured[moments.time].datetime_format and seconds and not twice:
        every = _every(engine, steps, int(seconds))
        if every and _crowded(engine, moments, every):
            every = None
    return Rhythm(rows, series, int(longest or 0), twice, every, _finite(persistence))


def find_static(engine: Engine, moments: Moments, columns: Sequence[int]) -> list[int]:
    """Those of the columns that have one value in each series."""
    if not columns or not moments.entity:
        return []
    facts = ", ".join(f"min(c{index}) IS NOT DISTINCT FROM max(c{index}) AS s{index}" for index in columns)
    all_of = ", ".join(f"bool_and(s{index})" for index in columns)
    found = engine.row(f"SELECT {all_of} FROM (SELECT {facts} FROM data GROUP BY {moments.series})")
    return [index for index, static in zip(columns, found, strict=True) if static]


def make_windows(
    engine: Engine,
    moments: Moments,
    *,
    target: int,
    channels: Sequence[int],
    kept: Sequence[int],
    steps: int,
    every: Every | None,
) -> list[Loaded]:
    """Replace the table `data` by one with a row for each window; `t` is its moment and `begun` where its past begins.

    A window needs a target, a past that lies within its series, and half of the target's values in it.

    Args:
        engine: holds the table `data`.
        moments: where rows stand in time.
        target: the number of the column to forecast.
        channels: numbers of the columns whose past is seen.
        kept: numbers of the columns that keep their value at the moment itself.
        steps: how far the past reaches.
        every: how long a step is; None counts rows.

    Returns:
        The new table's columns: what is kept, the channels' past with the oldest first, the target.
    """
    measured = moments.measured
    values = ", ".join(f"c{index} AS v{index}" for index in {*channels, target})
    asides = ", ".join(f"{_kept(moments, index)} AS u{index}" for index in kept)
    base = f"SELECT h, {moments.series} AS e, {moments.at} AS t, {values}, {asides} FROM data"
    placed = f"SELECT *, {_place(every)} AS k FROM ({base})"
    ages = range(steps, 0, -1)
    seen = ", ".join(f"first_value(v{index}) OVER ago{age} AS w{index}_{age}" for index in channels for age in ages)
    series = "PARTITION BY e ORDER BY k"
    windows = ", ".join(f"ago{age} AS ({series} RANGE BETWEEN {age} PRECEDING AND {age} PRECEDING)" for age in ages)
    engine.keep(
        "windows",
        f"SELECT {_numbered(kept, channels, ages, target)}, h, t, begun FROM (SELECT *, {seen}, "
        f"min(t) OVER past AS begun, count(v{target}) OVER past AS told, k - min(k) OVER (PARTITION BY e) AS age "
        f"FROM ({placed}) WINDOW past AS ({series} RANGE BETWEEN {steps} PRECEDING AND 1 PRECEDING), {windows}) "
        f"WHERE v{target} IS NOT NULL AND age >= {steps} AND 2 * told >= {steps} ORDER BY t, e, h",
    )
    engine.forget("data")
    engine.rows("CREATE VIEW data AS SELECT * FROM windows")
    asked = [Loaded(measured[index].name, "text" if _is_text(moments, index) else "number") for index in kept]
    told = [Loaded(past(measured[index].name, age), measured[index].storage) for index in channels for age in ages]
    engine.expect(Shape(len(asked) + len(told) + 1, 8 * (len(told) + 1) + 24 * len(asked)))
    return [*asked, *told, Loaded(measured[target].name, "number")]


def _every(engine: Engine, steps: str, seconds: int) -> Every | None:
    apart = "(year(n) - year(p)) * 12 + month(n) - month(p)"
    months = (
        f"SELECT b, t, {apart} AS m, p + to_months(({apart})::INTEGER) = n "
        "OR (last_day(p) = p::DATE AND last_day(n) = n::DATE) AS even "
        "FROM (SELECT b, t, make_timestamp((b * 1e6)::BIGINT) AS p, make_timestamp((t * 1e6)::BIGINT) AS n FROM steps "
        "WHERE b IS NOT NULL)"
    )
    month, equal = engine.row(
        f"{steps} SELECT mode(m) FILTER (even AND m > 0), avg(((t - b)::BIGINT = {seconds})::INT) FROM ({months})"
    )
    if equal >= REGULAR:
        return ("second", seconds)
    if month is None:
        return None
    share = engine.row(f"{steps} SELECT avg((even AND m = {month})::INT) FROM ({months})")[0]
    return ("month", int(month)) if share >= REGULAR else None


def _crowded(engine: Engine, moments: Moments, every: Every) -> bool:
    """Whether two rows of a series share a place in the calendar."""
    placed = f"SELECT {moments.series} AS e, {_place(every)} AS k FROM (SELECT *, {moments.at} AS t FROM data)"
    return bool(engine.row(f"SELECT count(*) - count(DISTINCT (e, k)) FROM ({placed})")[0])


def _place(every: Every | None) -> str:
    """SQL for the number of a moment in its series' calendar."""
    if every is None:
        return "row_number() OVER (PARTITION BY e ORDER BY t)"
    unit, count = every
    if unit == "second":
        return f"floor(t / {count})::BIGINT"
    moment = "make_timestamp((t * 1e6)::BIGINT)"
    return f"((year({moment}) * 12 + month({moment}) - 1) // {count})"


def _kept(moments: Moments, index: int) -> str:
    """What tells the series is text, though it may be written as a number."""
    return label_of(index, moments.measured[index]) if index in moments.entity else f"c{index}"


def _is_text(moments: Moments, index: int) -> bool:
    return index in moments.entity or moments.measured[index].storage == "text"


def _numbered(kept: Sequence[int], channels: Sequence[int], ages: Sequence[int], target: int) -> str:
    names = [f"u{index}" for index in kept] + [f"w{index}_{age}" for index in channels for age in ages]
    return ", ".join(f"{name} AS c{number}" for number, name in enumerate([*names, f"v{target}"]))


def _number(moments: Moments, target: int) -> str:
    return f"c{target}" if moments.measured[target].storage == "number" else "NULL::DOUBLE"


def _finite(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0
