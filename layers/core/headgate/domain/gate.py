"""The gate: is the challenger good enough to serve? A pure rule over what the evaluator measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headgate.domain.errors import UnreadableError
from headgate.domain.evidence import (
    FORMATS,
    RIVALS,
    Comparison,
    contest_of,
    entries,
    interval_of,
    legible,
    mapping,
    newest_of,
    number,
    rows_of,
)
from headgate.domain.formats import FLOAT32, choose_format
from headgate.domain.groups import LEAST_ROWS, GroupLimits, unfair
from headgate.domain.metrics import METRICS

PARITY_TOLERANCE = 1e-5
DECLARED = 0.5
"""A declared slice may fall by this share of what a found one may: it was named before anybody looked, while the worst
of many found ones looks bad by chance alone."""
_KNOWN_METRICS = [metric for metrics in METRICS.values() for metric in metrics]


class Decision(StrEnum):
    """The three answers. Only `pass` opens the gate."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class GateReason(StrEnum):
    """Why, for machines."""

    EVALUATION_UNREADABLE = "EVALUATION_UNREADABLE"
    ENGINES_DISAGREE = "ENGINES_DISAGREE"
    TOO_FEW_TEST_ROWS = "TOO_FEW_TEST_ROWS"
    NOT_BETTER_THAN_TRIVIAL = "NOT_BETTER_THAN_TRIVIAL"
    NOT_PROVEN_BETTER_THAN_TRIVIAL = "NOT_PROVEN_BETTER_THAN_TRIVIAL"
    NOT_BETTER_THAN_CHAMPION = "NOT_BETTER_THAN_CHAMPION"
    NOT_PROVEN_BETTER_THAN_CHAMPION = "NOT_PROVEN_BETTER_THAN_CHAMPION"
    DATA_MAY_HAVE_CHANGED = "DATA_MAY_HAVE_CHANGED"
    WORSE_ON_NEWEST = "WORSE_ON_NEWEST"
    NOT_PROVEN_ON_NEWEST = "NOT_PROVEN_ON_NEWEST"
    WORSE_ON_A_SLICE = "WORSE_ON_A_SLICE"
    GROUPS_DIFFER = "GROUPS_DIFFER"
    GROUPS_MAY_DIFFER = "GROUPS_MAY_DIFFER"
    GROUPS_UNKNOWN = "GROUPS_UNKNOWN"
    BETTER_THAN_TRIVIAL = "BETTER_THAN_TRIVIAL"
    BETTER_THAN_CHAMPION = "BETTER_THAN_CHAMPION"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a project demands.

    `min_improvement` is how much better than the champion a challenger has to be, in units of the metric, oriented so
    that more is better; `min_test_rows` is how many rows an answer needs. `margin` (newest data, formats) and
    `slice_margin` are shares of the champion's own metric. The other limits are of groups, None where nobody set one.
    """

    min_improvement: float = 0.0
    min_test_rows: int = 20
    margin: float = 0.02
    slice_margin: float = 0.05
    max_selection_gap: float | None = None
    min_selection_ratio: float | None = None
    max_true_positive_gap: float | None = None
    sensitive: tuple[str, ...] = ()

    @property
    def group_limits(self) -> GroupLimits:
        """The limits on groups by themselves."""
        enough = max(LEAST_ROWS, self.min_test_rows)
        return GroupLimits(self.max_selection_gap, self.min_selection_ratio, self.max_true_positive_gap, enough)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's answer: a code for machines, a sentence for people, and which of the engine's formats shall serve."""

    decision: Decision
    reason_code: str
    reason: str
    format: str = FLOAT32
    format_reason: str = ""


