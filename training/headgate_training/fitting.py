"""Training of any Keras network: whole epochs in one graph, early stopping, then the last passes over all rows.

``keras.Model.fit`` costs some 50 ms an epoch in overhead alone; on small tables that is nearly all of the time.
Here one call runs a whole epoch, which makes a fit three to four times quicker at the same quality.

Training has two parts. The *search* trains on the training part until the validation loss no longer falls, and goes
back to the epoch where it was lowest. The *finish* goes on from there, on the training and the validation part together
and with a learning rate that falls to nothing. That makes use of rows which have done their work as judges, and of what
a falling rate is worth. What is told of the validation part, and the intervals learned from it, are from before the
finish.

Between two epochs everything that a training is stands in its variables, the order of rows and a few numbers: there it
can be kept, cut off and gone on with (``checkpoints``). Workers meet in each step's gradients (``workers``).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import keras
import numpy as np
import tensorflow as tf

from headgate_training.checkpoints import NOTHING_KEPT, Arrays, History, Keeper, Progress, tell
from headgate_training.heads import Head
from headgate_training.optimizers import optimizer_of
from headgate_training.passes import in_pieces
from headgate_training.schedules import rates
from headgate_training.settings import Settings
from headgate_training.wide import refit_linear, weigh_depth
from headgate_training.words import TrainingError
from headgate_training.workers import ALONE, Workers

ENOUGH = 1e-4
"""A validation loss counts as better if it is lower by at least this."""
FINISH = 0.25
"""Epochs of the finish, as a share of those of the search up to its best."""
FINISH_LEAST = 2
STAGES = ("search", "finish", "done")


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


@dataclass(frozen=True)
class Circumstances:
    """What is around a training; without any it is alone and keeps nothing."""

    history: History = field(default_factory=list)
    """What the caller noted of epochs; filled with what was noted before a training that goes on was cut off."""
    keeper: Keeper = NOTHING_KEPT
    workers: Workers = ALONE


@dataclass(frozen=True)
class Fitted:
    """What came of a training."""

    best: int
    """The epoch of the search whose weights were the best."""
    resumed: Progress | None
    """Where this attempt went on from, without its arrays; None if it began at the beginning."""


def fit(
    model: keras.Model,
    head: Head,
    train: Part,
    validation: Part,
    settings: Settings,
    report: Callable[[Epoch], None],
    circumstances: Circumstances | None = None,
) -> Fitted:
    """Train ``model`` in place and calibrate ``head``; report each epoch of the search.

    Deterministic for a seed on one machine: the caller seeds Keras, and the order of rows is drawn from
    ``settings.seed``. A training that the keeper has kept goes on where it stood, with the bits that it would have had.
    With several workers all of them call this with the same arguments, and have the same weights in the end.

    Raises:
        TrainingError: when the loss is not a finite number from the first epoch on.
        SystemExit: when the job was told to end; the keeper has kept what there is.
        WorkerLostError: when another worker is gone.
    """
    around = circumstances or Circumstances()
    with around.keeper.deferring(), around.workers.watched():
        training = _Training(model, head, train, validation, settings, around)
        training.join()
        training.search(report)
        training.calibrate(validation)
        training.finish()
    return Fitted(training.best, training.resumed)


def refine(model: keras.Model, head: Head, train: Part, validation: Part, settings: Settings, best: int) -> None:
    """Train ``model`` in place on all rows like the finish of a training whose best epoch was ``best``; alone."""
    training = _Training(model, head, train, validation, settings, Circumstances())
    training.go_on_from(best)
    training.finish()


class _Training:
    """Both parts of one training, with one optimizer and one graph."""

    def __init__(
        self, model: keras.Model, head: Head, train: Part, validation: Part, settings: Settings, around: Circumstances
    ) -> None:
        self._model, self._head, self._settings = model, head, settings
        self._keeper, self._workers = around.keeper, around.workers
        self._optimizer = optimizer_of(settings)
        self._optimizer.build(model.trainable_variables)
        self._variables = [*model.variables, *self._optimizer.variables]
        self._order = np.random.default_rng(settings.seed)
        self._progress = Progress(history=around.history)
        self._began = time.perf_counter()
        self.resumed: Progress | None = None
        """Where an earlier attempt stood that this one goes on from."""
        self._rows = len(train.target)
        self._encoded = tf.constant(np.concatenate([train.encoded, validation.encoded]))
        self._target = tf.constant(np.concatenate([head.prepare(part.target) for part in (train, validation)]))
        self._pass = tf.function(
            self._run_pass,
            input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.float32)],
            autograph=False,  # to rewrite Python is half of what the first epoch costs; the loop is written out
        )
        self._validate = tf.function(self._run_validation, input_signature=[], autograph=False)

    @property
    def best(self) -> int:
        """The epoch of the search whose weights were the best."""
        return self._progress.best

    def join(self) -> None:
        """Go on where the keeper says, if all workers say the same; else begin with the chief's weights."""
        kept = self._keeper.load()
        same = self._workers.agree(-1.0 if kept is None else STAGES.index(kept.stage) * 1e5 + kept.epoch)
        if kept is not None and same:
            self.resumed = replace(kept, state=(), best_state=(), predicted=())
            if self._workers.is_chief:
                tell(f"resumed stage={kept.stage} epoch={kept.epoch}")
            self._progress.history[:] = kept.history
            self._progress = replace(kept, history=self._progress.history)
            self._order.bit_generator.state = kept.order
            for variable, value in zip(self._variables, kept.state, strict=True):
                variable.assign(value)
        elif self._workers.count > 1:
            self._restore(self._workers.from_chief(self._read_state()))

    def search(self, report: Callable[[Epoch], None]) -> None:
        """Train until the validation loss no longer falls; leave the best weights."""
        progress, settings = self._progress, self._settings
        if progress.stage != "search":
            return
        while progress.epoch < settings.epochs and progress.epoch - progress.best < settings.patience:
            progress.epoch += 1
            order = self._draw(self._rows)
            course = (settings.schedule, settings.learning_rate, progress.epoch, settings.epochs)
            loss = self._run(order, rates(*course, len(order)))
            val_loss, predicted = self._validated()
            report(Epoch(progress.epoch, loss, val_loss, self._head.unit.of(predicted)))
            if val_loss < progress.best_loss - ENOUGH:
                progress.best, progress.best_loss, progress.best_state = progress.epoch, val_loss, self._read_state()
            self._keep()
        if not progress.best_state:
            raise TrainingError("Training found no weights with a finite validation loss; try a lower learning_rate.")
        self._restore(progress.best_state)

    def go_on_from(self, best: int) -> None:
        """Take the weights as they are for those of the best epoch of a search, which was ``best``."""
        self._progress = replace(self._progress, stage="finish", best=best, best_state=self._read_state())

    def calibrate(self, validation: Part) -> None:
        """Have the head learn from the best weights' answers."""
        progress = self._progress
        if progress.stage == "search":
            weigh_depth(self._model, self._head, validation.encoded, self._head.prepare(validation.target))
            (answers,) = in_pieces(self._predict, validation.encoded, 1)
            self._progress = progress = replace(progress, stage="finish", epoch=0, predicted=[answers.numpy()])
        self._head.calibrate(progress.predicted[0], validation.target)

    def finish(self) -> None:
        """Train on all rows, the learning rate falling to nothing; without effect if that goes astray."""
        progress = self._progress
        if progress.stage == "finish" and not progress.epoch:
            refit_linear(self._model, self._head, self._encoded.numpy(), self._target.numpy())
        epochs = max(FINISH_LEAST, math.ceil(FINISH * progress.best))
        steps = len(self._target) // self._settings.batch_size
        falling = self._settings.learning_rate * np.linspace(1, 0, epochs * steps, endpoint=False)
        while progress.stage == "finish" and progress.epoch < epochs:
            order = self._draw(len(self._target))
            loss = self._run(order, falling[progress.epoch * steps :][:steps].astype(np.float32))
            progress.epoch += 1
            if not math.isfinite(loss):
                self._restore(progress.best_state)
                break
            self._keep()
        if progress.stage == "finish":
            progress.stage = "done"
            self._keep(due=True)

    def _run(self, order: np.ndarray, course: np.ndarray) -> float:
        """One epoch, this worker's share of it; its mean loss over all workers."""
        share = self._workers.share(order.shape[1])
        return float(self._pass(order[:, share], course))

    def _validated(self) -> tuple[float, np.ndarray]:
        """Loss and answers for the validation part; what is decided by the loss all workers decide alike."""
        loss, predicted = self._validate()
        return float(loss), predicted.numpy()

    def _keep(self, *, due: bool = False) -> None:
        self._keeper.keep(self._standing, self._workers.any, due=due)

    def _standing(self) -> Progress:
        state = [variable.numpy() for variable in self._variables]
        seconds = (self.resumed.seconds if self.resumed else 0.0) + time.perf_counter() - self._began
        return replace(self._progress, state=state, order=self._order.bit_generator.state, seconds=seconds)

    def _draw(self, rows: int) -> np.ndarray:
        """Row numbers [steps, batch] of one epoch in random order; a rest too small for a batch is left out."""
        steps = rows // self._settings.batch_size
        drawn = self._order.permutation(rows)[: steps * self._settings.batch_size]
        return drawn.reshape(steps, -1).astype(np.int32)

    def _read_state(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._learnt()]

    def _restore(self, state: Arrays) -> None:
        for variable, value in zip(self._learnt(), state, strict=True):
            variable.assign(value)

    def _learnt(self) -> list[keras.Variable]:
        """All variables but the seeds of what is drawn, which never go back."""
        return [variable for variable in self._variables if "seed" not in variable.path.rsplit("/", 1)[-1]]

    def _run_pass(self, order: tf.Tensor, course: tf.Tensor) -> tf.Tensor:
        """Steps over rows by number, each with its learning rate; the mean loss."""
        weights, steps = self._model.trainable_variables, tf.shape(order)[0]
        share = tf.cast(tf.shape(order)[1], tf.float32) / self._settings.batch_size

        def take(step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[step]
            with tf.GradientTape() as tape:
                scores = self._model(tf.gather(self._encoded, rows), training=True)
                loss = self._head.loss(tf.gather(self._target, rows), scores)
                if self._workers.count > 1:
                    loss *= share
            gradients = self._workers.sum(tape.gradient(loss, weights))
            self._optimizer.learning_rate.assign(course[step])
            self._optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return step + 1, total + loss

        # One step at a time: weights are variables, which the loop itself does not see.
        _, total = tf.while_loop(lambda step, _: step < steps, take, (0, 0.0), parallel_iterations=1)
        (total,) = self._workers.sum([total])
        return total / tf.cast(steps, tf.float32)

    def _run_validation(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss, a mean over all workers, and the predictions for the validation part."""
        pooled, predicted = in_pieces(self._answer, self._encoded[self._rows :], 2)
        loss = self._head.loss(self._target[self._rows :], pooled[None])
        (total,) = self._workers.sum([loss])
        return total / self._workers.count, predicted

    def _answer(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The pooled scores [rows, outputs], and the predictions."""
        scores = self._model(encoded, training=False)
        return self._head.pool(scores)[0], self._head.predict(scores)

    def _predict(self, encoded: tf.Tensor) -> tuple[tf.Tensor]:
        return (self._head.predict(self._model(encoded, training=False)),)
