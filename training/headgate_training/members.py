"""Layers that families share: pieces of numbers, categories looked up, and ensembles trained as one network."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from headgate_training.layout import IndexPlace, Layout

SCALE = 0.2
"""Pieces come this much smaller than the number itself. There are up to 16 of them for each number, and a step of Adam
moves the weights of all alike: at full size the network would learn what each column says alone long before what they
say together. On smooth functions of many rows the smaller size is far better, on small tables it makes no difference.
"""
EMBEDDING = 8
"""Numbers that stand for a category which is looked up."""


class Columns(layers.Layer):
    """Some positions of encoded rows: [rows, width] to [rows, positions]."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__()
        self.positions = np.array(positions, np.int32)

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Pick them; in one piece where they lie side by side."""
        low, count = int(self.positions[0]), len(self.positions)
        if self.positions[-1] - low == count - 1:
            return encoded[:, low : low + count]
        return keras.ops.take(encoded, self.positions, axis=1)


class Lookup(layers.Layer):
    """Numbers that stand for categories: encoded rows [rows, width] to [members, rows, categorical columns * units].

    They start at nothing, so that a category which training never saw, or too seldom to have learned of, is taken for
    an average one; decay of weights draws the rare ones back there.
    """

    def __init__(self, indices: Sequence[IndexPlace], members: int, units: int) -> None:
        super().__init__()
        self.indices, self.members, self.units = indices, members, units

    def build(self, _: tuple[int | None, ...]) -> None:
        """A table for each column, its rows those of all members side by side."""
        shape = self.members * self.units
        self.tables = [
            self.add_weight((place.size, shape), initializer="zeros", name=f"categories_{number}")
            for number, place in enumerate(self.indices)
        ]

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Look them up."""
        found = [
            keras.ops.reshape(
                keras.ops.take(table, keras.ops.cast(encoded[:, place.at], "int32"), axis=0),
                (-1, self.members, self.units),
            )
            for place, table in zip(self.indices, self.tables, strict=True)
        ]
        return keras.ops.transpose(keras.ops.concatenate(found, axis=2), (1, 0, 2))


class Pieces(layers.Layer):
    """Piecewise-linear encoding: how far a number has come through each piece of its range.

    A linear layer behind it is any piecewise-linear function of the number, so that steps and bends, which trees find
    at once and a network of the plain number only slowly, are easy. Source: Gorishniy et al., "On Embeddings for
    Numerical Features in Tabular Deep Learning" (2022), eq. 1, with quantiles as edges; times SCALE. [rows, width] to
    [rows, pieces of all columns].
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        numbers = [place for place in layout.places if place.edges]
        self.positions = np.repeat(
            np.array([place.at[0] for place in numbers], np.int32), [len(place.edges) - 1 for place in numbers]
        )
        self.low = np.concatenate([place.edges[:-1] for place in numbers]).astype(np.float32)
        self.pace = np.concatenate([1.0 / np.diff(place.edges) for place in numbers]).astype(np.float32)

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Cut the scaled numbers of encoded rows into pieces."""
        # Whole columns are picked from rows that lie on their side: picking number by number took half of a step.
        numbers = keras.ops.transpose(keras.ops.take(keras.ops.transpose(encoded), self.positions, axis=0))
        return keras.ops.clip((numbers - self.low) * self.pace, 0.0, 1.0) * SCALE


class MembersDense(layers.Layer):
    """One dense layer for each member: [rows, inputs] or [members, rows, inputs] to [members, rows, units]."""

    def __init__(self, members: int, units: int, gain: float, bias: bool = True) -> None:
        super().__init__()
        self.members, self.units, self.gain, self.use_bias = members, units, gain, bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Kernels start normal with variance gain / inputs (He et al., 2015, has gain 2 before a ReLU)."""
        inputs = input_shape[-1] or 1
        start = keras.initializers.RandomNormal(stddev=(self.gain / inputs) ** 0.5)
        self.kernel = self.add_weight((self.members, inputs, self.units), initializer=start, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.members, 1, self.units), initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Apply each member's layer to its own rows."""
        product = keras.ops.matmul(x, self.kernel)
        return product + self.bias if self.use_bias else product


class Stack(layers.Layer):
    """Outputs of the members, each [rows, units], as one: [members, rows, units]."""

    def call(self, outputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Stack them."""
        return keras.ops.stack(outputs, axis=0)


class Sum(layers.Layer):
    """Scores [members or 1, rows, outputs] added up to one [members, rows, outputs]."""

    def call(self, scores: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Add them; what is the same for all members is added to each."""
        total = scores[0]
        for one in scores[1:]:
            total = total + one
        return total
