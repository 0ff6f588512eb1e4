"""What each format of an engine costs and is worth: bytes, the time of one row, and quality on the same rows."""

import json
import statistics
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from headgate_training.answers import answers
from headgate_training.bootstrap import paired_difference
from headgate_training.contenders import EvaluationError
from headgate_training.litert import FLOAT32, FORMATS, PRUNED, LiteRtModel, engine_file
from headgate_training.metrics import Outcome, plain
from headgate_training.pruned import time_saved_models
from headgate_training.spec import Spec
from headgate_training.table import Table

ROUNDS = 60
"""Turns of each format; a turn is TURN requests of one row."""
TURN = 5


def formats_of(
    directory: Path, table: Table, target: np.ndarray, spec: Spec, rounds: int = ROUNDS
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The ``formats`` of evaluation.json for the version in ``directory`` (``1/``), measured on rows it never saw; and
    what float32 and those that could serve answer to these rows [rows, outputs].

    Each has ``name``, ``bytes``, ``p50_microseconds`` (one row: encode, network, answer), ``value`` of the metric,
    ``difference`` (``estimate``, ``low``, ``high``: this format minus float32, oriented so that more is better; None
    for float32) and ``skipped``: None, or the reason why there is none of it, and then the rest is None. Where there
    is a pruned network, it and float32 have ``saved_model_microseconds``, too: one row, in TensorFlow.
    """
    engines, reasons = _load(directory)
    times = _time(engines, table, rounds)
    positive = spec.classes.index(spec.positive) if spec.positive else 0
    encoded = engines[0][1].encode(table)  # the same for every format
    outputs = {name: engine.run(encoded) for name, engine in engines}
    in_tensorflow = _in_tensorflow(directory, table, outputs, reasons)
    outcomes = {
        name: Outcome(target, _predicted(given, spec), positive)
        for name, given in outputs.items()
        if name not in reasons
    }
    listed = []
    for name in FORMATS:
        entry: dict[str, Any] = dict.fromkeys(("bytes", "p50_microseconds", "value", "difference"))
        if name in in_tensorflow:
            entry["saved_model_microseconds"] = in_tensorflow[name]
        if name in outcomes and np.isfinite(outcomes[name].predicted).all():
            entry["bytes"] = (directory / "assets.extra" / engine_file(name)).stat().st_size
            entry["p50_microseconds"] = round(times[name], 2)
            value = plain(spec.metric, outcomes[name])
            entry["value"] = value if np.isfinite(value) else None
            if name != FLOAT32:
                compared = paired_difference(spec.metric, spec.direction, outcomes[name], outcomes[FLOAT32], spec.seed)
                entry["difference"] = asdict(compared)
        elif name in outcomes:
            reasons[name] = "It gives answers that are no finite numbers."
        listed.append({"name": name} | entry | {"skipped": reasons.get(name)})
    return listed, {name: given for name, given in outputs.items() if name == FLOAT32 or name not in reasons}


def outcome_of(outputs: np.ndarray, outcome: Outcome, spec: Spec) -> Outcome:
    """What a format that answered ``outputs`` says of rows whose ``outcome`` by the version itself is known."""
    return replace(outcome, predicted=_predicted(outputs, spec))


def _load(directory: Path) -> tuple[list[tuple[str, LiteRtModel]], dict[str, str]]:
    """The engines that can be loaded, and why the others cannot; float32 has to."""
    extra = directory / "assets.extra"
    engines, reasons = [(FLOAT32, LiteRtModel(directory))], _reasons(extra)
    for name in FORMATS[1:]:
        if not (extra / engine_file(name)).is_file():
            reasons.setdefault(name, "The version was trained without it.")
            continue
        try:
            engines.append((name, LiteRtModel(directory, name)))
        except (ValueError, RuntimeError) as error:
            reasons[name] = f"The engine does not load it ({type(error).__name__})."
    return engines, reasons


def _in_tensorflow(
    directory: Path, table: Table, outputs: dict[str, np.ndarray], reasons: dict[str, str]
) -> dict[str, float]:
    """Microseconds of the SavedModels, where there are two; a pruned one that is not sound gets its reason."""
    if PRUNED not in outputs:
        return {}
    try:
        return time_saved_models(directory, table, outputs[PRUNED])
    except (EvaluationError, ValueError, OSError) as error:
        reasons[PRUNED] = str(error) if isinstance(error, EvaluationError) else "Its SavedModel does not load."
        return {}


def _reasons(extra: Path) -> dict[str, str]:
    """Why formats were skipped when the version was trained; older versions have no such file."""
    path = extra / "formats.json"
    if not path.is_file():
        return {}
    listed = json.loads(path.read_text(encoding="utf-8"))["formats"]
    return {entry["name"]: entry["skipped"] for entry in listed if entry["skipped"]}


def _time(engines: list[tuple[str, LiteRtModel]], table: Table, rounds: int) -> dict[str, float]:
    """Median microseconds for one row. All take turns, so that a busy machine slows all alike; the first warms up."""
    row = table.take(np.arange(1))
    taken: dict[str, list[int]] = {name: [] for name, _ in engines}
    for turn in range(rounds + 1):
        for name, engine in engines:
            for number in range(TURN + 1):
                start = time.perf_counter_ns()
                answers(engine.predict(row), engine.spec)
                if turn and number:  # the first of a turn finds another's data in the caches
                    taken[name].append(time.perf_counter_ns() - start)
    return {name: statistics.median(times) / 1000 for name, times in taken.items()}


def _predicted(outputs: np.ndarray, spec: Spec) -> np.ndarray:
    """Values [rows] of low, value, high; probabilities [rows, classes] as they are."""
    return (outputs[:, 1] if spec.task == "regression" else outputs).astype(np.float64)
