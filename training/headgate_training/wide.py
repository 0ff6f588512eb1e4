"""The linear path that families have beside their depth, and where it starts for series.

What comes next in a series is, before all else, a straight line through what came last, and a network that starts from
noise finds that slowly and not exactly. So where there are sequences and a number is asked for, the linear path starts
from ridge regression, and training only adds to it.
"""

import keras
import numpy as np
from keras import layers

from headgate_training.layout import Layout
from headgate_training.members import Columns, Lookup, MembersDense

PENALTIES = np.logspace(-2, 4, 13)
"""Ridge penalties to choose from."""
ROWS, COLUMNS = 20_000, 1_000
"""Rows that ridge regression looks at, the last ones, at most; and columns, beyond which it is left out."""


def wide(encoded: keras.KerasTensor, width: int, outputs: int, members: int, layout: Layout) -> list[keras.KerasTensor]:
    """Scores [members, rows, outputs], to be added up, that are linear in the encoded row [rows, width]."""
    plain = layout.plain(width)
    scores = []
    if plain:
        seen = Columns(plain)(encoded)
        scores.append(MembersDense(members, outputs, gain=0.0, bias=False)(seen))
        if any(grid.kind == "sequence" for grid in layout.grids) and len(plain) <= COLUMNS:
            scores.append(Started(outputs, name=STARTED)(seen))
    if layout.indices:
        looked_up = Lookup(layout.indices, members, outputs)(encoded)
        parts = [looked_up[..., start : start + outputs] for start in range(0, outputs * len(layout.indices), outputs)]
        scores += parts
    return scores


STARTED = "started"


class Started(layers.Layer):
    """A linear map that is not trained: [rows, inputs] to [1, rows, outputs]; nothing before ``start_linear``."""

    def __init__(self, outputs: int, name: str) -> None:
        super().__init__(name=name, trainable=False)
        self.outputs = outputs

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Slopes and a constant."""
        self.kernel = self.add_weight((input_shape[-1] or 1, self.outputs), initializer="zeros", name="kernel")
        self.bias = self.add_weight((self.outputs,), initializer="zeros", name="bias")

    def call(self, seen: keras.KerasTensor) -> keras.KerasTensor:
        """Apply it; members differ in what they add to it."""
        return (keras.ops.matmul(seen, self.kernel) + self.bias)[None]


def start_linear(model: keras.Model, width: int, layout: Layout, encoded: np.ndarray, scores: np.ndarray) -> None:
    """Fit the linear path of ``model``, if it has one to fit, to the scores [rows] that would answer these rows."""
    try:
        started = model.get_layer(STARTED)
    except ValueError:
        return
    seen = encoded[-ROWS:, layout.plain(width)].astype(np.float64)
    slopes, constant = fit_ridge(seen, scores[-ROWS:].astype(np.float64))
    started.kernel.assign(slopes[:, None])
    started.bias.assign([constant])


def fit_ridge(seen: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Slopes [columns] and constant, with the penalty of the least generalised cross-validation error.

    Source: Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter"
    (1979), eq. 2.3, by the singular values of the centred columns.
    """
    middle, mean = seen.mean(axis=0), scores.mean()
    left, values, right = np.linalg.svd(seen - middle, full_matrices=False)
    along = left.T @ (scores - mean)
    outside = max(0.0, float(np.square(scores - mean).sum() - np.square(along).sum()))
    best, best_error = None, np.inf
    for penalty in PENALTIES:
        kept = values**2 / (values**2 + penalty)
        freedom = 1.0 - (1.0 + kept.sum()) / len(scores)
        error = (np.square((1 - kept) * along).sum() + outside) / max(freedom, 1e-3) ** 2
        if error < best_error:
            best, best_error = right.T @ (values / (values**2 + penalty) * along), error
    slopes = np.zeros(seen.shape[1]) if best is None else best
    return slopes, float(mean - middle @ slopes)
