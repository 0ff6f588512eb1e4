"""What the raw scores of a network mean: loss and answer for each kind of target.

Scores are [members, rows, outputs]; an answer is the mean over the members, and the network that is exported
ends with it. Answers: probabilities [rows, classes] for classes; low, value, high [rows, 3] for numbers, in the unit of
their head.
"""

import math
from typing import Protocol

import numpy as np
import tensorflow as tf

from headgate_training.encoding import Unit
from headgate_training.encoding_fit import skewness
from headgate_training.spec import Spec
from headgate_training.words import TrainingError

HELD = 0.9
"""``low`` to ``high`` shall hold the true value of so many rows that nobody has seen."""
SKEWED = 1.0
"""Targets that are never negative and skewed more than this are treated as counts or amounts."""
START = 0.5413
"""log(e - 1): softplus of it is 1, so that scores around 0 are amounts around the mean."""
LEAST_SHARE = 0.05
"""Of the target's deviation: an answer of nothing has errors, too."""
LEAST_STARTED = 0.02
"""Of the mean amount: a row of less is one of so much where scores are asked for; those of nothing have no end."""
LARGEST, SMALLEST = 1e150, 1e-150
"""Squares of targets beyond have no place in 64 bits."""
LEAST = 1e-6
"""Of the mean amount: less is not predicted, so that its logarithm stays finite."""


