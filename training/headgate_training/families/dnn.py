"""An ensemble of small residual networks with a linear path, trained side by side as one network.

Eight members differ by their random start only; each is wide and deep (Cheng et al., 2016): a linear model plus
a two-layer residual network. On small tables their mean is clearly steadier than one larger network.
"""

import keras
from keras import layers

from headgate_training.settings import Settings

MEMBERS = 8


def build(width: int, outputs: int, settings: Settings) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [rows, members, outputs]."""
    encoded = keras.Input((width,), name="encoded")
    wide = layers.RepeatVector(MEMBERS)(encoded)
    hidden = _block(wide, width, settings)
    hidden = layers.Add()([hidden, _block(hidden, settings.hidden_units, settings)])
    deep = _dense(settings.hidden_units, outputs, gain=1.0)(hidden)
    linear = layers.EinsumDense("nkd,kdh->nkh", (MEMBERS, outputs), kernel_initializer="zeros")(wide)
    return keras.Model(encoded, layers.Add()([deep, linear]))


def _block(x: keras.KerasTensor, width: int, settings: Settings) -> keras.KerasTensor:
    activated = layers.ReLU()(_dense(width, settings.hidden_units, gain=2.0)(x))
    return layers.Dropout(settings.dropout)(activated)


def _dense(width: int, units: int, gain: float) -> layers.EinsumDense:
    """One dense layer for each member. Its start is scaled by its own inputs, whatever the number of members."""
    start = keras.initializers.RandomNormal(stddev=(gain / width) ** 0.5)
    return layers.EinsumDense("nkd,kdh->nkh", (MEMBERS, units), bias_axes="kh", kernel_initializer=start)
