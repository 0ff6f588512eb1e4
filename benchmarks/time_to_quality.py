"""Time to quality: seconds until a network is as good on the validation rows as plain `model.fit` makes one.

    python -m benchmarks.time_to_quality [--json] [--rows N] [--epochs N] [--rounds N]

The table is generated: 20 normal columns, two classes that a small random network tells apart. The peer is what a
tutorial says: three dense layers, numpy arrays, batch 32, Adam with 1e-3, so many epochs. The target is the best
validation accuracy that it came to, its time is when it first did. Headgate's time is until an epoch of its default
training is as accurate; encoding and tracing included for both, the import of TensorFlow for neither. Every measurement
is a fresh process, and the two take turns. Processor seconds, of all threads, are told beside the wall clock's: they
say the same on a machine that others use, too. Headgate may take more epochs than the peer: it is seconds that count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

COLUMNS, VALIDATION = 20, 0.2
GOAL = 0.2
PATIENCE = 2
"""Times as many epochs as the peer has are waited for; it is seconds that count."""


Course = list[tuple[float, float, float]]
"""Of each epoch: seconds by the wall clock and of the processor since the beginning, and validation accuracy."""


class Clock:
    """Both kinds of seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """By the wall clock, and of the processor."""
        return time.perf_counter() - self._wall, time.process_time() - self._processor


def generate(rows: int) -> tuple[Any, Any]:
    """Float64 [rows, COLUMNS] and int64 [rows]."""
    import numpy as np

    random = np.random.default_rng(17)
    columns = random.normal(size=(rows, COLUMNS))
    hidden = np.tanh(columns @ random.normal(size=(COLUMNS, 12)) / COLUMNS**0.5 * 2)
    return columns, (hidden @ random.normal(size=12) > 0).astype(np.int64)


def plain(rows: int, epochs: int) -> Course:
    """The course of `model.fit`."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(17)
    columns, target = generate(rows)
    first, course = int(rows * (1 - VALIDATION)), []
    clock = Clock()
    columns = columns.astype(np.float32)
    model = keras.Sequential(
        [keras.layers.Dense(64, "relu"), keras.layers.Dense(32, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _epoch, logs: course.append((*clock.read(), logs["val_accuracy"]))
    )
    model.fit(
        columns[:first],
        target[:first],
        batch_size=32,
        epochs=epochs,
        validation_data=(columns[first:], target[first:]),
        callbacks=[note],
        verbose=0,
    )
    return course


def headgate(rows: int, epochs: int) -> Course:
    """The course of Headgate's default training."""
    import importlib

    import keras

    from headgate_training.encoding import Encoder
    from headgate_training.encoding_fit import fit_encoding
    from headgate_training.families import FAMILIES
    from headgate_training.fitting import Epoch, Part, fit
    from headgate_training.heads import choose_head
    from headgate_training.layout import find_layout
    from headgate_training.settings import Settings
    from headgate_training.spec import Column, Spec
    from headgate_training.table import Table

    names = tuple(Column(f"x{number}", "numeric") for number in range(COLUMNS))
    spec = Spec("y", "binary", ("0", "1"), "1", "accuracy", "maximize", 17, names)
    columns, target = generate(rows)
    first, course = int(rows * (1 - VALIDATION)), []
    settings = Settings(epochs=epochs).chosen_for(first, spec.seed)
    family = importlib.import_module(FAMILIES[settings.family])
    clock = Clock()
    encoding = fit_encoding(Table(columns[:first], []), spec)
    encoder = Encoder(encoding, spec)
    train, validation = (
        Part(encoder.encode(Table(columns[part], [])), target[part]) for part in (slice(first), slice(first, None))
    )
    keras.utils.set_random_seed(settings.seed or 0)
    head = choose_head(spec, train.target)
    model = family.build(encoding.width, head.outputs, settings, find_layout(encoding, train.encoded))

    def note(epoch: Epoch) -> None:
        accuracy = float((epoch.predicted.argmax(axis=1) == validation.target).mean())
        course.append((*clock.read(), accuracy))

    fit(model, head, train, validation, settings, note)
    return course


CONTESTANTS = {"plain": plain, "headgate": headgate}


def course_of(contestant: str, rows: int, epochs: int) -> Course:
    """What a fresh process measures."""
    asked = ["--only", contestant, f"--rows={rows}", f"--epochs={epochs}"]
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.time_to_quality", *asked],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    course: Course = json.loads(answer.stdout.splitlines()[-1])
    return course


def measure(rows: int, epochs: int, rounds: int) -> dict[str, Any]:
    """Medians over the rounds; `headgate` is None where it once never was as accurate."""
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        peer = course_of("plain", rows, epochs)
        target = max(accuracy for *_, accuracy in peer)
        ours = course_of("headgate", rows, PATIENCE * epochs)  # larger batches take fewer steps an epoch
        reached = [seconds for *seconds, accuracy in ours if accuracy >= target]
        if not reached:
            return {"target": target, "plain": peer, "headgate": None, "course": ours}
        took = next(seconds for *seconds, accuracy in peer if accuracy >= target)
        found.append(
            {
                "target": target,
                "plain": took[0],
                "headgate": reached[0][0],
                "ratio": reached[0][0] / took[0],
                "plain_processor": took[1],
                "headgate_processor": reached[0][1],
                "processor_ratio": reached[0][1] / took[1],
            }
        )
    return {name: statistics.median(one[name] for one in found) for name in found[0]} | {"rounds": found}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(CONTESTANTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(CONTESTANTS[options.only](options.rows, options.epochs)))
        return
    measured = measure(options.rows, options.epochs, options.rounds)
    if options.json:
        print(json.dumps(measured))
        return
    if measured["headgate"] is None:
        most = PATIENCE * options.epochs
        print(f"Headgate did not come to the target accuracy {measured['target']:.4f} in {most} epochs.")
        return
    print(f"{options.rows:,} rows x {COLUMNS} columns, to a validation accuracy of {measured['target']:.4f}")
    print(f"{'':22}{'wall':>10}{'processor':>12}")
    print(f"{'model.fit, batch 32':22}{measured['plain']:8.2f} s{measured['plain_processor']:10.2f} s")
    print(f"{'headgate':22}{measured['headgate']:8.2f} s{measured['headgate_processor']:10.2f} s")
    print(f"{'ratio':22}{measured['ratio']:8.3f}  {measured['processor_ratio']:10.3f}     goal: <= {GOAL}")
    ratios = (f"{one['ratio']:.3f}" for one in measured["rounds"])
    print(f"rounds: {', '.join(ratios)}")


if __name__ == "__main__":
    main()