class Head(Protocol):
    """One kind of target."""

    outputs: int
    """Scores that the network gives for each row."""
    unit: Unit
    """Of the answers."""

    def prepare(self, target: np.ndarray) -> np.ndarray:
        """The target as the loss takes it."""

    def loss(self, prepared: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Mean loss of all rows and members, a scalar."""

    def pool(self, scores: tf.Tensor) -> tf.Tensor:
        """The scores [1, rows, outputs] of the members' mean answer."""

    def predict(self, scores: tf.Tensor) -> tf.Tensor:
        """The members' mean answer: probabilities [rows, classes] or values [rows], in the head's unit."""

    def calibrate(self, predicted: np.ndarray, target: np.ndarray) -> None:
        """Learn from the validation part, whose target comes in its own unit, how far answers are off."""

    def answer(self, scores: tf.Tensor) -> tf.Tensor:
        """The one output of the exported network."""


class Classes:
    """Two classes or more: softmax and cross-entropy, each row weighted by its class where ``weights`` are given."""

    unit = Unit()

    def __init__(self, classes: int, weights: np.ndarray | None = None) -> None:
        self.outputs = classes
        self._weights = None if weights is None else weights.astype(np.float32)

    def prepare(self, target: np.ndarray) -> np.ndarray:
        """Class numbers stay class numbers."""
        return target.astype(np.int32)

    def loss(self, prepared: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Cross-entropy."""
        labels = tf.broadcast_to(prepared, tf.shape(scores)[:2])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
        return tf.reduce_mean(losses if self._weights is None else losses * tf.gather(self._weights, labels))

    def pool(self, scores: tf.Tensor) -> tf.Tensor:
        """Logarithm of the mean probabilities, but for a constant that softmax takes out."""
        return tf.reduce_logsumexp(tf.nn.log_softmax(scores), axis=0, keepdims=True)

    def predict(self, scores: tf.Tensor) -> tf.Tensor:
        """Mean of the members' probabilities."""
        return tf.reduce_mean(tf.nn.softmax(scores), axis=0)

    def calibrate(self, predicted: np.ndarray, target: np.ndarray) -> None:
        """Nothing to learn: probabilities say themselves how sure they are."""

    def answer(self, scores: tf.Tensor) -> tf.Tensor:
        """The probabilities."""
        return self.predict(scores)


class Numbers:
    """Any number: standardised, squared error. ``ahead`` says that rows to come are later than all that were seen."""

    outputs = 1

    def __init__(self, target: np.ndarray, *, ahead: bool = False) -> None:
        self._ahead = ahead
        self.unit = self._unit_of(target)
        self._residuals = (0.0, 0.0)
        self._grows = False

    def prepare(self, target: np.ndarray) -> np.ndarray:
        """Deviations from the training mean, in standard deviations."""
        return ((target - self.unit.zero) / self.unit.one).astype(np.float32)

    def scores_of(self, target: np.ndarray) -> np.ndarray:
        """The scores [rows] that would answer these rows."""
        return self.prepare(target)

    def loss(self, prepared: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Squared error."""
        return tf.reduce_mean(tf.square(scores[..., 0] - prepared))

    def pool(self, scores: tf.Tensor) -> tf.Tensor:
        """Mean of the scores."""
        return tf.reduce_mean(scores, axis=0, keepdims=True)

    def predict(self, scores: tf.Tensor) -> tf.Tensor:
        """The mean score."""
        return self.pool(scores)[0, :, 0]

    def calibrate(self, predicted: np.ndarray, target: np.ndarray) -> None:
        """Keep how far the validation errors reach, in the unit that errors grow with."""
        target = (target - self.unit.zero) / self.unit.one
        if self._ahead:
            self._grows = self._errors_grow(predicted, target)
        residuals = (target - predicted) / self._error_unit(tf.constant(predicted)).numpy()
        self._residuals = reach(residuals, either_side=self._ahead)

    def answer(self, scores: tf.Tensor) -> tf.Tensor:
        """Low, value and high."""
        value = self.predict(scores)
        low, high = (value + residual * self._error_unit(value) for residual in self._residuals)
        return tf.stack([low, value, high], axis=1)

    def _error_unit(self, value: tf.Tensor) -> tf.Tensor:
        """Errors are the same for small values and large ones, or so of a series that grows in per cent."""
        return tf.abs(value + self.unit.zero / self.unit.one) + LEAST_SHARE if self._grows else tf.ones_like(value)

    def _unit_of(self, target: np.ndarray) -> Unit:
        return Unit(float(target.mean()), float(target.std()) or 1.0)

    def _errors_grow(self, predicted: np.ndarray, target: np.ndarray) -> bool:
        """Whether errors are more alike in shares of the answers than as they are: of which they are likelier.

        The likelihood is that of errors with the density of Laplace, whose scale is their mean size.
        """
        sizes, doubts = np.abs(target - predicted), []
        for self._grows in (False, True):
            unit = self._error_unit(tf.constant(predicted)).numpy()
            doubts.append(np.log((sizes / unit).mean() + 1e-12) + np.log(unit).mean())
        return bool(doubts[1] < doubts[0])


class Amounts(Numbers):
    """Counts and amounts, never negative and skewed: the network says the mean, by softplus.

    Trained by the Poisson deviance, which weighs an error by the amount it is an error of. Softplus rather than exp:
    influences on large amounts add up where exp would multiply them, and an unusual row is not answered beyond reason.
    """

    def scores_of(self, target: np.ndarray) -> np.ndarray:
        """The inverse of softplus, for amounts of LEAST_STARTED and more."""
        amounts = np.maximum(target / self.unit.one, LEAST_STARTED)
        return (amounts + np.log(-np.expm1(-amounts)) - START).astype(np.float32)

    def loss(self, prepared: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Poisson deviance, but for a constant."""
        amounts = _softplus(scores[..., 0] + START) + LEAST
        return tf.reduce_mean(amounts - prepared * tf.math.log(amounts))

    def pool(self, scores: tf.Tensor) -> tf.Tensor:
        """The score of the mean amount, by the inverse of softplus."""
        amounts = self._amounts(scores)
        return (amounts + tf.math.log(-tf.math.expm1(-amounts)) - START)[None, :, None]

    def predict(self, scores: tf.Tensor) -> tf.Tensor:
        """The mean amount."""
        return self._amounts(scores)

    def answer(self, scores: tf.Tensor) -> tf.Tensor:
        """Low, value and high, none of them negative."""
        return tf.maximum(super().answer(scores), 0.0)

    def _unit_of(self, target: np.ndarray) -> Unit:
        """Multiples of the training mean."""
        return Unit(0.0, float(target.mean()))

    def _amounts(self, scores: tf.Tensor) -> tf.Tensor:
        """Mean over the members [rows]."""
        return tf.reduce_mean(_softplus(scores[..., 0] + START) + LEAST, axis=0)

    def _error_unit(self, value: tf.Tensor) -> tf.Tensor:
        """Errors of counts grow with the root of the mean."""
        return tf.sqrt(value)


def _softplus(scores: tf.Tensor) -> tf.Tensor:
    """log(1 + exp(x)), in operations that LiteRT has."""
    return tf.nn.relu(scores) + tf.math.log(1.0 + tf.exp(-tf.abs(scores)))


def choose_head(spec: Spec, target: np.ndarray, class_weights: str = "none") -> Head:
    """The head for a task, chosen from the training part's target; ``class_weights`` are none or balanced."""
    if spec.task != "regression":
        classes = len(spec.classes)
        return Classes(classes, balanced_weights(target, classes) if class_weights == "balanced" else None)
    largest = float(np.abs(target).max())
    if largest > LARGEST or 0 < largest < SMALLEST:
        size = "large" if largest > LARGEST else "small"
        raise TrainingError(f"The numbers of {spec.target!r} are too {size} to be squared. Write them in another unit.")
    # What comes next in a series goes on in a straight line, which the score of an amount is not.
    if spec.forecast is None and target.min() >= 0 and skewness(target) > SKEWED:
        return Amounts(target)
    return Numbers(target, ahead=spec.forecast is not None)


def reach(residuals: np.ndarray, *, either_side: bool) -> tuple[float, float]:
    """How far below and above an answer HELD of the true values lie, of rows that are not among the ``residuals``.

    Split conformal prediction (Lei et al., 2018, "Distribution-Free Predictive Inference for Regression"): of n errors
    the rank that n + 1 ask for. Below and above are told apart, half of the rest beyond each, where the errors to come
    lie as these do and there are enough of them for two ranks. ``either_side`` takes their size alone: a series moves
    on, and whether answers are too low or too high in the last months says nothing about the next.
    """
    count = len(residuals)

    def rank(share: float) -> int:
        return math.ceil((count + 1) * share - 1e-9)

    above = rank((1 + HELD) / 2)
    if either_side or above > count:
        size = float(np.sort(np.abs(residuals))[min(rank(HELD), count) - 1])
        return -size, size
    ordered = np.sort(residuals)
    return min(float(ordered[count - above]), 0.0), max(float(ordered[above - 1]), 0.0)


def balanced_weights(target: np.ndarray, classes: int) -> np.ndarray:
    """Weights [classes] with which every class counts the same and all rows count as many as there are.

    A class without rows has none to weigh; its weight is 1.
    """
    counts = np.bincount(target.astype(np.int64), minlength=classes)
    present = counts > 0
    return np.where(present, len(target) / (present.sum() * np.maximum(counts, 1)), 1.0)
