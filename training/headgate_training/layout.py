"""What a network is told of encoded rows before it sees one: where each column lies, and how its values spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate_training.encoding import CYCLES, Encoding

BINS = 16
"""Pieces, at most, that the range of a number is cut into."""
ROWS_OF_A_PIECE = 40
"""Fewer training rows than this say little of a piece."""
NARROWEST = 0.02
"""Width of a piece, at least. The two engines round a scaled number differently by up to 2e-7, and a piece makes that
larger by one over its width."""


@dataclass(frozen=True)
class Place:
    """One raw column: its positions in an encoded row, the first of them the scaled number where there are edges.

    ``edges`` are the ends of the pieces of a number's range, rising; a column that is no number has none.
    """

    at: tuple[int, ...]
    edges: tuple[float, ...] = ()


Layout = Sequence[Place]


def find_layout(encoding: Encoding, encoded: np.ndarray) -> Layout:
    """Where the columns lie in encoded rows [rows, width], and the quantiles of their numbers in these rows."""
    scaled = encoding.scaled
    cycles_at, flags_at = len(scaled), len(scaled) + CYCLES * len(encoding.datetime)
    flagged = [position for position, column in enumerate(scaled) if column.missing]
    places = []
    for position in range(len(scaled)):
        at = [position]
        if (moment := position - len(encoding.numeric)) >= 0:
            at += range(cycles_at + CYCLES * moment, cycles_at + CYCLES * (moment + 1))
        if position in flagged:
            at.append(flags_at + flagged.index(position))
        places.append(Place(tuple(at), _edges(encoded[:, position])))
    start = flags_at + len(flagged)
    for column in encoding.onehot:
        places.append(Place(tuple(range(start, start + column.width))))
        start += column.width
    return places


def _edges(values: np.ndarray) -> tuple[float, ...]:
    """Quantiles of the values, without those that lie closer together than NARROWEST."""
    pieces = max(2, min(BINS, len(values) // ROWS_OF_A_PIECE))
    quantiles = np.unique(np.quantile(values, np.linspace(0, 1, pieces + 1)))
    edges = [float(quantiles[0])]
    for edge in quantiles[1:].tolist():
        if edge - edges[-1] >= NARROWEST:
            edges.append(edge)
    return tuple(edges) if len(edges) > 1 else (edges[0], edges[0] + 1.0)
