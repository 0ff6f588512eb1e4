"""Training of any Keras network: whole epochs in one graph, early stopping, then the last passes over all rows.

``keras.Model.fit`` costs some 50 ms an epoch in overhead alone; on small tables that is nearly all of the time.
Here one call runs a whole epoch, which makes a fit three to four times quicker at the same quality.

Training has two parts. The *search* trains on the training part until the validation loss no longer falls, and goes
back to the epoch where it was lowest. The *finish* goes on from there, on the training and the validation part together
and with a learning rate that falls to nothing. That makes use of rows which have done their work as judges, and of what
a falling rate is worth. What
is told of the validation part, and the intervals learned from it, are from before the finish.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from headgate_training.heads import Head
from headgate_training.schedules import rates
from headgate_training.settings import Settings

ENOUGH = 1e-4
"""A validation loss counts as better if it is lower by at least this."""
FINISH = 0.25
"""Epochs of the finish, as a share of those of the search up to its best."""
FINISH_LEAST = 2


@dataclass(frozen=True)
class Part:
    """Encoded rows float32 [rows, width] and their target."""

    encoded: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training part came to; ``predicted`` are answers for the validation part."""

    number: int
    loss: float
    val_loss: float
    predicted: np.ndarray


def fit(
    model: keras.Model,
    head: Head,
    train: Part,
    validation: Part,
    settings: Settings,
    report: Callable[[Epoch], None],
) -> int:
    """Train ``model`` in place and calibrate ``head``; report each epoch of the search; return the best of them.

    Deterministic for a seed on one machine: the caller seeds Keras, and the order of rows is drawn from
    ``settings.seed``. Raises ValueError when the loss is not a finite number from the first epoch on.
    """
    training = _Training(model, head, train, validation, settings)
    best = training.search(report)
    head.calibrate(head.predict(model(validation.encoded, training=False)).numpy(), validation.target)
    training.finish(max(FINISH_LEAST, math.ceil(FINISH * best)))
    return best


def _optimizer(settings: Settings) -> keras.optimizers.Optimizer:
    if settings.optimizer == "sgd":
        return keras.optimizers.SGD(
            settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
        )
    return keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)


class _Training:
    """Both parts of one training, with one optimizer and one graph."""

    def __init__(self, model: keras.Model, head: Head, train: Part, validation: Part, settings: Settings) -> None:
        self._model, self._head, self._settings = model, head, settings
        self._optimizer = _optimizer(settings)
        self._optimizer.build(model.trainable_variables)
        self._state = [*model.trainable_variables, *self._optimizer.variables]
        self._order = np.random.default_rng(settings.seed)
        self._rows = len(train.target)
        self._encoded = tf.constant(np.concatenate([train.encoded, validation.encoded]))
        self._target = tf.constant(np.concatenate([head.prepare(part.target) for part in (train, validation)]))
        batches = tf.TensorSpec([None, settings.batch_size], tf.int32)
        self._pass = tf.function(self._run_pass, input_signature=[batches, tf.TensorSpec([None], tf.float32)])
        self._validate = tf.function(self._run_validation, input_signature=[])

    def search(self, report: Callable[[Epoch], None]) -> int:
        """Train until the validation loss no longer falls; leave the best weights and return their epoch."""
        best, best_loss, best_state = 0, np.inf, None
        for number in range(1, self._settings.epochs + 1):
            order = self._draw(self._rows)
            course = (self._settings.schedule, self._settings.learning_rate, number, self._settings.epochs)
            loss = self._pass(order, rates(*course, len(order)))
            val_loss, predicted = self._validate()
            report(Epoch(number, float(loss), float(val_loss), predicted.numpy()))
            if float(val_loss) < best_loss - ENOUGH:
                best, best_loss, best_state = number, float(val_loss), self._read_state()
            elif number - best >= self._settings.patience:
                break
        if best_state is None:
            raise ValueError("Training found no weights with a finite validation loss; try a lower learning_rate.")
        self._restore(best_state)
        return best

    def finish(self, epochs: int) -> None:
        """Train on all rows, the learning rate falling to nothing; without effect if that goes astray."""
        before = self._read_state()
        order = np.concatenate([self._draw(len(self._target)) for _ in range(epochs)])
        falling = self._settings.learning_rate * np.linspace(1, 0, len(order), endpoint=False)
        if not math.isfinite(self._pass(order, falling.astype(np.float32))):
            self._restore(before)

    def _draw(self, rows: int) -> np.ndarray:
        """Row numbers [steps, batch] of one epoch in random order; a rest too small for a batch is left out."""
        steps = rows // self._settings.batch_size
        drawn = self._order.permutation(rows)[: steps * self._settings.batch_size]
        return drawn.reshape(steps, -1).astype(np.int32)

    def _read_state(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._state]

    def _restore(self, state: list[np.ndarray]) -> None:
        for variable, value in zip(self._state, state, strict=True):
            variable.assign(value)

    def _run_pass(self, order: tf.Tensor, rates: tf.Tensor) -> tf.Tensor:
        """Steps over rows by number, each with its learning rate; the mean loss."""
        weights = self._model.trainable_variables
        total = tf.constant(0.0)
        for step in tf.range(tf.shape(order)[0]):
            rows = order[step]
            with tf.GradientTape() as tape:
                scores = self._model(tf.gather(self._encoded, rows), training=True)
                loss = self._head.loss(tf.gather(self._target, rows), scores)
            self._optimizer.learning_rate.assign(rates[step])
            self._optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            total += loss
        return total / tf.cast(tf.shape(order)[0], tf.float32)

    def _run_validation(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss and the predictions for the validation part."""
        scores = self._model(self._encoded[self._rows :], training=False)
        return self._head.loss(self._target[self._rows :], self._head.pool(scores)), self._head.predict(scores)
