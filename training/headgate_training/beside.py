"""The columns that stand beside grids and text, as one member of a family of depth sees them."""

import keras
from keras import layers

from headgate_training.layout import Layout
from headgate_training.members import EMBEDDING, Columns, Lookup, Pieces


def beside(encoded: keras.KerasTensor, width: int, units: int, layout: Layout) -> list[keras.KerasTensor]:
    """What a dense layer makes of all columns that are in no grid: nothing, or one [rows, units]."""
    parts = []
    if positions := layout.beside_grids(width):
        parts.append(Columns(positions)(encoded))
    if layout.has_pieces:
        parts.append(Pieces(layout)(encoded))
    if layout.indices:
        parts.append(Lookup(layout.indices, 1, EMBEDDING)(encoded)[0])
    if not parts:
        return []
    return [layers.Dense(units, activation="relu")(layers.Concatenate()(parts) if len(parts) > 1 else parts[0])]
