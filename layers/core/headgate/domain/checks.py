"""Rules on a dataset as a whole: names, rows, features, and features that give the answer away."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.domain.columns import Column, Measured
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

if TYPE_CHECKING:  # reading a table needs no settings, whose model takes a while to import
    from headgate.domain.project import ProjectSettings
    from headgate.domain.spec import TrainingSpec

MAX_COLUMNS = 1000
CLASSES_GIVEN_AWAY = 0.995
NUMBERS_GIVEN_AWAY = 0.9999


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
    learned = [column.name for column in before.columns]
    if before.forecast is not None:  # which the champion learned from windows
        learned = [*before.forecast.entity, *before.forecast.channels, *before.forecast.known]
    if lost := [name for name in learned if name not in names]:
        raise DatasetRefusedError(
            Reason.SCHEMA_CHANGED,
            f"The champion learned from {', '.join(lost[:6])}, which the data no longer has. Restore it, or start a "
            "new project for data of another form.",
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
