"""What to be careful with before a model is trusted: sentences made from what was measured, the gravest first."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate_training.wording import clipped, listed, points, quoted, share

Shown = Mapping[str, Any]
FEW_ROWS = 100
FEW_OF_A_CLASS = 20
FOUR_FIFTHS = 0.8
"""The ratio of selection rates below which United States agencies look closer (29 CFR 1607.4 D)."""
NEARLY_ALL = 0.8
"""One column with so much of all importance may be the answer in disguise."""
TOLD = 3


def cautions(card: Shown) -> list[str]:
    """Sentences for people. None of them is a verdict: the gate has rules and limits of its own."""
    evaluation = card["evaluation"]
    return [
        *evaluation["notes"],
        *_on_newest(evaluation),
        *_in_parts(evaluation),
        *_among_groups(card),
        *_unsure(evaluation),
        *_unseen(card),
        *_one_column(evaluation),
        *_left_out(card),
        *_few(card),
    ]


def _on_newest(evaluation: Shown) -> Iterator[str]:
    newest = evaluation["newest"]
    if newest and newest["difference"]["high"] < 0:
        yield f"On the newest {newest['rows']} rows it is worse than the version that serves, beyond chance."


def _in_parts(evaluation: Shown) -> Iterator[str]:
    rival = "the version that serves" if evaluation["champion"] else "on all rows together"
    worse = [
        f"{clipped(part['column'])}: {clipped(part['name'])} ({part['rows']} rows)"
        for part in evaluation["slices"]
        if (gap := part["difference"] or part.get("whole")) and gap["high"] < 0
    ]
    if worse:
        yield f"Beyond chance, it does worse than {rival} for {listed(worse, TOLD)}."


def _among_groups(card: Shown) -> Iterator[str]:
    evaluation, positive = card["evaluation"], quoted(str(card["spec"]["positive"]))
    for line in evaluation["groups"]:
        column = clipped(line["column"])
        for key, what in (
            ("selection_rate", f"told {positive}"),
            ("true_positive_rate", f"found where it is {positive}"),
        ):
            gap = line[key]
            if gap and gap["ratio"] is not None and gap["ratio"] < FOUR_FIFTHS:
                by_chance = f" (chance could explain that it is below {share(FOUR_FIFTHS)})"
                chance = "" if gap["ratio_high"] < FOUR_FIFTHS else by_chance
                yield f"Of the groups of {column}, one is {what} {share(gap['ratio'])} as often as another{chance}."
    matters = {line["column"] for line in evaluation["importance"] if line["drop"] > 0}
    used = [clipped(line["column"]) for line in evaluation["groups"] if line["column"] in matters]
    if used:
        yield f"Its answers depend on {listed(used)}, which the project calls sensitive."


def _unsure(evaluation: Shown) -> Iterator[str]:
    told = evaluation["calibration"]["challenger"]
    if "coverage" in told:
        by_chance = 2 * math.sqrt(told["nominal"] * (1 - told["nominal"]) / max(evaluation["rows"], 1))
        if told["coverage"] < told["nominal"] - by_chance:
            held, meant = share(told["coverage"]), share(told["nominal"])
            yield f"The range beside each answer held only {held} of the true values, not {meant}: it is too narrow."
    elif told and told["error"] > 0.05 and told["error"] > 2 * _error_by_chance(told["bins"]):
        yield f"Its probabilities are off by {points(told['error'])} on average: do not take them at their word."


def _error_by_chance(bins: Sequence[Shown]) -> float:
    """The calibration error to expect of perfect probabilities: mean distance of a binomial share from its mean."""
    rows = sum(part["rows"] for part in bins) or 1
    return sum(
        part["rows"] / rows * math.sqrt(2 / math.pi * part["predicted"] * (1 - part["predicted"]) / part["rows"])
        for part in bins
    )


def _unseen(card: Shown) -> Iterator[str]:
    """Classes that it does not find, and classes of which there are too few rows to know."""
    counts = card["curves"]["challenger"].get("confusion") or []
    classes = card["spec"]["classes"] or []
    missed = [quoted(name) for at, name in enumerate(classes[: len(counts)]) if sum(counts[at]) and not counts[at][at]]
    if missed:
        yield f"It found no row of {listed(missed, TOLD)}."
    few = [quoted(name) for name, row in zip(classes, counts, strict=False) if sum(row) < FEW_OF_A_CLASS]
    if few and card["evaluation"]["rows"] >= FEW_ROWS:
        yield f"There were fewer than {FEW_OF_A_CLASS} rows to judge it by of {listed(few, TOLD)}."


def _one_column(evaluation: Shown) -> Iterator[str]:
    drops = {line["column"]: max(line["drop"], 0) for line in evaluation["importance"]}
    whole = sum(drops.values())
    for column, drop in drops.items():
        if len(drops) > TOLD and drop > NEARLY_ALL * whole:
            yield f"Nearly all it knows comes from {clipped(column)}: is that known before the answer is?"


def _left_out(card: Shown) -> Iterator[str]:
    rows = (card["training"].get("rows") or {}).get("left_out", 0)
    if rows:
        were, lie = ("row was", "lies") if rows == 1 else ("rows were", "lie")
        yield f"{rows} {were} not learnt from, for what was to be predicted {lie} out of all proportion there: a slip?"


def _few(card: Shown) -> Iterator[str]:
    rows = card["evaluation"]["rows"]
    if rows < FEW_ROWS:
        yield f"It was judged on {rows} rows only: mind the ranges, not the numbers before them."
