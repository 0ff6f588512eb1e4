"""A transformer whose tokens are the columns (FT-Transformer), pieces of grids and words: each can look at every other.

Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (2021): a token for each column, blocks of
attention and a feed-forward part with normalisation before each (the first attention has none), an answer read from a
token of its own. Numbers enter whole and cut into pieces. A grid gives a token for each square of an image or each step
of a sequence, a text one for each word and one for its bag; they are told apart by their place. It takes many times as
long as the family dnn; on wide tables most of all, since every column looks at every other.
"""

import keras
from keras import layers, ops

from headgate_training.layout import NOTHING_KNOWN, GridPlace, Layout, Place
from headgate_training.members import Columns, Lookup, MembersDense, Pieces, Stack
from headgate_training.settings import Settings
from headgate_training.text import NONE
from headgate_training.tokens import Cells, Embedded, fold, patches
from headgate_training.wide import add_up

NOT_PRUNED = "Attention reads its units in heads, and every layer passes all of them on: none can be taken out alone."
HEAD_UNITS = 8
"""Numbers of a token that one head of attention looks at."""
TEXT = "both"
MOST = 64
"""Tokens of a grid, at most."""
LOST = -1e4
"""Added to how much a token is like another, so that it is not looked at."""
DROPPED = 0.2
"""Share of what attention looks at that is left out in each step."""


