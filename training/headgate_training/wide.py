"""The linear path that families have beside their depth, and where it starts for series.

What comes next in a series is, before all else, a straight line through what came last, and a network that starts from
noise finds that slowly and not exactly. So where there are sequences and a number is asked for, the linear path starts
from ridge regression, and training only adds to it. Before the finish the line of a forecast is laid anew, through all
rows: the newest ones say most of what comes next. And where depth adds nothing that the validation part can see, the
line answers alone.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from headgate_training.ahead import LEAST_LEVEL, Line, Past, choose_ago, draw_line, overtones
from headgate_training.heads import Head
from headgate_training.layout import Layout
from headgate_training.members import Columns, Lookup, MembersDense, Sum
from headgate_training.passes import in_pieces
from headgate_training.ridge import fit_ridge

ROWS, COLUMNS = 20_000, 1_000
"""Rows that ridge regression looks at, the last ones, at most; and columns, beyond which it is left out."""
SURE = 1.645
"""Standard errors that depth has to be better than the line by: 95 % of a normal distribution lie below."""


def add_up(
    deep: keras.KerasTensor, encoded: keras.KerasTensor, width: int, members: int, layout: Layout
) -> keras.KerasTensor:
    """The scores [members, rows, outputs] of the deep path, and those that are linear in the encoded row."""
    outputs, plain = deep.shape[-1], layout.plain(width)
    scores = [deep]
    if plain:
        scores.append(MembersDense(members, outputs, gain=0.0, bias=False)(Columns(plain)(encoded)))
    if layout.indices:
        looked_up = Lookup(layout.indices, members, outputs)(encoded)
        parts = [looked_up[..., start : start + outputs] for start in range(0, outputs * len(layout.indices), outputs)]
        scores += parts
    total = Sum()(scores) if len(scores) > 1 else deep
    if plain and len(plain) <= COLUMNS and any(grid.kind == "sequence" for grid in layout.grids):
        return Started(width, outputs, layout)([encoded, total])
    return total


class Started(layers.Layer):
    """A line that is fitted and not trained, with what is learnt beside it: [encoded rows, scores] to scores.

    Encoded rows are [rows, width], scores [members, rows, outputs]; nothing is added to these before it is fitted.
    The line is through the cells of the first sequence and through what else is plain, and, times the level of the
    window, once more through the latter. ``share`` is 1, or 0 where the line is better alone.
    """

    def __init__(self, width: int, outputs: int, layout: Layout) -> None:
        super().__init__(trainable=False)
        self.outputs, self.cycles = outputs, layout.cycles
        self.grid = next(grid for grid in layout.grids if grid.kind == "sequence")
        self.beside = [position for position in layout.plain(width) if position not in self.grid.at]
        self._past: Past | None = None
        self._ago = 0

    def build(self, _: list[tuple[int | None, ...]]) -> None:
        """The weights of the line."""
        others = len(self.beside) + sum(2 * (cycle.overtones - 1) for cycle in self.cycles)

        def weights(*shape: int, name: str, start: str = "zeros") -> keras.Variable:
            return self.add_weight(shape, initializer=start, name=name)

        self.cells = weights(len(self.grid.at), self.outputs, name="cells")
        self.slopes, self.swings = (weights(others, self.outputs, name=name) for name in ("slopes", "swings"))
        self.constant, self.swing = (weights(self.outputs, name=name) for name in ("constant", "swing"))
        self.middle, self.share = weights(name="middle"), weights(name="share", start="ones")

    def call(self, both: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Add it up; members differ in what they add to the line."""
        encoded, learnt = both
        window = encoded[:, self.grid.at.start : self.grid.at.stop]
        own = ops.reshape(window, (-1, *self.grid.shape))[:, :, 0]
        level = ops.mean(ops.absolute(own + self.middle), axis=1, keepdims=True) + LEAST_LEVEL
        line, swing = ops.matmul(window, self.cells) + self.constant, self.swing
        others = self._overtones(encoded)
        if self.beside:
            others = [Columns(self.beside)(encoded), *others]
        if others:
            known = ops.concatenate(others, axis=1)
            line, swing = line + ops.matmul(known, self.slopes), ops.matmul(known, self.swings) + swing
        return learnt * self.share + (line + level * swing)[None]

    @property
    def goes_ahead(self) -> bool:
        """Whether it was laid for a forecast."""
        return self._past is not None

    def start(self, encoded: np.ndarray, scores: np.ndarray, past: Past | None) -> None:
        """Lay the line for the first time; of a forecast with the ``past`` of its target."""
        self._past = past
        if past is not None:
            self._ago = choose_ago(self._window(encoded), scores, past)
            self.middle.assign(past.middle)
        self.fit(encoded, scores)

    def fit(self, encoded: np.ndarray, scores: np.ndarray) -> None:
        """Lay the line through the scores [rows] that would answer these rows, of which the last ones count."""
        encoded, scores = encoded[-ROWS:].astype(np.float64), scores[-ROWS:].astype(np.float64)
        window, others = self._window(encoded), np.column_stack([encoded[:, self.beside], *self._overtones(encoded)])
        if self._past is None:
            cells = window.reshape(len(window), -1)
            slopes, constant = fit_ridge(np.column_stack([cells, others]), scores)
            count = cells.shape[1]
            line = Line(slopes[:count], slopes[count:], constant, np.zeros(others.shape[1]), 0.0)
        else:
            line = draw_line(window, others, scores, self._past, self._ago)
        self.cells.assign(line.cells[:, None])
        self.slopes.assign(line.slopes[:, None])
        self.constant.assign([line.constant])
        self.swings.assign(line.swings[:, None])
        self.swing.assign([line.swing])

    def _window(self, encoded: np.ndarray) -> np.ndarray:
        return encoded[:, self.grid.at].reshape(len(encoded), *self.grid.shape)

    def _overtones(self, encoded: Any) -> list[Any]:
        """Each [rows, 1]."""
        return [
            tone
            for cycle in self.cycles
            for tone in overtones(
                encoded[:, cycle.sine : cycle.sine + 1], encoded[:, cycle.cosine : cycle.cosine + 1], cycle.overtones
            )
        ]


