"""What a network is told of encoded rows before it sees one: where each column lies, and how its values spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate_training.encoding import CYCLES, Encoding
from headgate_training.spec import Forecast, GridKind
from headgate_training.text import KNOWN

DAY = 86_400
"""Seconds."""
OVERTONES = (6, 3, 6)
"""Of the year, the week and the day: as many as tell twelve months and seven days apart."""
BINS = 16
"""Pieces, at most, that the range of a number is cut into."""
ROWS_OF_A_PIECE = 40
"""Fewer training rows than this say little of a piece."""
NARROWEST = 0.02
"""Width of a piece, at least. The two engines round a scaled number differently by up to 2e-7, and a piece makes that
larger by one over its width."""


@dataclass(frozen=True)
class Place:
    """One column: its positions in an encoded row, the first of them the scaled number where there are edges.

    ``edges`` are the ends of the pieces of a number's range, rising; a column that is no number has none.
    """

    at: tuple[int, ...]
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class IndexPlace:
    """A column of many categories: the position of its number, which is less than ``size``."""

    at: int
    size: int


@dataclass(frozen=True)
class GridPlace:
    """Pixels [height, width, channels] or steps [steps, channels], row-major from position ``start`` on."""

    kind: GridKind
    shape: tuple[int, ...]
    start: int

    @property
    def at(self) -> range:
        """All positions of the grid."""
        return range(self.start, self.start + math.prod(self.shape))


@dataclass(frozen=True)
class TextPlace:
    """Free text: the positions of its bag (with the flag for no text) and of its tokens, numbers less than ``size``."""

    bag: range
    tokens: range
    size: int


@dataclass(frozen=True)
class Cycle:
    """Where the sine and the cosine of a year, a week or a day lie, and how many overtones tell its moments apart."""

    sine: int
    cosine: int
    overtones: int


@dataclass(frozen=True)
class Layout:
    """All that lies in an encoded row. ``places`` are the columns that are neither in a grid nor looked up nor text."""

    places: Sequence[Place] = ()
    indices: Sequence[IndexPlace] = ()
    grids: Sequence[GridPlace] = ()
    texts: Sequence[TextPlace] = ()
    unread: Sequence[int] = ()
    """Positions that no family is to read."""
    cycles: Sequence[Cycle] = ()
    """Of moments that are forecast: what repeats."""

    @property
    def has_pieces(self) -> bool:
        """Whether any number is to be cut into pieces."""
        return any(place.edges for place in self.places)

    def plain(self, width: int) -> list[int]:
        """Positions of an encoded row that a dense layer may read as they are: no numbers to be looked up."""
        others = {place.at for place in self.indices}.union(self.unread, *(place.tokens for place in self.texts))
        return [position for position in range(width) if position not in others]

    def beside_grids(self, width: int) -> list[int]:
        """Those of ``plain`` that are in no grid."""
        cells = set().union(*(grid.at for grid in self.grids))
        return [position for position in self.plain(width) if position not in cells]


NOTHING_KNOWN = Layout()


def find_layout(encoding: Encoding, encoded: np.ndarray, forecast: Forecast | None = None) -> Layout:
    """Where the columns lie in encoded rows [rows, width], and the quantiles of their numbers in these rows.

    Rows that a ``forecast`` is asked for are later than all of these: how late it is nobody can learn from, and it is
    not read. Nor is what its steps leave to chance: the weekday of months, the hour of days.
    """
    scaled = encoding.scaled
    cycles_at, flags_at = len(scaled), len(scaled) + CYCLES * len(encoding.datetime)
    flagged = [position for position, column in enumerate(scaled) if column.missing]
    places, unread, cycles = [], [], []
    for position in range(len(scaled)):
        at = [position]
        if (moment := position - len(encoding.numeric)) >= 0:
            at += range(cycles_at + CYCLES * moment, cycles_at + CYCLES * (moment + 1))
        if position in flagged:
            at.append(flags_at + flagged.index(position))
        if forecast is not None and moment >= 0:
            kept = _live_cycles(forecast)
            cycles += [Cycle(at[1 + number], at[1 + len(OVERTONES) + number], OVERTONES[number]) for number in kept]
            idle = {number for number in range(len(OVERTONES)) if number not in kept}
            late = [position, *(at[1 + half + number] for half in (0, len(OVERTONES)) for number in idle)]
            unread += late
            places.append(Place(tuple(each for each in at if each not in late)))
        else:
            places.append(Place(tuple(at), _edges(encoded[:, position])))
    start = flags_at + len(flagged)
    for column in encoding.onehot:
        if column.width:
            places.append(Place(tuple(range(start, start + column.width))))
        start += column.width
    indices = [IndexPlace(start + number, column.size) for number, column in enumerate(encoding.index)]
    start += len(indices)
    grids, texts = [], []
    for grid in encoding.grids:
        grids.append(GridPlace(grid.kind, grid.shape, start))
        start += len(grid.columns)
    for text in encoding.words:
        tokens = range(start + text.bag_width, start + text.width)
        texts.append(TextPlace(range(start, tokens.start), tokens, KNOWN + len(text.words)))
        start = tokens.stop
    return Layout(places, indices, grids, texts, unread, cycles)


def _live_cycles(forecast: Forecast) -> tuple[int, ...]:
    """Which of the year (0), the week (1) and the day (2) steps of a forecast go through."""
    unit, count = forecast.every or ("", 0)
    if unit == "month":
        return (0,)
    if unit == "second" and count % DAY == 0:
        return (0,) if count % (7 * DAY) == 0 else (0, 1)
    return (0, 1, 2)


def _edges(values: np.ndarray) -> tuple[float, ...]:
    """Quantiles of the values, without those that lie closer together than NARROWEST."""
    pieces = max(2, min(BINS, len(values) // ROWS_OF_A_PIECE))
    quantiles = np.unique(np.quantile(values, np.linspace(0, 1, pieces + 1)))
    edges = [float(quantiles[0])]
    for edge in quantiles[1:].tolist():
        if edge - edges[-1] >= NARROWEST:
            edges.append(edge)
    return tuple(edges) if len(edges) > 1 else (edges[0], edges[0] + 1.0)
