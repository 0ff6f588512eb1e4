"""The fitted preprocessing: one description (encoding.json), carried out here by numpy, and for one row by Python.

``encoding_fit`` learns it, ``encoding_tf`` carries out the same description with TensorFlow; tests hold all of them
together. No TensorFlow is imported here, so that a serving process starts in a tenth of a second.

A row becomes one float32 vector of seven blocks:

1. *scaled*: every numeric column that is in no grid, then every datetime column as days since 1970. Centred on the
   median, divided by the spread (interquartile range / 1.349), passed through asinh where the training values were
   skewed, and bent smoothly into (-3, 3) by ``z / sqrt(1 + (z / 3)^2)`` (Holzmueller et al., "Better by Default",
   2024), so that no value, however wild, can dominate. Missing becomes 0, the median.
2. *cycles*: for every datetime column the sine and cosine of its month, its weekday and its time of day; 0 of those
   that stood still in training (all rows are of one month, no row has a time of day).
3. *missing*: 1 where a value is missing, for columns of block 1 that had missing values in training.
4. *one-hot*: for every column of categories its known values, then "any other" and "missing".
5. *index*: for every column of many categories the number of its value, for a network to look up.
6. *grids*: pixels and steps, centred and divided by the spread of their channel in the whole grid; missing is 0.
7. *words*: what is said of free text (``text``).

A flag ("missing", "any other") exists only if training saw a case of it, and a column of which training saw one case
alone says nothing, whatever comes: a weight that was never trained would answer with noise.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from headgate_training.rows import DATETIME
from headgate_training.spec import GridKind, Spec
from headgate_training.table import RequestError, Table
from headgate_training.text import WordEncoder, Words
from headgate_training.words import TrainingError

FORMAT = 1
BEND = 3.0
"""Where block 1 saturates."""
LIMIT = 1e6
"""Scaled values are cut here first, so that infinities stay finite."""
OTHER, MISSING, KNOWN = 0, 1, 2
"""Numbers of categories; known values start at KNOWN, the commonest first."""
GRID_LIMIT = 30.0
"""Scaled pixels and steps are cut here. They are not bent: what comes next in a series goes on in a straight line."""
UNTOLD = float(np.finfo(np.float64).max)
"""Spread of a column that had one value in training: every other is as good as that."""
CYCLES = 6
"""Numbers for each datetime column in block 2."""


@dataclass(frozen=True)
class Scaled:
    """How a numeric or datetime column is scaled."""

    name: str
    center: float
    spread: float
    asinh: bool
    missing: bool
    still: tuple[int, ...] = ()
    """Which cycles of a datetime stood still in training: 0 is the year's, 1 the week's, 2 the day's."""

    @property
    def moving(self) -> np.ndarray:
        """1 for sines and then cosines of the other cycles: [CYCLES]."""
        return np.array([number not in self.still for number in range(CYCLES // 2)] * 2, np.float64)


@dataclass(frozen=True)
class OneHot:
    """The values of a categorical or boolean column that have a place of their own."""

    name: str
    values: tuple[str, ...]
    other: bool
    missing: bool

    @property
    def width(self) -> int:
        """Places that this column takes in block 4."""
        return len(self.values) + self.other + self.missing


@dataclass(frozen=True)
class Index:
    """A column of many categories: the values that have a number of their own, commonest first."""

    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> int:
        """Numbers that an encoded row may hold: OTHER, MISSING and those of the values."""
        return KNOWN + len(self.values)


@dataclass(frozen=True)
class GridScaled:
    """How the pixels or steps of a grid are scaled: centre and spread of each channel."""

    name: str
    kind: GridKind
    shape: tuple[int, ...]
    columns: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True)
class Unit:
    """What a network's numbers are of the target: ``zero + one * number``. Of classes they are what they are.

    Networks count in 32 bits, of which a target of large numbers that differ little (moments in seconds) would leave
    nothing; so they answer in a unit of about 1, and both engines translate that in 64 bits.
    """

    zero: float = 0.0
    one: float = 1.0

    def of(self, outputs: np.ndarray) -> np.ndarray:
        """The target's own numbers for those of the network."""
        return outputs if self == Unit() else self.zero + self.one * outputs.astype(np.float64)


@dataclass(frozen=True)
class Encoding:
    """The description itself: what encoding.json holds, columns in the order of the spec."""

    numeric: tuple[Scaled, ...]
    datetime: tuple[Scaled, ...]
    onehot: tuple[OneHot, ...]
    index: tuple[Index, ...] = ()
    grids: tuple[GridScaled, ...] = ()
    words: tuple[Words, ...] = ()
    unit: Unit = Unit()

    @property
    def scaled(self) -> tuple[Scaled, ...]:
        """The columns of block 1."""
        return self.numeric + self.datetime

    @property
    def width(self) -> int:
        """Length of an encoded row."""
        flags = sum(column.missing for column in self.scaled)
        onehot = sum(column.width for column in self.onehot)
        rest = len(self.index) + sum(len(grid.columns) for grid in self.grids) + sum(text.width for text in self.words)
        return len(self.scaled) + CYCLES * len(self.datetime) + flags + onehot + rest

    def save(self, path: Path) -> None:
        """Write encoding.json."""
        text = json.dumps({"format": FORMAT, "width": self.width} | asdict(self), ensure_ascii=False, indent=1)
        path.write_text(text, encoding="utf-8")


def load_encoding(path: Path) -> Encoding:
    """Read encoding.json; raises TrainingError for one of another format."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    if raw["format"] != FORMAT:
        raise TrainingError(f"encoding.json has format {raw['format']!r}, but this code reads format {FORMAT}.")
    kinds: Mapping[str, Callable[..., Any]] = {
        "numeric": Scaled,
        "datetime": Scaled,
        "onehot": OneHot,
        "index": Index,
        "grids": GridScaled,
        "words": Words,
    }
    # Models that are out know the first three alone, and no unit.
    return Encoding(
        **{block: tuple(_described(kind, one) for one in raw.get(block, ())) for block, kind in kinds.items()},
        unit=Unit(**raw.get("unit", {})),
    )


def _described(kind: Callable[..., Any], raw: Mapping[str, object]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()})


def parse_datetimes(name: str, values: Sequence[str]) -> np.ndarray:
    """ISO datetimes as float64 [rows, 4]: days since 1970, month 0-11, weekday 0-6 (Monday 0), part of day.

    Missing ("") is NaN throughout. Raises RequestError for a value that is not YYYY-MM-DD[THH:MM[:SS]].
    """
    parsed = np.full((len(values), 4), np.nan)
    for row, value in enumerate(values):
        if not value:
            continue
        try:
            if not re.fullmatch(DATETIME, value):
                raise ValueError
            moment = datetime.fromisoformat(value[:19].removesuffix("Z"))
        except ValueError:
            raise RequestError(
                f"Column {name!r} in row {row + 1} takes a datetime like 2026-01-31T08:30:00 (no time zone)."
            ) from None
        part = (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400
        parsed[row] = (moment.toordinal() - 719163 + part, moment.month - 1, moment.weekday(), part)
    return parsed


class Encoder:
    """Carries out an encoding for one row or for many: plain Python for one, numpy for many.

    For a single row numpy takes about twice as long as Python: each of its calls costs more than the arithmetic in it.
    """

    def __init__(self, encoding: Encoding, spec: Spec) -> None:
        self.width = encoding.width
        names = spec.text_names
        self._datetime = [(names.index(column.name), column.name, column.moving) for column in encoding.datetime]
        self._scaled = [(column.center, column.spread, column.asinh) for column in encoding.scaled]
        self._center = np.array([column.center for column in encoding.scaled])
        self._spread = np.array([column.spread for column in encoding.scaled])
        self._asinh = [i for i, column in enumerate(encoding.scaled) if column.asinh]
        self._flagged = [i for i, column in enumerate(encoding.scaled) if column.missing]
        self._cycles_at = len(encoding.scaled)
        self._flags_at = self._cycles_at + CYCLES * len(encoding.datetime)
        self._place_scaled(encoding, spec)
        at = self._place_categories(encoding, names)
        self._place_grids(encoding, spec, at)
        at += sum(len(grid.columns) for grid in encoding.grids)
        self._words = []
        for text in encoding.words:
            self._words.append((names.index(text.name), WordEncoder(text), slice(at, at + text.width)))
            at += text.width

    def _place_scaled(self, encoding: Encoding, spec: Spec) -> None:
        numeric = spec.numeric_names
        # None: the numbers of a table are what is scaled, as they are.
        self._numeric = [numeric.index(column.name) for column in encoding.numeric] if encoding.grids else None

    def _place_categories(self, encoding: Encoding, names: Sequence[str]) -> int:
        """The positions of blocks 4 and 5; return their end."""
        self._onehot: list[tuple[int, dict[str, int], int]] = []
        at = self._flags_at + len(self._flagged)
        for column in encoding.onehot:
            places = {value: at + i for i, value in enumerate(column.values)}
            other = at + len(column.values) if column.other else -1
            places[""] = at + column.width - 1 if column.missing else -1
            self._onehot.append((names.index(column.name), places, other))
            at += column.width
        self._index: list[tuple[int, dict[str, int], int]] = []
        for many in encoding.index:
            numbers = {value: number for number, value in enumerate(many.values, start=KNOWN)} | {"": MISSING}
            self._index.append((names.index(many.name), numbers, at))
            at += 1
        return at

    def _place_grids(self, encoding: Encoding, spec: Spec, at: int) -> None:
        """The positions of block 6, with the centre and the spread of each."""
        places = {name: place for place, name in enumerate(spec.numeric_names)}
        self._cells = [places[name] for grid in encoding.grids for name in grid.columns]
        self._cells_at = slice(at, at + len(self._cells))
        counts = [len(grid.columns) // grid.shape[-1] for grid in encoding.grids]
        # Rows are in row-major order, so that channels change fastest.
        self._cell_center = np.array(
            [c for grid, n in zip(encoding.grids, counts, strict=True) for c in grid.center * n]
        )
        self._cell_spread = np.array(
            [s for grid, n in zip(encoding.grids, counts, strict=True) for s in grid.spread * n]
        )

    def encode(self, table: Table) -> np.ndarray:
        """Encode a table to float32 [rows, width]; raises RequestError for text that is no datetime."""
        numbers = table.numbers if self._numeric is None else table.numbers[:, self._numeric]
        # One spare place at the end takes what has no place of its own (-1), and is cut off.
        encoded = np.zeros((len(numbers), self.width + 1), dtype=np.float32)
        for i, (position, name, moving) in enumerate(self._datetime):
            moments = parse_datetimes(name, table.texts[position])
            numbers = np.column_stack([numbers, moments[:, 0]])
            at = self._cycles_at + CYCLES * i
            encoded[:, at : at + CYCLES] = _cycles(moments) * moving
        if len(numbers) == 1:
            self._encode_one(encoded[0], numbers[0].tolist(), table.texts)
        else:
            self._encode_many(encoded, numbers, table.texts)
        for position, known, at in self._index:
            encoded[:, at] = [known.get(value, OTHER) for value in table.texts[position]]
        if self._cells:
            with np.errstate(over="ignore", invalid="ignore"):
                cells = (table.numbers[:, self._cells] - self._cell_center) / self._cell_spread
            encoded[:, self._cells_at] = np.nan_to_num(np.clip(cells, -GRID_LIMIT, GRID_LIMIT), copy=False)
        for position, words, places in self._words:
            words.encode(table.texts[position], encoded[:, places])
        return encoded[:, :-1]

    def _encode_one(self, encoded: np.ndarray, numbers: list[float], texts: Sequence[Sequence[str]]) -> None:
        scaled = []
        for number, (center, spread, asinh) in zip(numbers, self._scaled, strict=True):
            z = (number - center) / spread
            if not -LIMIT <= z <= LIMIT:
                z = 0.0 if math.isnan(z) else math.copysign(LIMIT, z)
            if asinh:
                z = math.asinh(z)
            part = z / BEND
            scaled.append(z / math.sqrt(1.0 + part * part))
        encoded[: self._cycles_at] = scaled
        for at, column in enumerate(self._flagged, start=self._flags_at):
            encoded[at] = math.isnan(numbers[column])
        for position, places, other in self._onehot:
            encoded[places.get(texts[position][0], other)] = 1.0

    def _encode_many(self, encoded: np.ndarray, numbers: np.ndarray, texts: Sequence[Sequence[str]]) -> None:
        missing = np.isnan(numbers)
        with np.errstate(over="ignore"):
            scaled = (numbers - self._center) / self._spread
        scaled[missing] = 0.0
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
        scaled[:, self._asinh] = np.arcsinh(scaled[:, self._asinh])
        encoded[:, : self._cycles_at] = scaled / np.sqrt(1.0 + np.square(scaled / BEND))
        encoded[:, self._flags_at : self._flags_at + len(self._flagged)] = missing[:, self._flagged]
        rows = np.arange(len(encoded))
        for position, places, other in self._onehot:
            encoded[rows, [places.get(value, other) for value in texts[position]]] = 1.0


def _cycles(moments: np.ndarray) -> np.ndarray:
    angles = moments[:, 1:] * (2 * np.pi / np.array([12.0, 7.0, 1.0]))
    return np.nan_to_num(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))