def start_linear(model: keras.Model, encoded: np.ndarray, scores: np.ndarray, past: Past | None) -> None:
    """Fit the linear path of ``model``, if it has one to fit, to the scores [rows] that would answer these rows."""
    for layer in model.layers:
        if isinstance(layer, Started):
            layer.start(encoded, scores, past)


def weigh_depth(model: keras.Model, head: Head, encoded: np.ndarray, scores: np.ndarray) -> None:
    """Leave the line of a forecast alone unless depth is better on the validation part beyond chance.

    What is learnt beside the line has been chosen by these rows, the line has not: of a few dozen windows, the lower
    loss alone would as often as not be luck.
    """
    for line in _lines_ahead(model):
        errors = []
        for share in (0.0, 1.0):
            line.share.assign(share)
            errors.append(np.square(_pooled(model, head, encoded) - scores))
        gain = errors[0] - errors[1]
        if gain.mean() <= SURE * gain.std() / len(gain) ** 0.5:
            line.share.assign(0.0)


def refit_linear(model: keras.Model, head: Head, encoded: np.ndarray, scores: np.ndarray) -> None:
    """Lay the line of a forecast anew through all rows (of which the last ones count), or what depth leaves of them."""
    encoded, scores = encoded[-ROWS:], scores[-ROWS:]
    for line in _lines_ahead(model):
        answers = _pooled(model, head, encoded)
        kept = float(line.share)
        line.share.assign(0.0)
        depth = answers - _pooled(model, head, encoded)
        line.share.assign(kept)
        line.fit(encoded, scores - depth)


def _lines_ahead(model: keras.Model) -> list[Started]:
    return [layer for layer in model.layers if isinstance(layer, Started) and layer.goes_ahead]


def _pooled(model: keras.Model, head: Head, encoded: np.ndarray) -> np.ndarray:
    """The score of the members' mean answer [rows]."""
    (pooled,) = in_pieces(lambda rows: (head.pool(model(rows, training=False))[0, :, 0],), encoded, 1)
    scores: np.ndarray = pooled.numpy()
    return scores
