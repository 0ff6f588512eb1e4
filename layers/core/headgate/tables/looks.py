# ruff: noqa: S608 - SQL here is made of numbered columns
"""Which columns are grids: by settings, or by how alike neighbours are in the sample that `measure` keeps."""

from collections.abc import Iterable, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any

from headgate.domain.columns import Measured
from headgate.domain.grids import FoundGrid, Look, candidates, demanded_grid, infer_grid
from headgate.domain.project import ProjectSettings
from headgate.domain.spec import TrainingSpec
from headgate.tables.engine import Engine

_PAIRS = 60
_FACTS_IN_ONE_QUERY = 60


def find_grids(
    engine: Engine,
    measured: Sequence[Measured],
    features: Sequence[Measured],
    settings: ProjectSettings,
    before: TrainingSpec | None,
) -> list[FoundGrid]:
    """The grids among the features: the champion's, or project.yaml's, or what the columns look like.

    Args:
        engine: holds the table `data` and its sample.
        measured: all columns, in their order in `data`.
        features: those that may be part of a grid.
        settings: the project's.
        before: what the champion learned.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when project.yaml names a grid that cannot be.
    """
    if before is not None:
        return [FoundGrid(grid, "as the champion learned it") for grid in before.grids]
    free = [column for column in features if settings.columns.get(column.name) in (None, "numeric")]
    if settings.grids is not None:
        return [demanded_grid(setting, free) for setting in settings.grids]
    by_name = {column.name: column for column in free if column.storage == "number"}
    place = {column.name: index for index, column in enumerate(measured)}
    found: list[FoundGrid] = []
    for candidate in candidates(list(by_name)):
        columns = [by_name[name] for name in candidate.columns]
        look = cache(partial(look_at, engine, [place[name] for name in candidate.columns]))
        if (grid := infer_grid(candidate, columns, look)) is not None:
            found.append(grid)
    return found


def look_at(engine: Engine, indexes: Sequence[int], shape: Sequence[int] | None) -> Look:
    """What the sample says of columns, given in their order by their numbers in `data`.

    Neighbours are compared within a row of the image where a `shape` is known; channels are not neighbours. Constant
    columns, as in the corners of images, say nothing.
    """
    columns = [f"c{index}" for index in indexes]
    stride = shape[2] if shape is not None else 1
    row = shape[1] * stride if shape is not None else len(columns)
    near = [
        (column, columns[at + stride]) for at, column in enumerate(columns) if at % row + stride < row
    ]  # the end of a row and the beginning of the next are far apart
    far = list(zip(columns, columns[len(columns) // 2 :], strict=False))
    wholes = [f"coalesce(bool_and({column} = floor({column})), true)" for column in columns]
    neighbours, strangers = _correlations(near), _correlations(far)
    answers = iter(_answers(engine, [*wholes, *neighbours, *strangers]))
    are_whole = list(islice(answers, len(wholes)))
    return Look(all(are_whole), _mean(islice(answers, len(neighbours))), _mean(answers))


def _correlations(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """SQL for those of some of the pairs, spread evenly over all; null where one does not vary."""
    chosen = islice(pairs, 0, None, max(1, len(pairs) // _PAIRS))
    return [f"CASE WHEN var_pop({a}) > 0 AND var_pop({b}) > 0 THEN corr({a}, {b}) END" for a, b in chosen]


def _answers(engine: Engine, facts: Sequence[str]) -> list[Any]:
    """What the sample says, fact by fact."""
    starts = range(0, len(facts), _FACTS_IN_ONE_QUERY)
    chunks = [", ".join(facts[start : start + _FACTS_IN_ONE_QUERY]) for start in starts]
    return [answer for chunk in chunks for answer in engine.row(f"SELECT {chunk} FROM sampled")]


def _mean(values: Iterable[float | None]) -> float:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else 0.0
