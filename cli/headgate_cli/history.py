"""A history of time series becomes one row for each series: what a forecast of its next value is made from."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.domain.columns import MISSING
from headgate.domain.series import past
from headgate_cli.errors import UsageError
from headgate_cli.rows import Row, iso_time


def next_rows(rows: Iterable[Row], plan: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each series, in the order in which they first appear; `plan` is the spec's `forecast`.

    A row without a target that is later than all others of its series is the moment that is asked for, and tells what
    is known of it. Otherwise it is the step after the last row, and what was known last is taken to hold still.

    Raises:
        UsageError: when a column is missing, or the form of a time.
    """
    series: dict[tuple[str, ...], list[tuple[Any, Row]]] = {}
    for number, row in enumerate(rows, start=1):
        for name in (*plan["entity"], *plan["channels"], plan["time"]):
            if name not in row:
                raise UsageError(f"Row {number} lacks the column {name!r}, from whose past the model forecasts.")
        key = tuple(str(row[name]) for name in plan["entity"])
        series.setdefault(key, []).append((_moment(row[plan["time"]], plan, number), row))
    for history in series.values():
        yield _next_row(sorted(history, key=lambda moment: moment[0]), plan)


def _next_row(history: list[tuple[Any, Row]], plan: Mapping[str, Any]) -> Row:
    target, steps = plan["channels"][0], plan["steps"]
    last, row = history[-1]
    asked = dict(row)
    if _is_missing(row[target]) and len(history) > 1:
        at = last
        history = history[:-1]
    else:
        at = _after(history, plan)
        asked[plan["time"]] = at.isoformat() if isinstance(at, datetime) else at
    found = {name: asked[name] for name in plan["known"] if name in asked}
    places = {_place(moment, plan): row for moment, row in history}
    for ago in range(1, steps + 1):
        if plan["every"] is None:
            before = history[-ago][1] if ago <= len(history) else {}
        else:
            before = places.get(_place(at, plan) - ago, {})
        found |= {past(name, ago): before.get(name) for name in plan["channels"]}
    return found


def _moment(value: Any, plan: Mapping[str, Any], number: int) -> Any:
    try:
        if not plan["time_format"]:
            return float(value)
        return datetime.fromisoformat(iso_time(str(value).strip(), plan["time_format"])).replace(tzinfo=None)
    except ValueError:
        raise UsageError(f"Row {number}, column {plan['time']!r}: the model takes a time there.") from None


def _after(history: list[tuple[Any, Row]], plan: Mapping[str, Any]) -> Any:
    last = history[-1][0]
    if plan["every"] is None:
        return last + (last - history[-2][0]) if len(history) > 1 else last
    unit, count = plan["every"]
    if unit == "second":
        return last + timedelta(seconds=count)
    months = last.year * 12 + last.month - 1 + count
    return last.replace(year=months // 12, month=months % 12 + 1, day=min(last.day, 28))


def _place(moment: Any, plan: Mapping[str, Any]) -> Any:
    if plan["every"] is None:
        return moment
    unit, count = plan["every"]
    if unit == "second":
        return int(moment.replace(tzinfo=UTC).timestamp() // count)
    return (moment.year * 12 + moment.month - 1) // count


def _is_missing(value: Any) -> bool:
    return value is None or str(value).strip() in MISSING
