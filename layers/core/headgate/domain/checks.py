"""Rules on a dataset as a whole: names, rows, features, and features that give the answer away."""

import difflib
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.domain.columns import Column, Measured, infer_kind
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

if TYPE_CHECKING:  # reading a table needs no settings, whose model takes a while to import
    from headgate.domain.project import ProjectSettings
    from headgate.domain.spec import SpecColumn, TrainingSpec

MAX_COLUMNS = 1000
CLASSES_GIVEN_AWAY = 0.995
NUMBERS_GIVEN_AWAY = 0.9999
LEAST_POWER = 2
"""Of ten: cents for euros are a hundred times as many; ten times as many may well be true."""
_NEAR = 0.05
"""Of how far values reach, 5 % to 95 %: a quartile so close to zero is nothing but chance."""
_POWER_ERROR = 0.1
"""Of a power of ten, between quartiles of one unit: a quarter more or less, by chance and by drift."""


@dataclass(frozen=True, slots=True)
class Association:
    """How well one feature alone tells the target, from 0 to 1.

    For classes: the area under the ROC curve between the two neighbouring classes that it separates worst, or the
    balanced accuracy of the best class for each of its values, whichever is more. For numbers: the greatest of the
    absolute correlation, the absolute rank correlation and the share of variance that its values explain, as a root.
    """

    name: str
    strength: float


def check_names(names: Sequence[str]) -> None:
    """Refuse names that cannot be told apart (case does not count: query engines do not see it), or too many."""
    if len(names) > MAX_COLUMNS:
        raise too_many_columns()
    repeated = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if repeated:
        shown = ", ".join(sorted(name for name in names if name.lower() in repeated)[:6])
        raise DatasetRefusedError(
            Reason.DUPLICATE_COLUMNS, f"Columns have the same name (case does not count): {shown}. Rename them."
        )


def too_many_columns() -> DatasetRefusedError:
    """The refusal of a table that is too wide."""
    return DatasetRefusedError(
        Reason.TOO_MANY_COLUMNS, f"There are more than {MAX_COLUMNS} columns. Upload those that matter."
    )


def check_settings(names: Sequence[str], target: str, settings: "ProjectSettings") -> None:
    """Refuse settings about columns that do not exist, or that take the target for a feature."""
    mentioned: Mapping[str, Sequence[str]] = {
        "columns": list(settings.columns),
        "identity": settings.identity,
        "trusted": settings.trusted,
        "slices": settings.slices,
        "sensitive": settings.sensitive,
        "grids": [name for grid in settings.grids or [] for name in grid.columns or []],
        "forecast": [
            *([settings.forecast.time] if settings.forecast.time else []),
            *(settings.forecast.entity or []),
            *settings.forecast.known,
        ],
    }
    for key, wanted in mentioned.items():
        if absent := [name for name in wanted if name not in names]:
            near = difflib.get_close_matches(absent[0], names, n=1, cutoff=0.5)
            raise DatasetRefusedError(
                Reason.SETTINGS_INVALID,
                f"project.yaml: {key} names {', '.join(absent)}, which is no column of the data"
                + (f"; did you mean {near[0]}?" if near else "."),
            )
        if target in wanted and key in ("slices", "sensitive", "grids", "forecast"):
            raise DatasetRefusedError(
                Reason.SETTINGS_INVALID, f"project.yaml: {key} names {target}, which is the target."
            )
    if settings.columns.get(target) == "drop" or target in settings.identity:
        raise DatasetRefusedError(
            Reason.SETTINGS_INVALID, f"project.yaml: {target} is the target, so it cannot be dropped or be an identity."
        )


def check_rows(rows: int, settings: "ProjectSettings") -> None:
    """Refuse what has no rows, or fewer than the project wants."""
    if rows == 0:
        raise DatasetRefusedError(Reason.HEADER_ONLY, "There are column names but no rows. Add rows under them.")
    if rows < settings.min_rows:
        raise DatasetRefusedError(
            Reason.TOO_FEW_ROWS,
            f"There are {rows} rows; at least {settings.min_rows} are needed (`min_rows` in project.yaml). Add rows.",
        )


def check_schema(names: Sequence[str], before: "TrainingSpec | None") -> None:
    """Refuse a dataset that lost a column from which the champion learned."""
    if before is None:
        return
    if lost := [name for name in _learned_from(before) if name not in names]:
        raise DatasetRefusedError(
            Reason.SCHEMA_CHANGED,
            f"The champion learned from {', '.join(lost[:6])}, which the data no longer has. Restore it, or start a "
            "new project for data of another form.",
        )


def _learned_from(before: "TrainingSpec") -> list[str]:
    if before.forecast is not None:  # which the champion learned from windows
        return [*before.forecast.entity, *before.forecast.channels, *before.forecast.known]
    return [column.name for column in before.columns]


