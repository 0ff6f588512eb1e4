"""Passes over many rows that learn nothing from them, some rows at a time.

What every layer makes of every row is up to a quarter of a megabyte for each (measured: a cnn over 28 x 28 pixels, a
transformer over 50 numbers), and a pass over all rows at once holds all of that beside the rows.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

ROWS = 1024
"""Rows of one piece."""

Answer = Callable[[tf.Tensor], Sequence[tf.Tensor]]
"""Encoded rows in, tensors float32 [rows, ...] out."""


def in_pieces(answer: Answer, encoded: np.ndarray | tf.Tensor, parts: int) -> Sequence[tf.Tensor]:
    """The ``parts`` tensors that ``answer`` gives for all rows, asked for ROWS of them at a time; in graphs, too."""
    count = math.ceil(encoded.shape[0] / ROWS)
    if count <= 1:
        return answer(encoded)

    def take(piece: tf.Tensor, told: Sequence[tf.TensorArray]) -> tuple[tf.Tensor, list[tf.TensorArray]]:
        answers = answer(encoded[piece * ROWS : (piece + 1) * ROWS])
        return piece + 1, [kept.write(piece, given) for kept, given in zip(told, answers, strict=True)]

    kept = [tf.TensorArray(tf.float32, count, infer_shape=False) for _ in range(parts)]
    _, told = tf.while_loop(lambda piece, _: piece < count, take, (0, kept), parallel_iterations=1)
    return [array.concat() for array in told]
