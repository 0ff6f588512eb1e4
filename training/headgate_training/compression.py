"""Smaller engines of a trained network, written beside the one that is sure: challengers, for the judge to compare.

``formats.json`` says of each what came of it. A format that cannot be made is skipped with its reason, and nothing else
suffers: float32 is what a version is judged and served by unless a format proves itself.
"""

import copy
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from headgate_training.encoding import Encoding
from headgate_training.export import Served
from headgate_training.families import FAMILIES
from headgate_training.fitting import Part, fit
from headgate_training.heads import Head
from headgate_training.layout import Layout
from headgate_training.litert import FORMATS, engine_file
from headgate_training.settings import Settings
from headgate_training.spec import Spec

LEAST_BYTES = 16 * 1024
"""A smaller network is not converted: reading and encoding one row takes several times as long as it does."""
LEAST_TO_PRUNE = 1024 * 1024
"""A smaller network is not pruned: that trains anew, for seconds, and a network of this size answers in less than
encoding takes."""
SAMPLE = 200
"""Training rows that int8 learns the ranges of values from."""
FINISH = 3
"""Epochs at most that a pruned network trains to find its feet again."""

Make = Callable[[], bytes]


class SkipError(ValueError):
    """Raised when a format does not fit a network; says why."""


class Compressor:
    """Makes every format of one trained model."""

    def __init__(self, model: keras.Model, head: Head, encoding: Encoding, spec: Spec, settings: Settings) -> None:
        self._model, self._head, self._settings = model, head, settings
        self._encoding, self._spec = encoding, spec

    def compress(self, served: Served, extra: Path, train: Part, validation: Part, layout: Layout) -> None:
        """Write ``model.<format>.litert`` for each format into ``extra``, and ``formats.json``; float32 is there."""
        size = (extra / engine_file("float32")).stat().st_size
        makers: dict[str, Make] = {
            "float16": lambda: convert(served, _to_float16),
            "dynamic": lambda: convert(served, lambda _: None),
            "int8": lambda: convert(served, lambda converter: _to_int8(converter, train.encoded, self._settings.seed)),
            "pruned": lambda: self._prune(size, train, validation, layout),
        }
        made: list[dict[str, Any]] = [{"name": "float32", "bytes": size, "skipped": None}]
        for name in FORMATS[1:]:
            content, reason = _attempt(makers[name], size)
            if content is not None:
                (extra / engine_file(name)).write_bytes(content)
            made.append({"name": name, "bytes": len(content) if content else None, "skipped": reason})
        (extra / "formats.json").write_text(json.dumps({"format": 1, "formats": made}, indent=1), encoding="utf-8")

    def _prune(self, size: int, train: Part, validation: Part, layout: Layout) -> bytes:
        family = importlib.import_module(FAMILIES[self._settings.family])
        if not hasattr(family, "prune"):
            raise SkipError(f"The family {self._settings.family} has no parts that can be taken out.")
        if size < LEAST_TO_PRUNE:
            raise SkipError(f"The network takes {size} bytes; below {LEAST_TO_PRUNE} pruning gains no time.")
        smaller, model = family.prune(self._model, self._encoding.width, self._head.outputs, self._settings, layout)
        head = copy.copy(self._head)  # the original keeps what it learnt of the whole network
        few = replace(smaller, epochs=FINISH, patience=FINISH)
        fit(model, head, train, validation, few, lambda _: None)
        return convert(Served(model, head, self._encoding, self._spec))


def convert(served: Served, change: Callable[[tf.lite.TFLiteConverter], None] | None = None) -> bytes:
    """The network behind the encoding as a LiteRT file: float32, or quantised as ``change`` wants it."""
    function = served.network.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], served)
    if change is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        change(converter)
    content: bytes = converter.convert()
    return content


def _attempt(make: Make, size: int) -> tuple[bytes | None, str | None]:
    """What was made, or why not. Converters raise what they like: none of it may end a job that has a model."""
    if size < LEAST_BYTES:
        return None, f"The network takes {size} bytes; below {LEAST_BYTES} a smaller one gains nothing."
    try:
        return make(), None
    except SkipError as error:
        return None, str(error)
    except Exception as error:
        return None, f"It could not be made ({type(error).__name__})."


def _to_float16(converter: tf.lite.TFLiteConverter) -> None:
    converter.target_spec.supported_types = [tf.float16]


def _to_int8(converter: tf.lite.TFLiteConverter, encoded: np.ndarray, seed: int | None) -> None:
    """Weights and activations; rows go in and answers come out as float32, so that the calling code is the same."""
    chosen = np.random.default_rng(seed).permutation(len(encoded))[:SAMPLE]

    def sample() -> Iterator[list[np.ndarray]]:
        for row in chosen:
            yield [encoded[row : row + 1]]

    converter.representative_dataset = sample