def defaults(rows: int) -> dict[str, float]:
    """What suits so many training rows."""
    return {
        "batch_size": max(32, min(256, rows // 32)),
        "learning_rate": 1e-3,
        "hidden_units": 32,
        "layers": 2,
        "dropout": 0.1,
        "patience": 12 if rows < 5_000 else 6,
        "members": 1,
        "weight_decay": 0.05,
    }


def build(width: int, outputs: int, settings: Settings, layout: Layout = NOTHING_KNOWN) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]; without a layout each number is a column."""
    encoded = keras.Input((width,), name="encoded")
    if layout is NOTHING_KNOWN:
        layout = Layout([Place((position,)) for position in range(width)])
    answers = [_member(encoded, settings, layout) for _ in range(settings.members)]
    scores = MembersDense(settings.members, outputs, gain=1.0)(Stack()(answers))
    if layout.grids or layout.texts:
        scores = add_up(scores, encoded, width, settings.members, layout)
    return keras.Model(encoded, scores)


def _member(encoded: keras.KerasTensor, settings: Settings, layout: Layout) -> keras.KerasTensor:
    units = -(-settings.hidden_units // HEAD_UNITS) * HEAD_UNITS
    parts = [Tokens(layout, units)(encoded), *_more_tokens(encoded, units, layout)]
    tokens = layers.Concatenate(axis=1)(parts) if len(parts) > 1 else parts[0]
    unseen = Unseen(layout, tokens.shape[1])(encoded) if any(text.tokens for text in layout.texts) else None
    for number in range(settings.layers):
        looking = tokens if number == 0 else layers.LayerNormalization()(tokens)
        tokens = layers.Add()([tokens, Attention(units)(looking, unseen)])
        inner = layers.Dense(2 * units, activation="relu")(layers.LayerNormalization()(tokens))
        inner = layers.Dropout(settings.dropout or 0.0)(inner)
        tokens = layers.Add()([tokens, layers.Dense(units)(inner)])
    return layers.ReLU()(layers.LayerNormalization()(tokens[:, 0]))


def _more_tokens(encoded: keras.KerasTensor, units: int, layout: Layout) -> list[keras.KerasTensor]:
    """Tokens [rows, some, units] of categories that are looked up, of grids and of texts; words last."""
    more = []
    if layout.indices:
        looked_up = Lookup(layout.indices, 1, units)(encoded)[0]
        more.append(Placed(units)(layers.Reshape((len(layout.indices), units))(looked_up)))
    for grid in layout.grids:
        more.append(Placed(units, project=True)(Pieced(grid)(encoded)))
    for text in layout.texts:
        if text.bag:
            more.append(layers.Reshape((1, units))(layers.Dense(units)(Columns(text.bag)(encoded))))
    return more + [Placed(units)(Embedded(text, units)(encoded)) for text in layout.texts if text.tokens]


class Pieced(layers.Layer):
    """A grid in squares (images) or steps (sequences): encoded rows [rows, width] to [rows, pieces, numbers]."""

    def __init__(self, grid: GridPlace) -> None:
        super().__init__()
        self.cells, self.image = Cells(grid), grid.kind == "image"

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """Cut it, with the mean where it does not come out even."""
        cells = self.cells(encoded)
        return patches(cells, MOST) if self.image else fold(cells, MOST)


class Placed(layers.Layer):
    """Tokens that know their place: [rows, tokens, numbers] to [rows, tokens, units]."""

    def __init__(self, units: int, project: bool = False) -> None:
        super().__init__()
        self.units, self.project = units, layers.Dense(units) if project else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Numbers to be added for each place."""
        small = keras.initializers.RandomNormal(stddev=self.units**-0.5)
        self.place = self.add_weight((input_shape[1], self.units), initializer=small, name="place")

    def call(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Add them."""
        return (self.project(tokens) if self.project else tokens) + self.place


class Unseen(layers.Layer):
    """What attention is not to look at, words beyond a text's end: encoded rows to 0 or LOST [rows, 1, 1, tokens]."""

    def __init__(self, layout: Layout, count: int) -> None:
        super().__init__()
        self.words = [text.tokens for text in layout.texts]
        self.seen = count - sum(map(len, self.words))

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """All but words are seen."""
        numbers = ops.concatenate([encoded[:, words.start : words.stop] for words in self.words], axis=1)
        lost = ops.cast(numbers <= NONE, "float32") * LOST
        return ops.pad(lost, ((0, 0), (self.seen, 0)))[:, None, None]


class Tokens(layers.Layer):
    """Encoded rows [rows, width] to tokens [rows, 1 + columns, units]; the first is that of the answer."""

    def __init__(self, layout: Layout, units: int) -> None:
        super().__init__()
        self.places, self.units = layout.places, units
        self.pieces = Pieces(layout) if layout.has_pieces else None

    def build(self, _: tuple[int | None, ...]) -> None:
        """A row of weights for each number that describes a column."""
        counts = [len(place.at) + max(0, len(place.edges) - 1) for place in self.places]
        self.kernels = [
            self.add_weight(
                (count, self.units), keras.initializers.RandomNormal(stddev=count**-0.5), name=f"column_{i}"
            )
            for i, count in enumerate(counts)
        ]
        small = keras.initializers.RandomNormal(stddev=self.units**-0.5)
        self.biases = self.add_weight((1 + len(counts), self.units), small, name="bias")

    def call(self, encoded: keras.KerasTensor) -> keras.KerasTensor:
        """What describes a column, times its weights."""
        pieces = self.pieces(encoded) if self.pieces else None
        tokens, start = [ops.zeros_like(encoded[:, :1]) * self.biases[0]], 0
        for place, kernel in zip(self.places, self.kernels, strict=True):
            described = ops.take(encoded, list(place.at), axis=1)
            if pieces is not None and place.edges:
                end = start + len(place.edges) - 1
                described, start = ops.concatenate([described, pieces[:, start:end]], axis=1), end
            tokens.append(ops.matmul(described, kernel))
        return ops.stack(tokens, axis=1) + self.biases


class Attention(layers.Layer):
    """Every token looks at every other, with several heads: [rows, tokens, units] to the same."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units, self.heads = units, units // HEAD_UNITS
        self.project, self.mix = layers.Dense(3 * units), layers.Dense(units)
        self.drop = layers.Dropout(DROPPED)

    def call(
        self, tokens: keras.KerasTensor, unseen: keras.KerasTensor | None = None, training: bool = False
    ) -> keras.KerasTensor:
        """Softmax of queries times keys over the root of their length, times values (Vaswani et al., 2017, eq. 1)."""
        count = tokens.shape[1]
        split = ops.reshape(self.project(tokens), (-1, count, 3 * self.heads, HEAD_UNITS))
        split = ops.transpose(split, (0, 2, 1, 3))
        query, key, value = (split[:, i * self.heads : (i + 1) * self.heads] for i in range(3))
        likeness = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * HEAD_UNITS**-0.5
        looks = ops.softmax(likeness if unseen is None else likeness + unseen)
        seen = ops.matmul(self.drop(looks, training=training), value)
        return self.mix(ops.reshape(ops.transpose(seen, (0, 2, 1, 3)), (-1, count, self.units)))
