"""An ensemble of small residual networks with a linear path, trained side by side as one network.

The members differ by their random start only; each is wide and deep (Cheng et al., 2016): a linear model plus a
residual network, which sees numbers also cut into pieces. On small tables their mean is clearly steadier than one
larger network. A category's place in the one-hot block has a row of weights of its own in each member's first layer:
that is its embedding, whatever their number.
"""

import keras
from keras import layers

from headgate_training.layout import Layout
from headgate_training.members import MembersDense, Pieces
from headgate_training.settings import Settings


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


def build(width: int, outputs: int, settings: Settings, layout: Layout = ()) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]; without a layout numbers stay whole."""
    encoded = keras.Input((width,), name="encoded")
    seen = encoded
    if any(place.edges for place in layout):
        seen = layers.Concatenate()([encoded, Pieces(layout)(encoded)])
    hidden = _block(seen, settings)
    for _ in range(settings.layers - 1):
        hidden = layers.Add()([hidden, _block(hidden, settings)])
    deep = MembersDense(settings.members, outputs, gain=1.0)(hidden)
    wide = MembersDense(settings.members, outputs, gain=0.0, bias=False)(encoded)
    return keras.Model(encoded, layers.Add()([deep, wide]))


def _block(x: keras.KerasTensor, settings: Settings) -> keras.KerasTensor:
    activated = layers.ReLU()(MembersDense(settings.members, settings.hidden_units, gain=2.0)(x))
    return layers.Dropout(settings.dropout or 0.0)(activated)
