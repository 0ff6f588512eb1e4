"""A smaller copy of a trained network: the hidden units that matter least are taken out, and the rest trained on.

It is a network of the same family with fewer hidden units that starts from the weights of those which stay: smaller
wherever it is served: as SavedModel, as LiteRT file, as ONNX. Units are ranked by first-order Taylor importance
(Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019, eq. 8, of whole units): the squared change
of the loss, to first order, if nothing read the unit any more; its mean over batches of the validation part.
"""

import importlib

import keras
import numpy as np
import tensorflow as tf

from headgate_training.compression import SkippedError
from headgate_training.families import FAMILIES
from headgate_training.fitting import Part, refine
from headgate_training.heads import Head
from headgate_training.layout import Layout
from headgate_training.members import MembersDense
from headgate_training.settings import Settings

KEEP = 0.25
"""Share of the hidden units that stay. Half of them would leave a square layer a quarter of its work, these a 16th."""
BATCHES, BATCH = 16, 64
"""Rows of the validation part that importance is measured on, at most."""

Place = tuple[int, int, bool]
"""The number of a weight in ``model.weights``, an axis of it along which units lie, and whether they are a member's."""


def prune(
    model: keras.Model, head: Head, train: Part, validation: Part, settings: Settings, layout: Layout, best: int
) -> keras.Model:
    """A narrower copy of ``model``, trained on like the finish of a training whose best epoch was ``best``.

    Deterministic for a seed, as training is; the caller seeds Keras. ``model`` and ``head`` stay as they are. Raises
    SkippedError for a family that has no units which could be taken out.
    """
    family = importlib.import_module(FAMILIES[settings.family])
    if hasattr(family, "NOT_PRUNED"):
        raise SkippedError(family.NOT_PRUNED)
    small: keras.Model = family.build(train.encoded.shape[1], head.outputs, settings, layout, share=KEEP)
    weights = [weight.numpy() for weight in model.weights]
    importance = _importance(model, head, validation)
    for group in _groups(model, small, shared=family.UNITS_ARE_SHARED):
        wanted = small.weights[group[0][0]].shape[group[0][1]]
        kept = _kept(group, importance, wanted)
        for number, axis, _ in group:
            weights[number] = _take(weights[number], kept, axis)
    for variable, value in zip(small.weights, weights, strict=True):
        variable.assign(value)
    refine(small, head, train, validation, settings, best)
    return small


def _groups(model: keras.Model, small: keras.Model, shared: bool) -> list[list[Place]]:
    """Where the same units lie: the axes that are shorter in ``small``, of the whole network or layer by layer."""
    numbers = {id(weight): number for number, weight in enumerate(model.weights)}
    found = []
    for layer, narrow in zip(model.layers, small.layers, strict=True):
        found.append(
            [
                (numbers[id(weight)], axis, isinstance(layer, MembersDense))
                for weight, other in zip(layer.weights, narrow.weights, strict=True)
                for axis, (units, fewer) in enumerate(zip(weight.shape, other.shape, strict=True))
                if fewer < units
            ]
        )
    if shared:
        found = [[place for places in found for place in places]]
    return [places for places in found if places]


def _importance(model: keras.Model, head: Head, validation: Part) -> dict[int, list[np.ndarray]]:
    """For each weight by its number, and each batch, the change of the loss if a value were nothing, to first order."""
    target = head.prepare(validation.target)
    numbers = {id(weight): number for number, weight in enumerate(model.weights)}
    changes: dict[int, list[np.ndarray]] = {numbers[id(weight)]: [] for weight in model.trainable_weights}
    for start in range(0, min(len(target), BATCHES * BATCH), BATCH):
        with tf.GradientTape() as tape:
            scores = model(validation.encoded[start : start + BATCH], training=False)
            loss = head.loss(target[start : start + BATCH], scores)
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
            if gradient is not None:
                dense = tf.convert_to_tensor(gradient)
                changes[numbers[id(weight)]].append((dense * weight.value).numpy())
    return changes


def _kept(group: list[Place], changes: dict[int, list[np.ndarray]], wanted: int) -> np.ndarray:
    """Numbers of the units that stay, rising: [wanted], or [members, wanted] of a group that members have each."""
    reading = [(number, axis, own) for number, axis, own in group if axis == changes[number][0].ndim - 2]
    batches = range(len(changes[reading[0][0]]))
    squares = []
    for batch in batches:
        total: np.ndarray | float = 0.0
        for number, axis, own in reading:
            change = changes[number][batch]
            others = tuple(each for each in range(change.ndim) if each != axis and not (own and each == 0))
            total = total + change.sum(axis=others)
        squares.append(np.square(total))
    importance = np.mean(squares, axis=0)
    return np.sort(np.argsort(-importance, axis=-1, kind="stable")[..., :wanted], axis=-1)


def _take(weight: np.ndarray, kept: np.ndarray, axis: int) -> np.ndarray:
    """The weight with those units only; ``kept`` as of ``_kept``."""
    if kept.ndim == 1:
        return np.take(weight, kept, axis)
    shape = [1] * weight.ndim
    shape[0], shape[axis] = kept.shape
    return np.take_along_axis(weight, kept.reshape(shape), axis)
