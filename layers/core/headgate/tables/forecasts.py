# ruff: noqa: S608 - SQL here is made of numbered columns and quoted literals
"""Whether a dataset is of time series, and the windows that are made of them."""

from collections.abc import Sequence
from dataclasses import replace

from headgate.domain.columns import Column, Measured, decide
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.grids import FoundGrid
from headgate.domain.project import ProjectSettings
from headgate.domain.reasons import Reason
from headgate.domain.series import (
    FoundForecast,
    Series,
    is_clear,
    may_be_series,
    no_time,
    not_as_learned,
    past,
    plan_forecast,
    possible_entities,
    reason_for,
    too_short,
    unfit,
)
from headgate.domain.spec import Forecast, Grid, TrainingSpec
from headgate.tables.engine import Engine, literal
from headgate.tables.measure import count_rows, measure
from headgate.tables.windows import Moments, find_rhythm, find_static, make_windows


def find_forecast(
    engine: Engine,
    measured: Sequence[Measured],
    target: str,
    settings: ProjectSettings,
    before: TrainingSpec | None,
) -> FoundForecast | None:
    """The forecast that the champion makes, that project.yaml asks for, or that the rows clearly are of; or None.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID or SERIES_UNFIT when a forecast that somebody asked for cannot be.
    """
    if before is not None:
        return FoundForecast(before.forecast, "as the champion learned it") if before.forecast else None
    names = [column.name for column in measured]
    if settings.forecast.demanded:
        series = _demanded(engine, measured, target, settings)
    elif found := _inferred(engine, measured, target, settings):
        series = found
    else:
        return None
    columns = [decide(column, settings.columns.get(column.name)) for column in measured if column.name != target]
    moments = _moments(measured, series.time, series.entity)
    others = [index for index, name in enumerate(names) if name not in (target, series.time, *series.entity)]
    static = [names[index] for index in find_static(engine, moments, others)]
    used = {column.name for column in columns if column.used}
    forecast = plan_forecast(series, columns, [name for name in static if name in used], settings.forecast, target)
    taken = {*forecast.channels, *forecast.known}
    left_out = [
        replace(column, used=False, why=_not_known(column) if column.used else column.why)
        for column in columns
        if column.name not in taken
    ]
    return FoundForecast(forecast, series.why, tuple(left_out))


def windows_of(
    engine: Engine, measured: Sequence[Measured], target: str, settings: ProjectSettings, found: FoundForecast
) -> list[Measured]:
    """Replace the table `data` by one of windows, and measure that.

    Raises:
        DatasetRefusedError: SERIES_UNFIT when the series give too few windows, or their moments cannot be told apart;
            SCHEMA_CHANGED when a champion's times or its target are no longer such.
    """
    plan = found.forecast
    place = {column.name: index for index, column in enumerate(measured)}
    _check_kept(engine, measured[place[plan.time]], measured[place[target]], plan, place[plan.time])
    moments = _moments(measured, plan.time, plan.entity)
    rhythm = find_rhythm(engine, moments, place[target])
    if refusal := unfit(plan.time, rhythm.twice, measured[place[plan.time]].missing, plan.entity):
        raise refusal
    declared = [*settings.slices, *settings.sensitive]
    kept = [place[name] for name in dict.fromkeys((*plan.known, *declared))]
    loaded = make_windows(
        engine,
        moments,
        target=place[target],
        channels=[place[name] for name in plan.channels],
        kept=kept,
        steps=plan.steps,
        every=plan.every,
    )
    if (windows := count_rows(engine)) < settings.min_rows:
        raise too_short(windows, rhythm, plan.steps, settings.min_rows)
    return measure(
        engine, loaded, {column.name: column.datetime_format for column in measured if column.datetime_format}
    )


def grids_of_windows(forecast: Forecast) -> list[FoundGrid]:
    """The past of all channels as one sequence."""
    columns = [past(name, ago) for ago in range(forecast.steps, 0, -1) for name in forecast.channels]
    shape = [forecast.steps, len(forecast.channels)]
    return [
        FoundGrid(Grid(name="past", kind="sequence", shape=shape, columns=columns), "a forecast sees the last values")
    ]