def judge(evaluation: Mapping[str, Any], policy: GatePolicy, attempt: int = 1) -> Judgement:
    """Judge a challenger by `evaluation.json`, format 1 or 2.

    A first model must beat the trivial predictor beyond chance. Against a champion the challenger must be better on the
    same holdout by more than `policy.min_improvement`, beyond chance; must not be worse by more than the margin on the
    newest data, nor surely worse on a slice; and keep the limits on groups. `attempt` counts the challengers judged
    against this champion, this one included: the more there were, the surer the answer must be, since one of many
    equals passes by luck.

    Whatever speaks surely against the challenger comes before what is not known. What cannot be read proves nothing.
    """
    try:
        against = list(_objections(evaluation, policy, attempt))
        if against:
            return next((one for one in against if one.decision is Decision.FAIL), against[0])
        contest = contest_of(evaluation)
        chosen = choose_format(entries(evaluation, "formats"), policy.margin)
    except UnreadableError as error:
        return Judgement(
            Decision.INCONCLUSIVE,
            GateReason.EVALUATION_UNREADABLE,
            f"The evaluation cannot be used: {error} is missing, not a finite number, or contradicts the rest. "
            "Look at evaluation.json of this run; dropping the dataset again evaluates anew.",
        )
    code = GateReason.BETTER_THAN_CHAMPION if contest.rival == "champion" else GateReason.BETTER_THAN_TRIVIAL
    return Judgement(Decision.PASS, code, f"Better: {_told(contest, evaluation)}.", chosen.name, chosen.why)


def _objections(evaluation: Mapping[str, Any], policy: GatePolicy, attempt: int) -> Iterator[Judgement]:
    if evaluation.get("format", 1) not in FORMATS:
        raise UnreadableError("format")
    if evaluation.get("metric") not in _KNOWN_METRICS:
        raise UnreadableError("metric")
    yield from _engines(evaluation)
    contest, newest = contest_of(evaluation), newest_of(evaluation)
    if contest.rows < policy.min_test_rows:
        yield Judgement(
            Decision.INCONCLUSIVE,
            GateReason.TOO_FEW_TEST_ROWS,
            f"The holdout has {contest.rows} rows, but {policy.min_test_rows} are needed to judge. "
            "Drop a larger dataset.",
        )
        return
    yield from _guessing(evaluation, contest)
    if contest.rival == "champion":
        yield from _holdout(evaluation, contest, newest, policy, attempt)
        yield from _newest(newest, policy)
        yield from _slices(evaluation, contest, policy)
    for surely, known, sentence in unfair(evaluation, policy.group_limits, policy.sensitive):
        decision = Decision.FAIL if surely else Decision.INCONCLUSIVE
        unsure = GateReason.GROUPS_MAY_DIFFER if known else GateReason.GROUPS_UNKNOWN
        yield Judgement(decision, GateReason.GROUPS_DIFFER if surely else unsure, sentence)


def _engines(evaluation: Mapping[str, Any]) -> Iterator[Judgement]:
    error = number(mapping(evaluation, "parity").get("max_abs_error"))
    if error is None or not 0 <= error <= PARITY_TOLERANCE:
        apart = "by an unknown amount" if error is None else f"by {legible(error)}"
        yield Judgement(
            Decision.FAIL,
            GateReason.ENGINES_DISAGREE,
            f"The SavedModel and its light copy differ {apart}, where {PARITY_TOLERANCE:g} is allowed: "
            "what was judged is not what would serve.",
        )


_FIRST = "Drop more rows."
_LATER = (
    "More rows may make a better model, but the holdout stays as it is; where that is too small, begin a new project."
)


def _guessing(evaluation: Mapping[str, Any], contest: Comparison) -> Iterator[Judgement]:
    """Whether it beats guessing; in format 1 that is told of first models only."""
    difference, told = contest.difference, _told(contest, evaluation)
    if contest.rival != "trivial":
        if evaluation.get("format", 1) == 1:
            return
        difference = interval_of(evaluation.get("trivial_difference"), "trivial_difference")
        told = f"the difference is {_span(difference.estimate, difference.low, difference.high)}"
    if difference.high <= 0:
        yield Judgement(
            Decision.FAIL,
            GateReason.NOT_BETTER_THAN_TRIVIAL,
            f"Not better than guessing: {told}. Look whether the target can follow from the columns.",
        )
    elif difference.low <= 0:
        yield Judgement(
            Decision.INCONCLUSIVE,
            GateReason.NOT_PROVEN_BETTER_THAN_TRIVIAL,
            f"Not better than guessing beyond chance: {told}. "
            f"{_FIRST if contest.rival == 'trivial' else _LATER} Columns that tell more help, too.",
        )


