"""Layers that take grids and text out of encoded rows, for families that look at what stands beside what."""

import keras
from keras import layers, ops

from headgate_training.layout import GridPlace, TextPlace
from headgate_training.text import NONE


class Cells(layers.Layer):
    """A grid in its shape: encoded rows [rows, width] to [rows, height, width, channels] or [rows, steps, channels]."""

    def __init__(self, grid: GridPlace) -> None:
        super().__init__()
        self.grid = grid

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Cut it out and shape it."""
        return ops.reshape(encoded[:, self.grid.at.start : self.grid.at.stop], (-1, *self.grid.shape))


class Embedded(layers.Layer):
    """Numbers for the tokens of a text: encoded rows [rows, width] to [rows, tokens, units], 0 beyond its end."""

    def __init__(self, text: TextPlace, units: int) -> None:
        super().__init__()
        self.text, self.units = text, units

    def build(self, _: tuple[int | None, ...]) -> None:
        """A row of weights for each word."""
        start = keras.initializers.RandomNormal(stddev=0.1)
        self.table = self.add_weight((self.text.size, self.units), initializer=start, name="words")

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Look the words up."""
        numbers = encoded[:, self.text.tokens.start : self.text.tokens.stop]
        real = ops.cast(numbers > NONE, "float32")[:, :, None]
        return ops.take(self.table, ops.cast(numbers, "int32"), axis=0) * real


def fold(steps: keras.KerasTensor, most: int) -> keras.KerasTensor:
    """[rows, steps, channels] with several steps as one, so that at most ``most`` are left; the first is filled up."""
    count, channels = steps.shape[1], steps.shape[2]
    together = -(-count // most)
    if together == 1:
        return steps
    left = -count % together
    padded = ops.pad(steps, ((0, 0), (left, 0), (0, 0)))
    return ops.reshape(padded, (-1, (count + left) // together, together * channels))


def patches(images: keras.KerasTensor, most: int) -> keras.KerasTensor:
    """[rows, height, width, channels] cut into squares of 2 pixels a side or more: [rows, up to ``most``, numbers]."""
    height, width, channels = images.shape[1:]
    side = next(side for side in range(2, 10_000) if -(-height // side) * -(-width // side) <= most)
    down, across = -(-height // side), -(-width // side)
    padded = ops.pad(images, ((0, 0), (0, down * side - height), (0, across * side - width), (0, 0)))
    # Two transpositions of few axes: LiteRT has none of six.
    lines = ops.reshape(padded, (-1, side, across, side * channels))
    squares = ops.transpose(lines, (0, 2, 1, 3))
    return ops.reshape(squares, (-1, down * across, side * side * channels))
