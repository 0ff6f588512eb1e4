"""What is to be predicted, as which task, and how it is judged: inferred, unless project.yaml says so."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.columns import MAX_CLASSES, TargetValues
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.metrics import METRICS, Metric, Task
from headgate.domain.project import ProjectSettings
from headgate.domain.reasons import Reason
from headgate.domain.spec import TrainingSpec

MIN_ROWS_PER_CLASS = 20
ENOUGH_ROWS_PER_CLASS = 50
MAX_CLASS_CODES = 10

_TARGET_NAMES = ("target", "label", "class", "y")
_POSITIVE_NAMES = re.compile(
    "1|yes|true|pos|positive|bad|malignant|fraud|default|churn|churned|fail|failed|failure|faulty|defect|defective|"
    "disease|sick|ill|anomaly|abnormal|spam|attack|dead|died",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is learned and how it is judged, with the reasons."""

    task: Task
    metric: Metric
    classes: list[str] | None
    positive: str | None
    why: dict[str, str]


def choose_target(names: Sequence[str], settings: ProjectSettings, before: TrainingSpec | None) -> tuple[str, str]:
    """The target's name and the reason for it.

    Raises:
        DatasetRefusedError: NO_TARGET when project.yaml names a column that is not there; SCHEMA_CHANGED when it is not
            the champion's target, or that one is gone.
    """
    if settings.target is not None and settings.target not in names:
        near = difflib.get_close_matches(settings.target, names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise DatasetRefusedError(
            Reason.NO_TARGET, f"project.yaml names the target {settings.target}, but there is no such column{hint}"
        )
    if before is not None:
        if before.target not in names:
            raise _changed(f"Column {before.target}, which the champion predicts, is not there")
        if settings.target not in (None, before.target):
            raise _changed(
                f"project.yaml names the target {settings.target}, but the champion predicts {before.target}"
            )
        return before.target, "the champion predicts it"
    if settings.target is not None:
        return settings.target, "project.yaml says so"
    for wanted in _TARGET_NAMES:
        for name in names:
            if name.lower() == wanted:
                return name, f"its name is {name}"
    return names[-1], "it is the last column, and none is called " + ", ".join(_TARGET_NAMES)


def infer_goal(name: str, values: TargetValues, settings: ProjectSettings, before: TrainingSpec | None) -> Goal:
    """Task, classes, metric and positive class.

    Raises:
        DatasetRefusedError: TARGET_MISSING_VALUES, TARGET_CONSTANT, TOO_MANY_CLASSES, CLASS_TOO_RARE, SCHEMA_CHANGED,
            or SETTINGS_INVALID when project.yaml asks for what the values do not allow.
    """
    if values.missing == values.rows:
        raise DatasetRefusedError(
            Reason.TARGET_MISSING_VALUES,
            f"The target {name} has no value in any row. Name another in project.yaml (`target`); where each line ends "
            "with a delimiter, take that away.",
        )
    if values.missing:
        raise DatasetRefusedError(
            Reason.TARGET_MISSING_VALUES,
            f"The target {name} is missing in {values.missing} of {values.rows} rows. Fill it in, or leave them out.",
        )
    if values.distinct < 2:
        raise DatasetRefusedError(
            Reason.TARGET_CONSTANT,
            f"The target {name} has the same value in every row, so there is nothing to learn. Add other cases.",
        )
    task, why = _task(values, settings, before)
    _check_task(name, task, values, settings, before)
    metric = settings.metric or (before.metric if before else METRICS[task][0])
    if metric not in METRICS[task]:
        raise _invalid(f"metric: {metric} does not fit the task {task}; use {' or '.join(METRICS[task])}")
    reasons = {"task": why, "metric": "project.yaml says so" if settings.metric else f"the usual one for {task}"}
    if task == "regression":
        if settings.positive is not None:
            raise _invalid("positive: only two classes have a positive one, and this is a regression")
        return Goal(task, metric, None, None, reasons)
    classes = _in_order([label for label, _ in values.counts], numeric=values.numeric)
    if before is not None and before.classes != classes:
        raise _changed(f"The classes of {name} are not those the champion knows ({len(before.classes or [])})")
    positive = None
    if task == "binary":
        positive, reasons["positive"] = _positive(values, classes, settings, before)
    return Goal(task, metric, classes, positive, reasons)


def _task(values: TargetValues, settings: ProjectSettings, before: TrainingSpec | None) -> tuple[Task, str]:
    if settings.task is not None:
        return settings.task, "project.yaml says so"
    if before is not None:
        return before.task, "as the champion learned it"
    if values.distinct == 2:
        return "binary", "the target has two values"
    if not values.numeric:
        return "multiclass", f"the target is text with {values.distinct} values"
    if _are_class_codes(values):
        return "multiclass", (
            f"the target holds the whole numbers of {values.distinct} classes, each often; "
            "if they are amounts, write `task: regression` into project.yaml"
        )
    return "regression", "the target holds numbers" + (
        ", too many or too rare ones for classes" if values.whole_numbers else ""
    )


def _are_class_codes(values: TargetValues) -> bool:
    # Codes count classes without a gap from 0 or 1, and each class occurs often. Amounts (defects, orders, days) thin
    # out to large values, so that one of these three fails.
    if not values.whole_numbers or values.distinct > MAX_CLASS_CODES:
        return False
    numbers = sorted(float(label) for label, _ in values.counts)
    gapless = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1
    often = max(MIN_ROWS_PER_CLASS, 0.02 * values.rows)
    return gapless and min(count for _, count in values.counts) >= often


def _check_task(
    name: str, task: Task, values: TargetValues, settings: ProjectSettings, before: TrainingSpec | None
) -> None:
    if before is not None and task != before.task:
        raise _changed(f"The task is {task}, but the champion learned {before.task}")
    if task == "regression":
        if values.numeric:
            return
        if before is not None:
            raise _changed(f"The target {name} held numbers and now holds text")
        raise _invalid(f"task: regression needs numbers, but the target {name} holds text")
    if values.distinct > MAX_CLASSES:
        raise DatasetRefusedError(
            Reason.TOO_MANY_CLASSES,
            f"The target {name} has more than {MAX_CLASSES} different values, which are too many classes. "
            "Name another target in project.yaml, or group the values.",
        )
    if task == "binary" and values.distinct > 2:
        if settings.task is not None:
            raise _invalid(f"task: binary needs two classes, but the target {name} has {values.distinct}")
        raise _changed(f"The target {name} had two classes and now has {values.distinct}")
    rarest = min(count for _, count in values.counts)
    if rarest < MIN_ROWS_PER_CLASS:
        raise class_too_rare(name, values.distinct, rarest)


def class_too_rare(name: str, classes: int, rarest: int) -> DatasetRefusedError:
    """The refusal of a dataset in which a class is too rare to be learned and tested."""
    return DatasetRefusedError(
        Reason.CLASS_TOO_RARE,
        f"The rarest of the {classes} classes of {name} has {rarest} rows, too few to learn it, to tune on it and to "
        f"test it. Collect at least {MIN_ROWS_PER_CLASS}, better {ENOUGH_ROWS_PER_CLASS} rows of each class, or merge "
        "classes.",
    )


def _in_order(labels: list[str], *, numeric: bool) -> list[str]:
    return sorted(labels, key=float) if numeric else sorted(labels)


def _positive(
    values: TargetValues, classes: list[str], settings: ProjectSettings, before: TrainingSpec | None
) -> tuple[str, str]:
    if settings.positive is not None:
        match = [label for label in classes if label.lower() == settings.positive.lower()]
        if len(match) != 1:
            raise _invalid(f"positive: {settings.positive} is not a class of the target")
        return match[0], "project.yaml says so"
    if before is not None and before.positive is not None:
        return before.positive, "as the champion learned it"
    named = [label for label in classes if _POSITIVE_NAMES.fullmatch(label.strip())]
    if len(named) == 1:
        return named[0], "its name is that of a finding"
    rows = dict(values.counts)
    rarer = min(classes, key=lambda label: (rows[label], -classes.index(label)))
    return rarer, "it is the rarer class" if len(set(rows.values())) == 2 else "both are as frequent; it is the last"


def _changed(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.SCHEMA_CHANGED, f"{what}. Restore what the champion knows, or start a new project for another question."
    )


def _invalid(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(Reason.SETTINGS_INVALID, f"project.yaml: {what}.")