def check_units(
    measured: Sequence[Measured],
    before: "TrainingSpec",
    quantiles: Mapping[str, Sequence[float]],
    trusted: Collection[str],
) -> None:
    """Refuse numbers in another unit than the champion's: quartiles a hundred, a thousand, ... times what they were.

    Args:
        measured: the columns, with their quantiles.
        before: what the champion learned.
        quantiles: those of the columns then, by name.
        trusted: columns whose numbers are right as they are.
    """
    now = {column.name: column.quantiles or () for column in measured}
    for name in _learned_from(before):
        power = _power_between(quantiles.get(name, ()), now.get(name, ()))
        if abs(power) >= LEAST_POWER and name not in trusted:
            times = f"{10 ** abs(power):,} times " + ("what" if power > 0 else "less than what")
            raise DatasetRefusedError(
                Reason.UNIT_CHANGED,
                f"The numbers of {name} are about {times} the champion learned from: another unit, by its look. Write "
                "them in the unit from before, or list the column under `trusted` in project.yaml if they are right.",
            )


def _power_between(before: Sequence[float], now: Sequence[float]) -> int:
    """The power of ten by which all quartiles, of quantiles in the order of `measure`, are larger now; 0 for none."""
    pairs = [(a, b) for a, b in zip(before[1:-1], now[1:-1], strict=False) if abs(a) > _NEAR * (before[-1] - before[0])]
    if len(pairs) < 2 or before[0] == before[-1] or any(a * b <= 0 for a, b in pairs):
        return 0
    logarithms = [math.log10(abs(b)) - math.log10(abs(a)) for a, b in pairs]
    power = round(logarithms[0])
    return power if all(abs(each - power) <= _POWER_ERROR for each in logarithms) else 0


def check_dates(measured: Sequence[Measured], forms: Mapping[str, str]) -> None:
    """Refuse dates whose day and month have changed places since the champion learned: rows would move between parts.

    Args:
        measured: the columns, with the forms that fit all of their values now.
        forms: how times were written then, by column.
    """
    for column in measured:
        then, now = forms.get(column.name), column.datetime_format
        if then and now and is_slashed(then) and is_slashed(now) and order_of(then) != order_of(now):
            first = "the month comes first" if order_of(now) == "%m/%d" else "the day comes first"
            raise DatasetRefusedError(
                Reason.SCHEMA_CHANGED,
                f"In the dates of {column.name} {first} now ({now}), which the champion learned as {then}. Write them "
                "as before, or as YYYY-MM-DD. If the champion took months for days, start a new project.",
            )


def order_of(form: str) -> str:
    """How a form of times begins, such as `%d/%m`."""
    return form[:5]


def is_slashed(form: str) -> bool:
    """Whether days can be taken for months in it."""
    return order_of(form) in ("%d/%m", "%m/%d")


def check_identity(columns: Sequence[Column], before: "Mapping[str, SpecColumn]") -> None:
    """Refuse columns that tell rows apart and are read otherwise than before: their rows would come to other parts.

    Args:
        columns: those of the identity; one without values tells nothing apart, however it is read.
        before: what is known of how they were read, by name.
    """
    for column in columns:
        then = before.get(column.name)
        if then is None or not column.measured.present:
            continue
        kind, why = infer_kind(column.measured)
        as_text = then.kind in ("categorical", "text")
        if column.measured.storage == "number" if as_text else kind != then.kind:
            raise DatasetRefusedError(
                Reason.SCHEMA_CHANGED,
                f"The rows are told apart by {column.name}, which was {then.kind} and is now {kind} "
                f"({why}): rows of the holdout would move into training. Restore it, or start a new project.",
            )


def check_finite(columns: Sequence[Measured]) -> None:
    """Refuse numbers that are infinite or not a number: computations went wrong before the upload."""
    broken = [
        column.name
        for column in columns
        if not all(math.isfinite(bound) for bound in (column.minimum, column.maximum) if bound is not None)
    ]
    if broken:
        raise DatasetRefusedError(
            Reason.NOT_FINITE,
            f"Infinity or NaN stands in {', '.join(broken[:6])}. Leave a cell empty where a value is missing, and "
            "correct what divided by zero.",
        )


def check_features(columns: Sequence[Column]) -> None:
    """Refuse a dataset without anything to learn from."""
    if any(column.used for column in columns):
        return
    reasons = "; ".join(f"{column.name}: {column.why}" for column in columns[:4])
    raise DatasetRefusedError(
        Reason.NO_USABLE_FEATURES,
        f"No column is left to learn from ({reasons or 'the target is the only one'}). Add columns with information.",
    )


def check_leakage(associations: Sequence[Association], target: str, *, classes: bool, trusted: Sequence[str]) -> None:
    """Refuse features that are the target in other words: such a model fails as soon as it is used."""
    limit = CLASSES_GIVEN_AWAY if classes else NUMBERS_GIVEN_AWAY
    leaks = [found.name for found in associations if found.strength > limit and found.name not in trusted]
    if leaks:
        shown = ", ".join(leaks[:6])
        raise DatasetRefusedError(
            Reason.LEAKAGE,
            f"{shown} alone tells {target} almost perfectly, as a copy of it would. Drop it in project.yaml "
            f"(`columns: {{{leaks[0]}: drop}}`), or list it under `trusted` if it is known when predicting.",
        )