def goal_settings(settings: ProjectSettings, found: FoundForecast | None) -> ProjectSettings:
    """The settings by which the goal is inferred: what is forecast is an amount.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when project.yaml says that it is a class.
    """
    if found is None:
        return settings
    if settings.task not in (None, "regression"):
        raise DatasetRefusedError(
            Reason.SETTINGS_INVALID,
            f"project.yaml: task: {settings.task} does not fit a forecast, which tells an amount. Leave one out.",
        )
    return settings.model_copy(update={"task": "regression"})


def without_future(column: Column, found: FoundForecast) -> Column:
    """A column of the windows; what stands in them for the judge alone is no feature."""
    plan = found.forecast
    if column.name in plan.known or any(
        column.name == past(name, ago) for name in plan.channels for ago in _ages(plan)
    ):
        return column
    return replace(column, used=False, why=_not_known(column))


def _ages(plan: Forecast) -> range:
    return range(1, plan.steps + 1)


def _demanded(engine: Engine, measured: Sequence[Measured], target: str, settings: ProjectSettings) -> Series:
    wanted = settings.forecast
    by_name = {column.name: column for column in measured}
    times = [column.name for column in measured if column.datetime_format]
    time = wanted.time or (times[0] if len(times) == 1 else None)
    if time is None or not (by_name[time].datetime_format or by_name[time].storage == "number"):
        raise no_time(time)
    if by_name[target].storage != "number":
        raise DatasetRefusedError(
            Reason.SETTINGS_INVALID, f"project.yaml: forecast takes numbers, but the target {target} holds text."
        )
    tried = [tuple(wanted.entity)] if wanted.entity is not None else possible_entities(measured, target, time, 1)
    for entity in tried:
        rhythm = find_rhythm(engine, _moments(measured, time, entity), _place(measured, target))
        if not rhythm.twice:
            return Series(time, entity, rhythm.every, "project.yaml says so")
    rhythm = find_rhythm(engine, _moments(measured, time, tried[0]), _place(measured, target))
    raise unfit(time, rhythm.twice, by_name[time].missing, tried[0]) or no_time(time)


def _inferred(engine: Engine, measured: Sequence[Measured], target: str, settings: ProjectSettings) -> Series | None:
    time = may_be_series(measured, target, settings)
    if time is None:
        return None
    steps = settings.forecast.steps
    for entity in possible_entities(measured, target, time, steps):
        rhythm = find_rhythm(engine, _moments(measured, time, entity), _place(measured, target))
        if is_clear(rhythm, steps, settings.min_rows):
            assert rhythm.every is not None
            return Series(time, entity, rhythm.every, reason_for(time, entity, rhythm.every))
    return None


def _check_kept(engine: Engine, time: Measured, target: Measured, plan: Forecast, place: int) -> None:
    """Refuse times that are none any more, or no numbers where numbers ordered the rows, and a target of text."""
    if plan.time_format and not time.datetime_format:
        parsed = f"count(try_strptime(c{place}::VARCHAR, {literal(plan.time_format)}))"
        others = time.present - int(engine.row(f"SELECT {parsed} FROM data")[0])
        raise not_as_learned(
            time.name, f"{others} of {time.present} values are not dates of the form {plan.time_format}"
        )
    numbers = (target,) if plan.time_format else (time, target)
    for column in numbers:
        if column.storage == "text":
            raise not_as_learned(column.name, "not every value is a number")


def _moments(measured: Sequence[Measured], time: str, entity: Sequence[str]) -> Moments:
    return Moments(measured, _place(measured, time), [_place(measured, name) for name in entity])


def _place(measured: Sequence[Measured], name: str) -> int:
    return next(index for index, column in enumerate(measured) if column.name == name)


def _not_known(column: Column) -> str:
    return (
        f"its value is not known ahead ({column.kind}); list it under `forecast: {{known: [...]}}` in project.yaml "
        "if it is"
    )
