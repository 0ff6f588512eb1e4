"""The gate: is the challenger good enough to serve? A pure rule over what the evaluator measured."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PARITY_TOLERANCE = 1e-5


class Decision(StrEnum):
    """The three answers. Only `pass` opens the gate."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a project demands.

    `min_improvement` is how much better than the champion a challenger has to be, in units of the metric, oriented so
    that more is better; `min_test_rows` is how many rows of the holdout an answer needs.
    """

    min_improvement: float
    min_test_rows: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's answer, with a code for machines and a sentence for people."""

    decision: Decision
    reason_code: str
    reason: str


def judge(evaluation: dict[str, Any], policy: GatePolicy) -> Judgement:
    """Judge a challenger by `evaluation.json`.

    A first model must beat the trivial predictor beyond chance: the lower end of the interval of the difference lies
    above zero. Against a champion the challenger must be better on the same holdout by more than
    `policy.min_improvement`. A number that is not finite never wins, and too few rows prove nothing.
    """
    metric = str(evaluation["metric"])
    rows = int(evaluation["rows"])
    difference = evaluation["difference"]
    challenger = _number(evaluation["challenger"].get(metric))
    estimate, low = _number(difference["estimate"]), _number(difference["low"])
    parity = _number(evaluation["parity"]["max_abs_error"])
    against = str(difference["against"])
    rival = "the champion" if against == "champion" else "the trivial predictor"
    other = _number(evaluation[against].get(metric))
    measured = f"{metric} {challenger:.4g} against {other:.4g} of {rival} on {rows} rows it never saw"

    if rows < policy.min_test_rows:
        return Judgement(
            Decision.INCONCLUSIVE,
            "TOO_FEW_TEST_ROWS",
            f"The holdout has {rows} rows, but {policy.min_test_rows} are needed to judge. Drop a larger dataset.",
        )
    if not all(map(math.isfinite, (challenger, other, estimate, low))):
        return Judgement(Decision.FAIL, "NOT_FINITE", f"The challenger's quality is not a finite number: {measured}.")
    if not parity <= PARITY_TOLERANCE:
        return Judgement(
            Decision.FAIL,
            "ENGINES_DISAGREE",
            f"The SavedModel and its light copy differ by {parity:.2g}, more than {PARITY_TOLERANCE:g}.",
        )
    if against == "trivial" and low <= 0:
        return Judgement(
            Decision.FAIL, "NOT_BETTER_THAN_TRIVIAL", f"Not better than guessing, beyond chance: {measured}."
        )
    demanded = policy.min_improvement if against == "champion" else 0.0
    if estimate <= demanded:
        wanted = f", by more than {demanded:g}" if demanded else ""
        return Judgement(Decision.FAIL, f"NOT_BETTER_THAN_{against.upper()}", f"Not better{wanted}: {measured}.")
    return Judgement(Decision.PASS, f"BETTER_THAN_{against.upper()}", f"Better: {measured}.")


def _number(value: object) -> float:
    """A metric as a number; what is absent or no number is NaN, and NaN never wins."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
