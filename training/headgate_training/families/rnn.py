"""An ensemble of recurrent networks for sequences, beside a linear path that starts from ridge regression.

A gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014) goes through the
steps, members side by side. It sees each window as it stands to its own last step and to its own spread, and what it
answers to a forecast is in units of that spread: a series that grows, or another one of ten times the size, looks the
same (Kim et al., "Reversible Instance Normalization", 2022). Where the window lies is told beside it, with all other
columns. The steps are written out in the graph one after the other, because LiteRT has no loop of its own for them.
"""

import keras
from keras import layers, ops

from headgate_training.layout import NOTHING_KNOWN, GridPlace, Layout
from headgate_training.members import EMBEDDING, Columns, Lookup, MembersDense, Pieces
from headgate_training.settings import Settings
from headgate_training.tokens import Cells, fold
from headgate_training.wide import add_up
from headgate_training.words import TrainingError

NOT_PRUNED = (
    "The units of a recurrent network feed each other at every step: without some, the others mean something else."
)
STEPS = 48
"""Steps that are written out; of a longer sequence several stand together as one."""
LEAST_SPREAD = 0.05
"""Of a window, in units of the spread of all: a window that hardly moves is not blown up."""


def defaults(rows: int) -> dict[str, float]:
    """What suits so many training rows."""
    return {
        "batch_size": max(16, min(256, rows // 16)),
        "learning_rate": 3e-3,
        "hidden_units": 32,
        "layers": 1,
        "dropout": 0.1,
        "patience": 12 if rows < 5_000 else 5,
        "members": 4 if rows < 50_000 else 2,
        "weight_decay": 0.1 if rows < 5_000 else 0.01,
    }


def build(width: int, outputs: int, settings: Settings, layout: Layout = NOTHING_KNOWN) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]; TrainingError without sequences and images."""
    if not layout.grids:
        raise TrainingError(
            "The family rnn needs a sequence or an image among the columns, and there is none; "
            "dnn and transformer fit any table."
        )
    encoded = keras.Input((width,), name="encoded")
    found, spreads = [], []
    for grid in layout.grids:
        window = Window(grid)(encoded)
        x = window[0]
        for _ in range(settings.layers):
            x = Recurrent(settings.members, settings.hidden_units)(x)
        found.append(MembersDense(settings.members, settings.hidden_units, gain=1.0)(x[:, :, -1]))
        found.append(MembersDense(settings.members, settings.hidden_units, gain=1.0)(window[1]))
        spreads.append(window[2])
    found += [
        MembersDense(settings.members, settings.hidden_units, gain=1.0)(one)
        for one in _beside(encoded, width, layout, settings)
    ]
    hidden = layers.Dropout(settings.dropout or 0.0)(layers.ReLU()(layers.Add()(found)))
    deep = MembersDense(settings.members, outputs, gain=0.0)(hidden)
    if outputs == 1 and all(grid.kind == "sequence" for grid in layout.grids):
        deep = deep * spreads[0]
    return keras.Model(encoded, add_up(deep, encoded, width, settings.members, layout))


def _beside(encoded: keras.KerasTensor, width: int, layout: Layout, settings: Settings) -> list[keras.KerasTensor]:
    parts = []
    if positions := layout.beside_grids(width):
        parts.append(Columns(positions)(encoded))
    if layout.has_pieces:
        parts.append(Pieces(layout)(encoded))
    if layout.indices:
        parts.append(Lookup(layout.indices, settings.members, EMBEDDING)(encoded))
    return parts


class Window(layers.Layer):
    """A grid as a sequence that stands by itself, from encoded rows [rows, width].

    Answers the steps [rows, steps, channels] relative to their last and to the window's spread; where it lies and how
    wide it is [rows, 2 * channels]; and the spread of its first channel [rows, 1]. A line of an image is a step.
    """

    def __init__(self, grid: GridPlace) -> None:
        super().__init__()
        self.cells, self.image = Cells(grid), grid.kind == "image"

    def call(self, encoded: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        """Shift and scale each window."""
        steps = self.cells(encoded)
        if self.image:
            steps = ops.reshape(steps, (-1, steps.shape[1], steps.shape[2] * steps.shape[3]))
        last = steps[:, -1:]
        deviation = steps - ops.mean(steps, axis=1, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(deviation), axis=1, keepdims=True) + LEAST_SPREAD**2)
        relative = steps if self.image else (steps - last) / spread
        where = ops.concatenate([_bend(last[:, 0]), _bend(spread[:, 0])], axis=1)
        return fold(relative, STEPS), where, spread[:, 0, :1]


def _bend(numbers: keras.KerasTensor) -> keras.KerasTensor:
    """Any number brought smoothly into (-3, 3), as the encoding does with those that are in no grid."""
    return numbers * ops.rsqrt(1.0 + ops.square(numbers / 3.0))


class Recurrent(layers.Layer):
    """One gated recurrent unit for each member.

    [rows, steps, inputs] or [members, rows, steps, inputs] to [members, rows, steps, units].
    """

    def __init__(self, members: int, units: int) -> None:
        super().__init__()
        self.members, self.units = members, units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Weights of the update gate, the reset gate and the candidate, side by side."""
        self.count = input_shape[-2]
        inputs, gates = input_shape[-1] or 1, 3 * self.units
        start = keras.initializers.RandomNormal(stddev=(1.0 / inputs) ** 0.5)
        again = keras.initializers.RandomNormal(stddev=(1.0 / self.units) ** 0.5)
        self.kernel = self.add_weight((self.members, 1, inputs, gates), initializer=start, name="kernel")
        self.recurrent = self.add_weight((self.members, self.units, gates), initializer=again, name="recurrent")
        self.bias = self.add_weight((self.members, 1, 1, gates), initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Go through the steps; the gates' names are those of Cho et al., with the reset behind the matrix product."""
        told = ops.matmul(x, self.kernel) + self.bias
        units, state, states = self.units, None, []
        for step in range(self.count or 0):
            given = told[:, :, step]
            known = ops.matmul(state, self.recurrent) if state is not None else ops.zeros_like(given)
            gates = ops.sigmoid(given[..., : 2 * units] + known[..., : 2 * units])
            update, reset = gates[..., :units], gates[..., units:]
            candidate = ops.tanh(given[..., 2 * units :] + reset * known[..., 2 * units :])
            state = (1.0 - update) * candidate if state is None else update * state + (1.0 - update) * candidate
            states.append(state)
        return ops.stack(states, axis=2)
