"""A residual convolutional network: over the pixels of images, the steps of sequences and the tokens of text.

Each grid or text goes through blocks of two convolutions with a way around them (He et al., "Deep Residual Learning",
2016), halved in size from block to block while there is something to halve. What is left is read at its mean and at
its peak, and small grids as a whole, too, because in a small image or a series it matters where something is. All other
columns come in beside that, and a linear path leads past everything.
"""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers, ops

from headgate_training.beside import beside
from headgate_training.layout import NOTHING_KNOWN, Layout
from headgate_training.members import MembersDense, Stack
from headgate_training.settings import Settings
from headgate_training.tokens import Cells, Embedded
from headgate_training.wide import add_up
from headgate_training.words import TrainingError

TEXT = "both"
WHOLE = 1_024
"""Numbers that are left of a grid, at most, for each of them to be read where it is."""
UNITS_ARE_SHARED = False
"""Those that can be taken out lie between the two convolutions of a block, and nothing else sees them."""
FINEST_IMAGE, FINEST_SEQUENCE = 32, 256
"""Cells a side that are looked at one by one; of a larger grid the first convolution takes strides."""
SHIFT_FROM = 8
"""Images of fewer pixels a side are not shifted in training: too little of them would be left."""


def defaults(rows: int) -> dict[str, float]:
    """What suits so many training rows."""
    return {
        "batch_size": max(16, min(128, rows // 32)),
        "learning_rate": 2e-3,
        "hidden_units": 24 if rows < 20_000 else 16,
        "layers": 2,
        "dropout": 0.3 if rows < 20_000 else 0.1,
        "patience": 10 if rows < 5_000 else 4,
        "members": 2 if rows < 5_000 else 1,
        "weight_decay": 0.05,
    }


def build(
    width: int, outputs: int, settings: Settings, layout: Layout = NOTHING_KNOWN, share: float = 1.0
) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]; TrainingError without grids and tokens."""
    if not layout.grids and not any(text.tokens for text in layout.texts):
        raise TrainingError(
            "The family cnn needs an image, a sequence or free text among the columns, and there is none; "
            "dnn and transformer fit any table."
        )
    encoded = keras.Input((width,), name="encoded")
    found = Stack()([_member(encoded, width, settings, layout, share) for _ in range(settings.members)])
    deep = MembersDense(settings.members, outputs, gain=1.0)(found)
    return keras.Model(encoded, add_up(deep, encoded, width, settings.members, layout))


def _member(
    encoded: keras.KerasTensor, width: int, settings: Settings, layout: Layout, share: float
) -> keras.KerasTensor:
    found = []
    for grid in layout.grids:
        cells = Cells(grid)(encoded)
        if grid.kind == "image" and min(grid.shape[:2]) >= SHIFT_FROM:
            cells = Shift()(cells)
        found.append(_convolve(cells, settings, min(grid.shape[:-1]), share))
    found += [_convolve(Embedded(text, settings.hidden_units)(encoded), settings, 1, share) for text in layout.texts]
    found += beside(encoded, width, 2 * settings.hidden_units, layout)
    joined = layers.Concatenate()(found) if len(found) > 1 else found[0]
    hidden = layers.Dense(4 * settings.hidden_units, activation="relu")(layers.Dropout(settings.dropout or 0.0)(joined))
    return layers.Dropout(settings.dropout or 0.0)(hidden)


def _convolve(cells: keras.KerasTensor, settings: Settings, size: int, share: float) -> keras.KerasTensor:
    """What is found in cells [rows, ..., channels]: [rows, numbers]."""
    flat = len(cells.shape) == 4
    convolution = partial(layers.Conv2D if flat else layers.Conv1D, padding="same")
    halve = layers.MaxPooling2D if flat else layers.MaxPooling1D
    channels = settings.hidden_units
    stride = max(1, size // (FINEST_IMAGE if flat else FINEST_SEQUENCE))
    x, size = convolution(channels, 2 * stride + 1, strides=stride, activation="relu")(cells), size // stride
    for number in range(settings.layers):
        if number:
            channels *= 2
            x = convolution(channels, 1)(x)
            if size >= 4:
                x, size = halve(2)(x), size // 2
        x = layers.Add()([x, Bend(convolution, channels, max(1, round(share * channels)))(Norm()(x))])
    x = layers.ReLU()(Norm()(x))
    read = [Mean()(x), Peak()(x)]
    places = layers.Flatten()(x) if None not in x.shape[1:] else None
    if places is not None and size > 1 and places.shape[-1] <= WHOLE:
        read.append(places)
    return layers.Concatenate()(read)


class Bend(layers.Layer):
    """Two convolutions with a ReLU between them, where ``units`` channels are: what a block adds to its cells."""

    def __init__(self, convolution: Callable[..., layers.Layer], channels: int, units: int) -> None:
        super().__init__()
        self.inner, self.outer = convolution(units, 3, activation="relu"), convolution(channels, 3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Both in their turn."""
        self.inner.build(input_shape)
        self.outer.build(self.inner.compute_output_shape(input_shape))

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """One after the other."""
        return self.outer(self.inner(x))


class Norm(layers.Layer):
    """Each cell's channels brought to mean 0 and variance 1, then scaled and moved as learned."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """A scale and a shift of each channel."""
        self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")
        self.shift = self.add_weight((input_shape[-1],), initializer="zeros", name="shift")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Ba et al., "Layer Normalization" (2016), in operations that LiteRT has for any number of axes."""
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        return (
            centred * ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + 1e-3) * self.scale + self.shift
        )


class Mean(layers.Layer):
    """The mean of all cells: [rows, ..., channels] to [rows, channels]."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Over all axes but the first and the last."""
        return ops.mean(x, axis=list(range(1, len(x.shape) - 1)))


class Peak(layers.Layer):
    """The largest of all cells: [rows, ..., channels] to [rows, channels]."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Over all axes but the first and the last."""
        return ops.max(x, axis=list(range(1, len(x.shape) - 1)))


class Shift(layers.Layer):
    """In training, the images of a batch are moved by up to a pixel either way; what comes in is the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.seed = keras.random.SeedGenerator()

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """A window of the padded images, drawn for each batch."""
        if not training:
            return images
        down, right = keras.random.randint((), 0, 3, seed=self.seed), keras.random.randint((), 0, 3, seed=self.seed)
        height, width = images.shape[1:3]
        padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return ops.slice(padded, (0, down, right, 0), (ops.shape(images)[0], height, width, images.shape[3]))
