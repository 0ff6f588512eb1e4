"""The processing job: what a challenger is worth on the holdout, against the champion and against nothing."""

import json
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from headgate_training.archive import unpack
from headgate_training.artifact import weigh
from headgate_training.baseline import write_baseline
from headgate_training.bootstrap import LEVEL, paired_difference
from headgate_training.calibration import calibration
from headgate_training.card import write_card
from headgate_training.contenders import Contender, EvaluationError, Seen, look, parity
from headgate_training.formats import formats_of, outcome_of
from headgate_training.groups import compare_groups
from headgate_training.importance import importance
from headgate_training.litert import FLOAT32, PRUNED, LiteRtModel
from headgate_training.metrics import Outcome, measure
from headgate_training.parquet import DataError, read_columns
from headgate_training.pruned import pack_pruned
from headgate_training.slices import Models, find_worst, measure_declared
from headgate_training.spec import Spec

__all__ = ["EvaluationError", "evaluate"]

FORMAT = 2


def evaluate(root: Path) -> dict[str, object]:
    """Judge the models under ``root/input``; return what was written to ``root/output/evaluation.json``.

    The model card is written beside it, as card.json and card.html.
    """
    inputs = root / "input"
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        challenger = _open(inputs, "challenger", scratch, stack)
        has_champion = (inputs / "champion" / "model.tar.gz").exists()
        champion = _open(inputs, "champion", scratch, stack) if has_champion else None
        holdout = look(inputs / "holdout", challenger, champion)
        newest, notes = _look_at_newest(inputs / "newest", challenger, champion)
        twin = LiteRtModel(challenger.directory)
        formats, outputs = formats_of(
            challenger.directory, holdout.table, holdout.challenger.outcome.target, challenger.spec
        )
        evaluation: dict[str, Any] = (
            _quality(holdout, challenger.spec)
            | {"newest": _newest(newest, challenger.spec) if newest else None}
            | _fairness(holdout, challenger.spec)
            | {
                "parity": parity(holdout, outputs[FLOAT32]),
                "artifact": weigh(inputs / "challenger" / "model.tar.gz", challenger.directory, challenger.model, twin),
                "importance": importance(
                    holdout.table, holdout.challenger.outcome, challenger.predict, challenger.spec
                ),
                "formats": formats,
                "notes": notes,
            }
        )
        output = root / "output"
        output.mkdir(parents=True, exist_ok=True)
        (output / "evaluation.json").write_text(json.dumps(evaluation, indent=1, allow_nan=False), encoding="utf-8")
        # What the version answers to invented rows, to be asked again by whoever watches it in service.
        shutil.copyfile(challenger.directory / "assets.extra" / "golden.json", output / "golden.json")
        # Where the holdout is an older dataset's, the newest rows are of the same kind as those that it learnt from.
        unseen, pruned = newest or holdout, None
        if PRUNED in outputs:
            pack_pruned(challenger.directory, output / PRUNED / "model.tar.gz")
            given = LiteRtModel(challenger.directory, PRUNED).predict(newest.table) if newest else outputs[PRUNED]
            pruned = outcome_of(given, unseen.challenger.outcome, challenger.spec)
        extra = challenger.directory / "assets.extra"
        write_baseline(extra, output, unseen.challenger.outcome, evaluation, challenger.spec, pruned)
        write_card(root, evaluation, challenger, holdout)
    return evaluation


def _open(inputs: Path, role: str, scratch: Path, stack: ExitStack) -> Contender:
    return stack.enter_context(Contender(unpack(inputs / role / "model.tar.gz", scratch / role)))


def _look_at_newest(path: Path, challenger: Contender, champion: Contender | None) -> tuple[Seen | None, list[str]]:
    """The newest data's own test part, and why it is not looked at where it cannot be.

    The fixed holdout fits every champion; newer data may have come without a column that only the champion needs.
    """
    if champion is None or not path.exists():
        return None, []
    try:
        return look(path, challenger, champion), []
    except (DataError, EvaluationError) as error:
        return None, [f"The newest data's own test part was not compared: {error}"]


def _quality(seen: Seen, spec: Spec) -> dict[str, object]:
    measured = measure(spec.task, seen.challenger.outcome)
    if not np.isfinite(measured[spec.metric]):
        raise EvaluationError(f"The holdout cannot tell {spec.metric}: its target has a single value.")
    guess = _difference(seen, seen.trivial[spec.metric], spec)
    against = _difference(seen, seen.champion.outcome, spec) if seen.champion else guess
    return {
        "format": FORMAT,
        "task": spec.task,
        "metric": spec.metric,
        "direction": spec.direction,
        "rows": seen.rows,
        "challenger": _defined(measured),
        "champion": _defined(measure(spec.task, seen.champion.outcome)) if seen.champion else None,
        "trivial": _defined({name: measure(spec.task, guess)[name] for name, guess in seen.trivial.items()}),
        "trivial_repeats": seen.trivial_repeats,
        "difference": {"against": "champion" if seen.champion else "trivial"} | against,
        "trivial_difference": guess,
    }


def _newest(seen: Seen, spec: Spec) -> dict[str, object] | None:
    """The same question on the newest rows; None where they cannot tell the metric."""
    assert seen.champion is not None
    if not np.isfinite((measured := measure(spec.task, seen.challenger.outcome))[spec.metric]):
        return None
    return {
        "rows": seen.rows,
        "challenger": _defined(measured),
        "champion": _defined(measure(spec.task, seen.champion.outcome)),
        "difference": _difference(seen, seen.champion.outcome, spec),
    }


def _fairness(seen: Seen, spec: Spec) -> dict[str, object]:
    """What averages hide: calibration, slices, groups of people."""
    of_grids = {column for grid in spec.grids for column in grid.columns}
    searched = [column.name for column in spec.columns if column.kind != "text" and column.name not in of_grids]
    dates = {column.name for column in spec.columns if column.kind == "datetime"}
    columns = read_columns(seen.path, [*searched, *spec.slices, *spec.sensitive], dates)
    models = Models(seen.challenger.outcome, seen.champion.outcome if seen.champion else None, spec)
    declared = measure_declared({name: columns[name] for name in spec.slices if name in columns}, models)
    found = find_worst({name: columns[name] for name in searched if name not in spec.slices}, models)
    return {
        "calibration": {
            "challenger": calibration(seen.challenger, spec),
            "champion": calibration(seen.champion, spec) if seen.champion else None,
        },
        "slices": declared + found,
        "groups": compare_groups(spec.sensitive, columns, seen.challenger.outcome, spec),
    }


def _difference(seen: Seen, rival: Outcome, spec: Spec) -> dict[str, object]:
    difference = paired_difference(spec.metric, spec.direction, seen.challenger.outcome, rival, spec.seed)
    return {"level": LEVEL} | asdict(difference)


def _defined(metrics: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: a metric that the part does not define is null."""
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}
