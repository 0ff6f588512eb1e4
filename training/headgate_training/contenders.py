"""The models of a processing job: opened once, and asked about every part of the data."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from headgate_training.answers import Answer, answers
from headgate_training.metrics import METRICS, Outcome
from headgate_training.parquet import read_parquet, read_target
from headgate_training.savedmodel import SavedModel
from headgate_training.spec import Spec
from headgate_training.table import RowReader, Table
from headgate_training.trivial import Trivial, load_trivial

TOLERANCE = 1e-4
"""A golden answer may differ by so much, relative to the larger of 1 and its size."""


class EvaluationError(ValueError):
    """Raised when a model cannot be judged: it contradicts its own golden answers, or its task is another."""


class Contender:
    """A model of an unpacked archive, held to its golden answers when it is opened. Use it in ``with``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.model = SavedModel(directory)
        self.spec = self.model.spec
        _check_golden(self.model, directory / "assets.extra" / "golden.json")

    def predict(self, table: Table) -> np.ndarray:
        """Values [rows] or probabilities [rows, classes] for a table, as an Outcome takes them."""
        return _in_classes_of(self.model.predict(table), self.spec, self.spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.model.__exit__()


@dataclass(frozen=True)
class Predicted:
    """What one model says of rows whose target is known, in the classes of the challenger's spec."""

    outcome: Outcome
    ranges: np.ndarray | None
    """low and high [rows, 2] of a regression; None for classes."""


@dataclass(frozen=True)
class Seen:
    """One part of the data, and what each model says of it."""

    path: Path
    table: Table
    """The challenger's columns."""
    outputs: np.ndarray
    """The challenger's SavedModel's own [rows, outputs]."""
    challenger: Predicted
    champion: Predicted | None
    trivial: dict[str, Outcome]
    """The trivial predictor's answer by metric."""
    trivial_repeats: int
    """How many steps ago the value lies that it repeats; 0 where it repeats none."""

    @property
    def rows(self) -> int:
        """How many rows the part has."""
        return len(self.outputs)


def look(path: Path, challenger: Contender, champion: Contender | None) -> Seen:
    """Ask the models about all rows of a Parquet file or folder. Raises DataError and EvaluationError."""
    spec = challenger.spec
    table, target = read_parquet(path, spec), read_target(path, spec)
    if not len(table):
        raise EvaluationError(f"There are no rows in {path.name}: nothing can be judged on them.")
    outputs = challenger.model.predict(table)
    positive = spec.classes.index(spec.positive) if spec.positive else 0
    guess: Trivial = load_trivial(challenger.directory / "assets.extra" / "trivial.json")
    return Seen(
        path,
        table,
        outputs,
        challenger=_predicted(outputs, spec, spec, target, positive),
        champion=_predicted(
            champion.model.predict(read_parquet(path, champion.spec)), champion.spec, spec, target, positive
        )
        if champion
        else None,
        trivial={name: Outcome(target, guess.predict(table, spec, name), positive) for name in METRICS[spec.task]},
        trivial_repeats=guess.repeats,
    )


def parity(seen: Seen, twin: np.ndarray) -> dict[str, float | int | None]:
    """How far apart the two engines are: the SavedModel, and LiteRT behind the numpy encoding, which answered ``twin``.

    Errors are relative to the larger of 1 and the SavedModel's output, so that units do not matter.
    """
    errors = np.abs(twin - seen.outputs) / np.maximum(1.0, np.abs(seen.outputs))
    worst = float(errors.max(initial=0.0))
    return {"max_abs_error": worst if np.isfinite(worst) else None, "rows": seen.rows}


def _predicted(outputs: np.ndarray, own: Spec, spec: Spec, target: np.ndarray, positive: int) -> Predicted:
    ranges = outputs[:, [0, 2]].astype(np.float64) if own.task == "regression" else None
    return Predicted(Outcome(target, _in_classes_of(outputs, own, spec), positive), ranges)


def _in_classes_of(outputs: np.ndarray, own: Spec, spec: Spec) -> np.ndarray:
    """Values [rows], or probabilities [rows, classes] in the classes of ``spec``; 0 for a class the model lacks."""
    if (own.task == "regression") != (spec.task == "regression"):
        raise EvaluationError(f"The champion does {own.task} but the challenger {spec.task}: they cannot be compared.")
    if spec.task == "regression":
        return outputs[:, 1].astype(np.float64)
    column = {name: outputs[:, number] for number, name in enumerate(own.classes)}
    nothing = np.zeros(len(outputs))
    return np.column_stack([column.get(name, nothing) for name in spec.classes]).astype(np.float64)


def _check_golden(model: SavedModel, path: Path) -> None:
    """Ask a model its golden requests again; raises EvaluationError when an answer has changed."""
    golden = json.loads(path.read_text(encoding="utf-8"))["golden"]
    table = RowReader(model.spec.columns).read([example["request"] for example in golden])
    given = answers(model.predict(table), model.spec)
    wrong = sum(not _agree(answer, example["answer"]) for answer, example in zip(given, golden, strict=True))
    if wrong:
        raise EvaluationError(f"A model contradicts {wrong} of its {len(golden)} golden answers.")


def _agree(given: Answer, expected: Answer) -> bool:
    """Whether the numbers are the same but for TOLERANCE; a label follows from its probabilities."""
    numbers = given.keys() - {"label"}
    return given.keys() == expected.keys() and all(
        np.allclose(given[name], expected[name], rtol=TOLERANCE, atol=TOLERANCE) for name in numbers
    )
