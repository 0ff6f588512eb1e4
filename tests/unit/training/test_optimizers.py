import keras
import numpy as np
import pytest
import tensorflow as tf

from headgate_training.optimizers import optimizer_of
from headgate_training.settings import Settings


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_an_optimizer_moves_as_that_of_keras_does(name: str) -> None:
    settings = Settings(optimizer=name, learning_rate=0.01, weight_decay=0.1)
    theirs: dict[str, keras.optimizers.Optimizer] = {
        "adamw": keras.optimizers.AdamW(0.01, weight_decay=0.1),
        "sgd": keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    }
    random = np.random.default_rng(3)
    start, moves = random.normal(size=(7, 3)).astype(np.float32), random.normal(size=(20, 7, 3)).astype(np.float32)
    ends = []
    for optimizer in (optimizer_of(settings), theirs[name]):
        table = keras.Variable(start)
        optimizer.build([table])
        for move in moves:
            optimizer.learning_rate.assign(0.02 * float(np.abs(move).mean()))
            optimizer.apply_gradients([(tf.constant(move), table)])
        ends.append(table.numpy())
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5, atol=1e-6)


def test_a_row_that_a_batch_looks_up_twice_moves_by_the_sum_of_both() -> None:
    ends = []
    for sparse in (True, False):
        optimizer, table = optimizer_of(Settings(learning_rate=0.01, weight_decay=0.1)), keras.Variable(np.ones((5, 2)))
        optimizer.build([table])
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(tf.gather(table.value, [1, 3, 3])))
            (gradient,) = tape.gradient(loss, [table.value])
            assert isinstance(gradient, tf.IndexedSlices)
            optimizer.apply_gradients([(gradient if sparse else tf.convert_to_tensor(gradient), table)])
        ends.append(table.numpy())
    np.testing.assert_array_equal(ends[0], ends[1])
