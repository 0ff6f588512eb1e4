"""An ensemble of small residual networks with a linear path, trained side by side as one network.

The members differ by their random start only; each is wide and deep (Cheng et al., 2016): a linear model plus a
residual network, which sees numbers also cut into pieces. On small tables their mean is clearly steadier than one
larger network. A category's place in the one-hot block has a row of weights of its own in each member's first layer:
that is its embedding. The categories of a column that has many are looked up instead, and of free text it takes the bag
of words.
"""

from dataclasses import replace

import keras
from keras import layers

from headgate_training.layout import NOTHING_KNOWN, Layout
from headgate_training.members import EMBEDDING, Columns, Lookup, MembersDense, Pieces
from headgate_training.settings import Settings
from headgate_training.wide import add_up

UNITS_ARE_SHARED = True
"""All layers add to the same hidden units: one that is taken out leaves all of them."""


def defaults(rows: int) -> dict[str, float]:
    """What suits so many training rows.

    What an ensemble, patience and restraint buy shrinks as rows grow, and what they cost grows: few rows get many
    members, long patience, dropout and a strong decay of weights. Dropout alone is two fifths of the time of a step.
    """
    members, patience = (8, 15) if rows < 5_000 else (4, 8) if rows < 50_000 else (2, 5)
    learning_rate, dropout, weight_decay = (3e-3, 0.2, 0.1) if rows < 50_000 else (5e-3, 0.0, 0.01)
    return {
        "batch_size": max(32, min(512, rows // 16)),
        "learning_rate": learning_rate,
        "hidden_units": 64,
        "layers": 2,
        "dropout": dropout,
        "patience": patience,
        "members": members,
        "weight_decay": weight_decay,
    }


def build(
    width: int, outputs: int, settings: Settings, layout: Layout = NOTHING_KNOWN, share: float = 1.0
) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]; without a layout numbers stay whole."""
    settings = replace(settings, hidden_units=max(1, round(share * settings.hidden_units)))
    encoded = keras.Input((width,), name="encoded")
    hidden = _activate(_first(encoded, width, settings, layout), settings)
    for _ in range(settings.layers - 1):
        inner = MembersDense(settings.members, settings.hidden_units, gain=2.0)(hidden)
        hidden = layers.Add()([hidden, _activate(inner, settings)])
    deep = MembersDense(settings.members, outputs, gain=1.0)(hidden)
    return keras.Model(encoded, add_up(deep, encoded, width, settings.members, layout))


def _first(encoded: keras.KerasTensor, width: int, settings: Settings, layout: Layout) -> keras.KerasTensor:
    """The first layer before it is activated. Words have a start of their own: there are many, and few in a row."""
    bags = [text.bag for text in layout.texts if text.bag]
    worded = set().union(*bags)
    seen = [position for position in layout.plain(width) if position not in worded]
    parts = [Columns(seen)(encoded)] if seen else []
    if layout.has_pieces:
        parts.append(Pieces(layout)(encoded))
    inputs = [layers.Concatenate()(parts)] if len(parts) > 1 else parts
    inputs += [Columns(bag)(encoded) for bag in bags]
    if layout.indices:
        inputs.append(Lookup(layout.indices, settings.members, EMBEDDING)(encoded))
    added = [MembersDense(settings.members, settings.hidden_units, gain=2.0)(one) for one in inputs]
    return layers.Add()(added) if len(added) > 1 else added[0]


def _activate(x: keras.KerasTensor, settings: Settings) -> keras.KerasTensor:
    return layers.Dropout(settings.dropout or 0.0)(layers.ReLU()(x))