def _holdout(
    evaluation: Mapping[str, Any], contest: Comparison, newest: Comparison | None, policy: GatePolicy, attempt: int
) -> Iterator[Judgement]:
    demanded, told = policy.min_improvement, _told(contest, evaluation)
    wanted = f" by more than {demanded:g}" if demanded else ""
    if contest.difference.low > demanded and contest.difference.stricter(attempt, contest.level).low > demanded:
        return
    if newest is not None and newest.rows >= policy.min_test_rows and newest.difference.low > demanded:
        yield Judgement(
            Decision.INCONCLUSIVE,
            GateReason.DATA_MAY_HAVE_CHANGED,
            f"Surely better than the champion on the newest {newest.rows} rows, but not on the holdout: {told}. "
            "The data may have changed since the holdout was taken; a person should look at both.",
        )
    elif contest.difference.high <= demanded:
        yield Judgement(Decision.FAIL, GateReason.NOT_BETTER_THAN_CHAMPION, f"Not better{wanted}: {told}.")
    else:
        often = f", for challenger {attempt} against the same champion" if attempt > 1 else ""
        yield Judgement(
            Decision.INCONCLUSIVE,
            GateReason.NOT_PROVEN_BETTER_THAN_CHAMPION,
            f"Not surely better{wanted}{often}: {told}. The champion stays. {_LATER}",
        )


def _newest(newest: Comparison | None, policy: GatePolicy) -> Iterator[Judgement]:
    """Not inferior on the newest rows; where they are too few to prove that, they can only speak against."""
    if newest is None:
        return
    margin = policy.margin * abs(newest.other)
    said = (
        f"{legible(newest.challenger, 4)} against {legible(newest.other, 4)} on {newest.rows} rows, a difference of "
        f"{_span(newest.difference.estimate, newest.difference.low, newest.difference.high)}, "
        f"where a fall by {legible(margin)} is allowed"
    )
    if newest.difference.high < -margin:
        yield Judgement(
            Decision.FAIL, GateReason.WORSE_ON_NEWEST, f"Worse than the champion on the newest data: {said}."
        )
    elif newest.difference.low <= -margin and newest.rows >= policy.min_test_rows:
        yield Judgement(
            Decision.INCONCLUSIVE,
            GateReason.NOT_PROVEN_ON_NEWEST,
            f"May be worse than the champion on the newest data: {said}. Drop more data for a clearer answer.",
        )


def _slices(evaluation: Mapping[str, Any], contest: Comparison, policy: GatePolicy) -> Iterator[Judgement]:
    """Of all that are surely worse the one with most rows is told, by its column: its name is data."""
    worse = []
    for entry in entries(evaluation, "slices"):
        rows = rows_of(entry)
        if entry.get("difference") is None:
            continue  # a slice whose rows do not define the metric
        difference = interval_of(entry["difference"], "a slice's difference")
        margin = policy.slice_margin * abs(contest.other) * (DECLARED if entry.get("declared") is True else 1.0)
        if rows >= policy.min_test_rows and difference.high < -margin:
            worse.append((rows, str(entry.get("column")), difference.estimate, margin))
    if worse:
        rows, column, estimate, margin = max(worse)
        yield Judgement(
            Decision.FAIL,
            GateReason.WORSE_ON_A_SLICE,
            f"Surely worse than the champion on a part of the holdout, {rows} rows by the column {column}: a "
            f"difference of {legible(estimate)}, where a fall by {legible(margin)} is allowed. The model card shows "
            "which.",
        )


def _told(contest: Comparison, evaluation: Mapping[str, Any]) -> str:
    difference = _span(contest.difference.estimate, contest.difference.low, contest.difference.high)
    return (
        f"{evaluation['metric']} {legible(contest.challenger, 4)} against {legible(contest.other, 4)} of "
        f"{RIVALS[contest.rival]} on "
        f"{contest.rows} rows it never saw, a difference of {difference} where more is better"
    )


def _span(estimate: float, low: float, high: float) -> str:
    return f"{legible(estimate)} ({legible(low)} to {legible(high)})"
