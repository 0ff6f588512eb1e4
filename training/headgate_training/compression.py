"""Smaller engines of a trained network, written beside the one that is sure: challengers, for the judge to compare.

``formats.json`` says of each what came of it. A format that cannot be made is skipped with its reason, and nothing else
suffers: float32 is what a version is judged and served by unless a format proves itself.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from headgate_training.export import Served
from headgate_training.litert import FORMATS, Interpreter, engine_file

LEAST_MICROSECONDS = 50.0
"""A network that answers one row in less is not converted, as no copy of it could save the time that the gate asks for
(`headgate.domain.formats.MICROSECONDS`). Conversions take a second, a fifth of the job of a small table."""
LARGE_BYTES = 10 * 2**20
"""From here on size counts for the gate whatever the time (`headgate.domain.formats.MATTERS_BYTES`)."""
TURNS = 20
"""Times that a network is timed; the quickest counts, which is what a busy machine disturbs least."""
SAMPLE = 200
"""Training rows that int8 learns the ranges of values from."""

Make = Callable[[], bytes]


class SkippedError(ValueError):
    """Raised when there is no such copy of a network; the message is the reason, a sentence."""


def compress(served: Served, extra: Path, encoded: np.ndarray, seed: int | None, prune: Make) -> None:
    """Write the file of each format into ``extra``, and ``formats.json``; float32 is there.

    ``encoded`` are the training rows [rows, width], from which int8 learns the ranges of values; ``prune`` makes the
    pruned network.
    """
    size = (extra / engine_file("float32")).stat().st_size
    makers: dict[str, Make] = {
        "float16": lambda: convert(served, _to_float16),
        "dynamic": lambda: convert(served, lambda _: None),
        "int8": lambda: convert(served, lambda converter: _to_int8(converter, encoded, seed)),
        "pruned": prune,
    }
    needless = _needless(extra / engine_file("float32"), encoded[:1])
    made: list[dict[str, Any]] = [{"name": "float32", "bytes": size, "skipped": None}]
    for name in FORMATS[1:]:
        content, reason = (None, needless) if needless else _attempt(makers[name])
        if content is not None:
            (extra / engine_file(name)).write_bytes(content)
        made.append({"name": name, "bytes": len(content) if content else None, "skipped": reason})
    (extra / "formats.json").write_text(json.dumps({"format": 1, "formats": made}, indent=1), encoding="utf-8")


def convert(served: Served, change: Callable[[tf.lite.TFLiteConverter], None] | None = None) -> bytes:
    """The network behind the encoding as a LiteRT file: float32, or quantised as ``change`` wants it.

    Told of no object that owns the weights the converter makes them constants at once. With one it would write a
    SavedModel and read it again for each conversion: three quarters of the time that one takes.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([served.network.get_concrete_function()])
    if change is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        change(converter)
    content: bytes = converter.convert()
    return content


def _needless(network: Path, row: np.ndarray) -> str | None:
    """Why nothing could be gained by smaller copies of a network, or None; ``row`` is an encoded one [1, width]."""
    if network.stat().st_size >= LARGE_BYTES or _quickest(network, row) >= LEAST_MICROSECONDS:
        return None
    # No figure of this machine: the same training shall write the same bytes.
    return (
        f"The network itself, without reading the row, needs less than {LEAST_MICROSECONDS:.0f} microseconds: there is "
        "too little to gain."
    )


def _quickest(network: Path, row: np.ndarray) -> float:
    """Microseconds that a network takes for one row when nothing disturbs it."""
    interpreter = Interpreter(model_path=str(network), num_threads=1)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, row.shape)
    interpreter.allocate_tensors()
    taken = []
    for _ in range(TURNS):
        start = time.perf_counter_ns()
        interpreter.set_tensor(place, row)
        interpreter.invoke()
        taken.append(time.perf_counter_ns() - start)
    return min(taken) / 1000


def _attempt(make: Make) -> tuple[bytes | None, str | None]:
    """What was made, or why not. Converters raise what they like: none of it may end a job that has a model."""
    try:
        return make(), None
    except SkippedError as error:
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
