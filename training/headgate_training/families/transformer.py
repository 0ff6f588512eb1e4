"""A transformer whose tokens are the columns (FT-Transformer): each column can look at every other.

Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (2021): a token for each column, blocks of
attention and a feed-forward part with normalisation before each (the first attention has none), an answer read from a
token of its own. Numbers enter whole and cut into pieces. It takes many times as long as the family dnn; on wide tables
most of all, since every column looks at every other.
"""

import keras
from keras import layers, ops

from headgate_training.layout import NOTHING_KNOWN, Layout, Place
from headgate_training.members import MembersDense, Pieces, Stack
from headgate_training.settings import Settings

HEAD_UNITS = 8
"""Numbers of a token that one head of attention looks at."""
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
    hidden = Stack()(answers)
    return keras.Model(encoded, MembersDense(settings.members, outputs, gain=1.0)(hidden))


def _member(encoded: keras.KerasTensor, settings: Settings, layout: Layout) -> keras.KerasTensor:
    units = -(-settings.hidden_units // HEAD_UNITS) * HEAD_UNITS
    tokens = Tokens(layout, units)(encoded)
    for number in range(settings.layers):
        looking = tokens if number == 0 else layers.LayerNormalization()(tokens)
        tokens = layers.Add()([tokens, Attention(units)(looking)])
        inner = layers.Dense(2 * units, activation="relu")(layers.LayerNormalization()(tokens))
        inner = layers.Dropout(settings.dropout or 0.0)(inner)
        tokens = layers.Add()([tokens, layers.Dense(units)(inner)])
    return layers.ReLU()(layers.LayerNormalization()(tokens[:, 0]))


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

    def call(self, tokens: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Softmax of queries times keys over the root of their length, times values (Vaswani et al., 2017, eq. 1)."""
        count = tokens.shape[1]
        split = ops.reshape(self.project(tokens), (-1, count, 3 * self.heads, HEAD_UNITS))
        split = ops.transpose(split, (0, 2, 1, 3))
        query, key, value = (split[:, i * self.heads : (i + 1) * self.heads] for i in range(3))
        looks = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * HEAD_UNITS**-0.5)
        seen = ops.matmul(self.drop(looks, training=training), value)
        return self.mix(ops.reshape(ops.transpose(seen, (0, 2, 1, 3)), (-1, count, self.units)))
