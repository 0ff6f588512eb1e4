"""An ensemble of small residual networks with a linear path, trained side by side as one network.

The members differ by their random start only; each is wide and deep (Cheng et al., 2016): a linear model plus a
two-layer residual network. On small tables their mean is clearly steadier than one larger network.
"""

import keras
from keras import layers

from headgate_training.settings import Settings


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


def build(width: int, outputs: int, settings: Settings) -> keras.Model:
    """Encoded rows [rows, width] to raw scores [members, rows, outputs]."""
    encoded = keras.Input((width,), name="encoded")
    hidden = _block(encoded, settings)
    hidden = layers.Add()([hidden, _block(hidden, settings)])
    deep = MembersDense(settings.members, outputs, gain=1.0)(hidden)
    wide = MembersDense(settings.members, outputs, gain=0.0, bias=False)(encoded)
    return keras.Model(encoded, layers.Add()([deep, wide]))


def _block(x: keras.KerasTensor, settings: Settings) -> keras.KerasTensor:
    activated = layers.ReLU()(MembersDense(settings.members, settings.hidden_units, gain=2.0)(x))
    return layers.Dropout(settings.dropout)(activated)
