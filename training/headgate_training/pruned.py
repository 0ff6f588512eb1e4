"""The pruned copy of a version, judged in the engine that AWS serves it by, and packed as a version of its own."""

import tarfile
from pathlib import Path

import numpy as np

from headgate_training.artifact import median_microseconds
from headgate_training.contenders import TOLERANCE, Contender, EvaluationError
from headgate_training.litert import PRUNED
from headgate_training.savedmodel import SavedModel
from headgate_training.table import Table

TIMES = 5
"""Turns that the two SavedModels take; of each the quickest median counts."""


def time_saved_models(directory: Path, table: Table, answered: np.ndarray) -> dict[str, float]:
    """Microseconds of one row by TensorFlow: the version's SavedModel (``float32``) and its ``pruned`` one.

    ``answered`` is what the pruned network answered to ``table`` as LiteRT file [rows, outputs]. Raises EvaluationError
    when its SavedModel contradicts that, or its golden answers.
    """
    row = table.take(np.arange(1))
    with Contender(directory / "assets.extra" / PRUNED) as pruned, SavedModel(directory) as whole:
        expected = pruned.model.predict(table)
        errors = np.abs(answered - expected) / np.maximum(1.0, np.abs(expected))
        if not errors.max(initial=0.0) <= TOLERANCE:
            raise EvaluationError("Its two engines answer differently.")
        models = {"float32": whole, PRUNED: pruned.model}
        medians: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(TIMES):
            for name, model in models.items():
                medians[name].append(median_microseconds(lambda model=model: model.predict(row)))  # type: ignore[misc]
    return {name: min(each) for name, each in medians.items()}


def pack_pruned(directory: Path, archive: Path) -> None:
    """Write the pruned copy within a version directory (``1/``) as a model.tar.gz, in the layout of any version's."""
    pruned, extra = directory / "assets.extra" / PRUNED, directory / "assets.extra"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(pruned, "1")
        for name in ("encoding.json", "trivial.json", "training.json"):
            if (extra / name).is_file():
                tar.add(extra / name, f"1/assets.extra/{name}")
        tar.add(directory.parent / "code", "code")
