"""Which numeric columns are the pixels of an image or the steps of a sequence, and not so many separate facts."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from headgate.domain.columns import Measured
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason
from headgate.domain.spec import Grid

if TYPE_CHECKING:
    from headgate.domain.project import GridSettings

FEWEST_STEPS = 8
SMALLEST_SIDE = 8
"""Of an image whose columns are only numbered; where rows and columns are told, FEWEST_SIDE is enough."""
FEWEST_SIDE = 4
WHITES = (1, 15, 16, 100, 255)
_NUMBERED = re.compile(r"(.*?)(\d+)")
_PLACED = re.compile(r"(.*?)(\d+)[_x, .:-](\d+)(?:[_x, .:-](\d+))?")
_ALIKE = {"image": 0.2, "sequence": 0.5}
"""How much neighbours have to have in common: their mean correlation."""
_NEARER = 0.7
"""What neighbours do not have in common is at most this share of what columns far apart do not."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Columns of one prefix with numbers that run on, in their order; `shape` where the names tell places."""

    prefix: str
    columns: tuple[str, ...]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a sample says of a candidate: mean correlations of neighbours and of columns far apart."""

    whole_numbers: bool
    neighbours: float
    distant: float

    def is_smooth(self, kind: Literal["image", "sequence"]) -> bool:
        """Whether neighbours are alike, and clearly more so than columns far apart."""
        return self.neighbours >= _ALIKE[kind] and 1 - self.neighbours <= _NEARER * (1 - self.distant)


@dataclass(frozen=True, slots=True)
class FoundGrid:
    """A grid and the reason for it."""

    grid: Grid
    why: str


def candidates(names: Sequence[str]) -> list[Candidate]:
    """Groups of names that may be grids: `pixel_0_0` to `pixel_7_7`, `1x1` to `28x28`, `p0` to `p63`, `t1` to `t24`."""
    placed: dict[str, dict[tuple[int, ...], str]] = {}
    numbered: dict[str, dict[int, str]] = {}
    for name in names:
        if match := _PLACED.fullmatch(name):
            place = tuple(int(step) for step in match.groups()[1:] if step is not None)
            placed.setdefault(match[1], {})[place] = name
        elif match := _NUMBERED.fullmatch(name):
            numbered.setdefault(match[1], {})[int(match[2])] = name
    found = []
    for prefix, places in placed.items():
        if shape := _filled(list(places)):
            found.append(Candidate(prefix, tuple(places[place] for place in sorted(places)), shape))
    for prefix, steps in numbered.items():
        if len(steps) >= FEWEST_STEPS and max(steps) - min(steps) + 1 == len(steps):
            found.append(Candidate(prefix, tuple(steps[step] for step in sorted(steps))))
    return found


def infer_grid(
    candidate: Candidate, measured: Sequence[Measured], look: Callable[[tuple[int, ...] | None], Look]
) -> FoundGrid | None:
    """The grid that a candidate is, if it is one. `measured` are its columns; `look` is asked only where it matters."""
    if any(column.storage != "number" or column.present == 0 for column in measured):
        return None
    name, columns = _name(candidate.prefix), list(candidate.columns)
    if (
        (shape := _image_shape(candidate, measured))
        and (seen := look(tuple(shape))).whole_numbers
        and seen.is_smooth("image")
    ):
        high = _white(measured)
        size = " x ".join(map(str, shape))
        why = f"{len(columns)} columns {columns[0]} to {columns[-1]} hold whole numbers of 0 to {high:g} in a square"
        return FoundGrid(
            Grid(name=name, kind="image", shape=shape, columns=columns, high=high), f"{why}: {size} (row by row)"
        )
    if candidate.shape is None and look(None).is_smooth("sequence"):
        why = f"{len(columns)} columns {columns[0]} to {columns[-1]} run on, and neighbours are alike"
        return FoundGrid(Grid(name=name, kind="sequence", shape=[len(columns), 1], columns=columns), why)
    return None


def demanded_grid(setting: "GridSettings", measured: Sequence[Measured]) -> FoundGrid:
    """The grid that project.yaml names.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when the columns are not there, hold no numbers, or do not fill the shape.
    """
    by_name = {column.name: column for column in measured}
    columns = setting.columns or _with_prefix(setting.prefix or "", list(by_name))
    shape = [*setting.shape] + [1] * ((3 if setting.kind == "image" else 2) - len(setting.shape))
    if len(set(columns)) != math.prod(shape) or len(columns) != math.prod(shape):
        places = " x ".join(map(str, shape))
        raise _invalid(setting.name, f"has {places} = {math.prod(shape)} places, but there are {len(columns)} columns")
    if wrong := [name for name in columns if by_name[name].storage != "number"]:
        raise _invalid(setting.name, f"takes numbers, and {', '.join(wrong[:6])} holds something else")
    if empty := [name for name in columns if not by_name[name].present]:
        raise _invalid(setting.name, f"takes numbers, and {', '.join(empty[:6])} is empty")
    high = _white([by_name[name] for name in columns]) if setting.kind == "image" else None
    grid = Grid(name=setting.name, kind=setting.kind, shape=shape, columns=columns, high=high)
    return FoundGrid(grid, "project.yaml says so")


def _with_prefix(prefix: str, names: Sequence[str]) -> list[str]:
    rests = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    numbers = {
        name: tuple(map(int, re.findall(r"\d+", rest))) for name, rest in rests.items() if re.search(r"\d", rest)
    }
    return sorted(numbers, key=lambda name: numbers[name])


def _image_shape(candidate: Candidate, measured: Sequence[Measured]) -> list[int] | None:
    if not all(column.missing == 0 and column.minimum is not None and column.minimum >= 0 for column in measured):
        return None
    if not 2 <= max(column.maximum or 0 for column in measured) <= WHITES[-1]:
        return None
    if candidate.shape is not None:
        shape = [*candidate.shape, 1][:3]
        return shape if min(shape[:2]) >= FEWEST_SIDE and shape[2] in (1, 3) else None
    for channels in (1, 3):
        side = math.isqrt(len(measured) // channels)
        if side >= SMALLEST_SIDE and side * side * channels == len(measured):
            return [side, side, channels]
    return None


def _filled(places: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape of a box whose every place is there once, or None."""
    if len({len(place) for place in places}) != 1 or len(places) < FEWEST_SIDE**2:
        return None
    shape = tuple(max(axis) - min(axis) + 1 for axis in zip(*places, strict=True))
    return shape if math.prod(shape) == len(places) else None


def _white(measured: Sequence[Measured]) -> float:
    """What a white pixel holds: the least usual one that no value exceeds."""
    highest = max(column.maximum or 0 for column in measured)
    return float(next((white for white in WHITES if white >= highest), highest))


def _name(prefix: str) -> str:
    return prefix.strip("_ .-[(:x") or "grid"


def _invalid(name: str, what: str) -> DatasetRefusedError:
    return DatasetRefusedError(Reason.SETTINGS_INVALID, f"project.yaml: the grid {name} {what}.")
