"""Forecasting one step ahead: when rows are moments of time series, and what of them a model may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from headgate.domain.checks import MAX_COLUMNS
from headgate.domain.columns import Column, Measured
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason
from headgate.domain.spec import Forecast
from headgate.domain.target import MAX_CLASS_CODES

if TYPE_CHECKING:
    from headgate.domain.project import ForecastSettings, ProjectSettings

Every = tuple[Literal["month", "second"], int]
REGULAR = 0.95
"""The share of steps between moments that have to be equally long before a calendar is seen in them."""
PERSISTENT = 0.3
"""How much a value has to say of the next one (their correlation) before rows are taken for series unasked."""
_MOST_ENTITIES_TRIED = 6


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What was measured of rows as moments of series.

    `every` is the length of nearly all steps, None without one; `twice` counts rows that share a moment of a series
    with another one; `persistence` is the correlation of the target with its own last value.
    """

    rows: int
    series: int
    longest: int
    twice: int
    every: Every | None
    persistence: float


@dataclass(frozen=True, slots=True)
class Series:
    """Rows as moments of series: by which columns, with which rhythm, and why."""

    time: str
    entity: tuple[str, ...]
    every: Every | None
    why: str


@dataclass(frozen=True, slots=True)
class FoundForecast:
    """A forecast, why rows are taken for series, and columns that no window holds."""

    forecast: Forecast
    why: str
    left_out: tuple[Column, ...] = ()


def may_be_series(measured: Sequence[Measured], target: str, settings: "ProjectSettings") -> str | None:
    """The one column of times, where rows may be moments of series whose numbers are to be forecast unasked."""
    wanted = settings.forecast.steps > 0 and settings.task in (None, "regression") and not settings.identity
    times = [
        column.name
        for column in measured
        if column.datetime_format and not column.missing and settings.columns.get(column.name) in (None, "datetime")
    ]
    of_numbers = any(
        column.name == target and column.storage == "number" and column.distinct > MAX_CLASS_CODES
        for column in measured
    )
    return times[0] if wanted and of_numbers and len(times) == 1 and times[0] != target else None


def possible_entities(measured: Sequence[Measured], target: str, time: str, steps: int) -> list[tuple[str, ...]]:
    """Whose series rows may belong to, the simplest answer first: to one, or to those of a column."""
    named = [
        column
        for column in measured
        if column.name not in (target, time)
        and not column.missing
        and 2 <= column.distinct <= column.rows / (2 * steps)
    ]
    few = sorted(named, key=lambda column: column.distinct)[:_MOST_ENTITIES_TRIED]
    return [(), *((column.name,) for column in few)]


def is_clear(rhythm: Rhythm, steps: int, min_rows: int) -> bool:
    """Whether rows are taken for series without anybody saying so."""
    enough = rhythm.rows - rhythm.series * steps >= min_rows and rhythm.rows >= 2 * steps * rhythm.series
    return enough and not rhythm.twice and rhythm.every is not None and rhythm.persistence >= PERSISTENT


def reason_for(time: str, entity: Sequence[str], every: Every) -> str:
    """The sentence for series that nobody asked for."""
    whose = f", once for each {' and '.join(entity)}" if entity else ""
    return (
        f"{time} runs in steps of {length_of(every)}{whose}, and a value tells much of the next; "
        "write `forecast: {steps: 0}` into project.yaml if rows stand for themselves"
    )


def length_of(every: Every) -> str:
    """A step in words."""
    unit, count = str(every[0]), every[1]
    for name, seconds in (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if unit == "second" and count % seconds == 0:
            unit, count = name, count // seconds
            break
    return f"{count} {unit}s" if count > 1 else f"1 {unit}"


def plan_forecast(
    series: Series, columns: Sequence[Column], static: Sequence[str], settings: "ForecastSettings", target: str
) -> Forecast:
    """What a window holds: the past of the target and of every number, and what is known of the moment itself.

    Args:
        series: what rows are moments of.
        columns: all but the target, decided on one by one.
        static: columns with one value in each series.
        settings: the project's.
        target: the column to forecast.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when windows would be wider than a table may be.
    """
    known = [name for name in (*series.entity, *static, *settings.known) if name != series.time]
    seen = [
        column.name
        for column in columns
        if column.used and column.kind == "numeric" and column.name not in (*known, series.time)
    ]
    width = settings.steps * (len(seen) + 1) + len(known) + 1
    if width > MAX_COLUMNS:
        raise _invalid(
            f"sees {settings.steps} steps of {len(seen) + 1} columns, which are {width} values; at most {MAX_COLUMNS} "
            "are possible. Lower steps, or drop columns"
        )
    form = next(column.measured.datetime_format for column in columns if column.name == series.time)
    return Forecast(
        entity=list(series.entity),
        time=series.time,
        steps=settings.steps,
        channels=[target, *seen],
        known=[series.time, *dict.fromkeys(known)],
        every=series.every,
        time_format=form or "",
    )


def past(name: str, ago: int) -> str:
    """The name of a column's value so many steps before the forecast."""
    return f"{name}[-{ago}]"


def too_short(windows: int, rhythm: Rhythm, steps: int, min_rows: int) -> DatasetRefusedError:
    """The refusal of series that are too short."""
    return DatasetRefusedError(
        Reason.SERIES_UNFIT,
        f"The series are too short: a forecast sees {steps} steps, the longest of {rhythm.series} series has "
        f"{rhythm.longest} rows, and together they give {windows} windows where {min_rows} are needed. Collect longer "
        "series, or lower `forecast: {steps}` in project.yaml.",
    )


def unfit(time: str, twice: int, missing: int, entity: Sequence[str]) -> DatasetRefusedError | None:
    """The refusal of series whose moments cannot be told apart, or None."""
    if missing:
        what = f"{missing} rows have no {time}, which orders the series. Fill it in, or leave these rows out."
    elif twice:
        whose = f"the same {' and '.join(entity)}" if entity else "no entity to tell them apart"
        what = (
            f"{twice} rows have the same {time} as another row and {whose}. Name the columns that tell whose series a "
            "row belongs to (`forecast: {entity: [...]}` in project.yaml), or keep one row for each moment."
        )
    else:
        return None
    return DatasetRefusedError(Reason.SERIES_UNFIT, what)


def not_as_learned(name: str, what: str) -> DatasetRefusedError:
    """The refusal of a champion's time or target that no longer is one."""
    return DatasetRefusedError(
        Reason.SCHEMA_CHANGED,
        f"The champion forecasts by {name}, of which {what}. Correct them, or start a new project for data "
        "of another form.",
    )


def no_time(name: str | None) -> DatasetRefusedError:
    """The refusal of a forecast without a column that orders its rows."""
    if name is None:
        return _invalid("needs a column of times and the data does not have exactly one: name it as forecast.time")
    return _invalid(f"is ordered by {name}, which holds neither times of one form nor numbers")


def _invalid(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(Reason.SETTINGS_INVALID, f"project.yaml: forecast {what}.")
