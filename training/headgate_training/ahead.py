"""The straight line that forecasts start from: how the next value differs from the past one that repeats best.

It is drawn twice (decision 0008): in the unit of the series, and in shares of the window's level, since some series
move by amounts and others by per cent. The answer is the mean of both, which is linear in the window and, times the
level, in what stands beside it. There stand overtones of the year, the week and the day, too: December is not half way
between summer and next summer.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from headgate_training.encoding import Encoding
from headgate_training.heads import Head
from headgate_training.ridge import fit_ridge
from headgate_training.spec import Spec

LEAST_LEVEL = 0.05
"""Of a window, in units of the spread of all: one of nothing has a level, too."""
SHARE = 0.3
"""Of the level: a difference as large counts for the penalty like one as large as the spread of all."""


def overtones(sine: Any, cosine: Any, count: int) -> list[Any]:
    """Sines and cosines of an angle's multiples, from twice to ``count`` times the angle; of arrays or tensors."""
    found: list[Any] = []
    tones = sine, cosine
    for _ in range(count - 1):
        tones = (tones[0] * cosine + tones[1] * sine, tones[1] * cosine - tones[0] * sine)
        found += tones
    return found


@dataclass(frozen=True)
class Past:
    """How cells of the target's own past are scores: ``zero + unit * cell``. ``middle`` is 0 of the series, negated."""

    zero: float
    unit: float
    middle: float

    @classmethod
    def of(cls, spec: Spec, encoding: Encoding, head: Head) -> Self | None:
        """From the scales of the window; None of what is no forecast."""
        if spec.forecast is None:
            return None
        grid = next((grid for grid in encoding.grids if spec.past(1) in grid.columns), None)
        if grid is None or grid.columns[-grid.shape[-1]] != spec.past(1):
            return None
        center, spread = grid.center[0], grid.spread[0]
        zero, one = head.prepare(np.array([center, center + spread])).tolist()
        return cls(zero, one - zero, center / spread)


@dataclass(frozen=True)
class Line:
    """Scores are ``cells . window + slopes . others + constant + level * (swings . others + swing)``."""

    cells: np.ndarray
    slopes: np.ndarray
    constant: float
    swings: np.ndarray
    swing: float


def choose_ago(window: np.ndarray, scores: np.ndarray, past: Past) -> int:
    """Which of the steps in windows [rows, steps, channels] repeats best, the last one being 1."""
    errors = np.square(past.zero + past.unit * window[:, :, 0] - scores[:, None]).mean(axis=0)
    return len(errors) - int(np.argmin(errors))


def level_of(window: np.ndarray, past: Past) -> np.ndarray:
    """The mean size of the target in each window [rows]."""
    level: np.ndarray = np.abs(window[:, :, 0] + past.middle).mean(axis=1) + LEAST_LEVEL
    return level


def draw_line(window: np.ndarray, others: np.ndarray, scores: np.ndarray, past: Past, ago: int) -> Line:
    """Fit both lines to windows [rows, steps, channels] and what stands beside them [rows, columns]; their mean."""
    rows, steps, channels = window.shape
    moves = (window - window[:, -ago : steps - ago + 1]).reshape(rows, -1)
    difference = (scores - past.zero) / past.unit - window[:, -ago, 0]
    inputs = moves.shape[1]
    amounts, constant = fit_ridge(np.column_stack([moves, others]), difference)
    size = SHARE * level_of(window, past)
    shares, swing = fit_ridge(np.column_stack([moves / size[:, None], others]), difference / size)
    cells = ((amounts + shares) / 2)[:inputs].reshape(steps, channels)
    # What is measured from the repeated value comes back to it.
    cells[-ago] -= cells.sum(axis=0)
    cells[-ago, 0] += 1.0
    return Line(
        past.unit * cells.reshape(-1),
        past.unit * amounts[inputs:] / 2,
        past.unit * constant / 2 + past.zero,
        past.unit * SHARE * shares[inputs:] / 2,
        past.unit * SHARE * swing / 2,
    )
