"""The processing job: what a challenger is worth on the holdout, against the champion and against nothing."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from headgate_training.answers import Answer, answers
from headgate_training.archive import unpack
from headgate_training.bootstrap import LEVEL, paired_difference
from headgate_training.litert import LiteRtModel
from headgate_training.metrics import METRICS, Outcome, measure
from headgate_training.parquet import read_parquet, read_target
from headgate_training.savedmodel import SavedModel
from headgate_training.spec import Spec
from headgate_training.table import RowReader
from headgate_training.trivial import Trivial, load_trivial

TOLERANCE = 1e-4
"""A golden answer may differ by so much, relative to the larger of 1 and its size."""


class EvaluationError(ValueError):
    """Raised when a model cannot be judged: it contradicts its own golden answers, or its task is another."""


@dataclass(frozen=True)
class Evaluated:
    """A model's outputs on the holdout, [rows, outputs], and the spec that says what they mean."""

    outputs: np.ndarray
    spec: Spec


def evaluate(root: Path) -> dict[str, object]:
    """Judge the models under ``root/input``; return what was written to ``root/output/evaluation.json``."""
    holdout = root / "input" / "holdout"
    with tempfile.TemporaryDirectory() as scratch:
        directory = unpack(root / "input" / "challenger" / "model.tar.gz", Path(scratch) / "challenger")
        challenger = _run(directory, holdout)
        parity = _parity(directory, holdout, challenger.outputs)
        trivial = load_trivial(directory / "assets.extra" / "trivial.json")
        archive = root / "input" / "champion" / "model.tar.gz"
        champion = _run(unpack(archive, Path(scratch) / "champion"), holdout) if archive.exists() else None
    evaluation = _judge(challenger, champion, trivial, read_target(holdout, challenger.spec))
    evaluation |= {"parity": parity}
    output = root / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "evaluation.json").write_text(json.dumps(evaluation, indent=1, allow_nan=False), encoding="utf-8")
    return evaluation


def _run(directory: Path, holdout: Path) -> Evaluated:
    with SavedModel(directory) as model:
        _check_golden(model, directory / "assets.extra" / "golden.json")
        return Evaluated(model.predict(read_parquet(holdout, model.spec)), model.spec)


def _judge(
    challenger: Evaluated, champion: Evaluated | None, trivial: Trivial, target: np.ndarray
) -> dict[str, object]:
    spec = challenger.spec
    positive = spec.classes.index(spec.positive) if spec.positive else 0
    candidate = Outcome(target, _predicted(challenger, spec), positive)
    constants = {name: Outcome(target, trivial.predict(len(target), name), positive) for name in METRICS[spec.task]}
    rival = Outcome(target, _predicted(champion, spec), positive) if champion else None
    opponent = rival or constants[spec.metric]
    measured = measure(spec.task, candidate)
    if not np.isfinite(measured[spec.metric]):
        raise EvaluationError(f"The holdout cannot tell {spec.metric}: its target has a single value.")
    difference = paired_difference(spec.metric, spec.direction, candidate, opponent, spec.seed)
    return {
        "format": 1,
        "task": spec.task,
        "metric": spec.metric,
        "direction": spec.direction,
        "rows": len(target),
        "challenger": _defined(measured),
        "champion": _defined(measure(spec.task, rival)) if rival else None,
        "trivial": _defined({name: measure(spec.task, constant)[name] for name, constant in constants.items()}),
        "difference": {"against": "champion" if rival else "trivial", "level": LEVEL} | asdict(difference),
    }


def _predicted(model: Evaluated, spec: Spec) -> np.ndarray:
    """Values [rows], or probabilities [rows, classes] in the classes of ``spec``; 0 for a class the model lacks."""
    if (model.spec.task == "regression") != (spec.task == "regression"):
        raise EvaluationError(
            f"The champion does {model.spec.task} but the challenger {spec.task}: they cannot be compared."
        )
    if spec.task == "regression":
        return model.outputs[:, 1].astype(np.float64)
    column = {name: model.outputs[:, number] for number, name in enumerate(model.spec.classes)}
    nothing = np.zeros(len(model.outputs))
    return np.column_stack([column.get(name, nothing) for name in spec.classes]).astype(np.float64)


def _defined(metrics: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: a metric that the holdout does not define is null."""
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def _parity(directory: Path, holdout: Path, outputs: np.ndarray) -> dict[str, float | int | None]:
    """How far apart the two engines are: the SavedModel, and LiteRT behind the numpy encoding.

    Errors are relative to the larger of 1 and the SavedModel's output, so that units do not matter.
    """
    twin = LiteRtModel(directory)
    errors = np.abs(twin.predict(read_parquet(holdout, twin.spec)) - outputs) / np.maximum(1.0, np.abs(outputs))
    return _defined({"max_abs_error": float(errors.max(initial=0.0))}) | {"rows": len(outputs)}


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
