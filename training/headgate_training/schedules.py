"""The course of the learning rate over a training, step by step, as a share of the rate that was asked for.

``constant`` stays; ``cosine`` falls to nothing along half a wave (Loshchilov and Hutter, 2017); ``warmup`` rises over
the first steps and then falls so. All of them reach over all epochs that training may have: one that ends early has
seen the beginning of its course only, and the finish has a falling course of its own.
"""

from collections.abc import Callable, Mapping

import numpy as np

WARMUP = 0.05
"""Share of all steps in which the rate rises."""


def _constant(done: np.ndarray) -> np.ndarray:
    return np.ones_like(done)


def _cosine(done: np.ndarray) -> np.ndarray:
    return (1 + np.cos(np.pi * done)) / 2


def _warmup(done: np.ndarray) -> np.ndarray:
    return np.where(done < WARMUP, done / WARMUP, _cosine((done - WARMUP) / (1 - WARMUP)))


SCHEDULES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": _constant,
    "cosine": _cosine,
    "warmup": _warmup,
}
"""Shares of the rate by the name of the course, for shares of all steps that are done (both in 0 to 1)."""


def rates(schedule: str, learning_rate: float, epoch: int, epochs: int, steps: int) -> np.ndarray:
    """Learning rates float32 [steps] of one epoch, counted from 1; of a step it is that in its middle."""
    done = (np.arange(steps) + (epoch - 1) * steps + 0.5) / (epochs * steps)
    return (learning_rate * SCHEDULES[schedule](done)).astype(np.float32)
