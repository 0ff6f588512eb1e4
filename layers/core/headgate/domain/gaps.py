"""Whether the version treats groups of people more unlike than it did: the gap in how often the positive is told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from headgate.domain.chance import normal_tail, variance_of_rate
from headgate.domain.drift import LEVEL
from headgate.domain.margins import Margins

LEAST_ROWS = 30
Told = Mapping[str, tuple[int, int]]
"""Of each group how many rows were told to be of the positive class, and of how many."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap of one sensitive column, now and on the rows that the version was judged on; `widened` is by how much it
    grew, 0 where that may be chance or is too little to matter. `lowest` and `highest` are groups now.
    """

    column: str
    now: float
    before: float
    widened: float
    lowest: str
    highest: str


def judge_gaps(now: Mapping[str, Told], before: Mapping[str, Told], limits: Margins) -> list[Gap]:
    """Compare the gaps of all columns of which two groups have LEAST_ROWS rows, both now and before."""
    pairs = {column: (_large(now[column]), _large(before[column])) for column in now if column in before}
    known = {
        column: (
            {name: told for name, told in seen.items() if name in was},
            {name: told for name, told in was.items() if name in seen},
        )
        for column, (seen, was) in pairs.items()
    }
    comparable = {column: both for column, both in known.items() if len(both[0]) >= 2}
    return [_gap(column, seen, was, limits, len(comparable)) for column, (seen, was) in comparable.items()]


def _variance_of_change(now: tuple[int, int], before: tuple[int, int]) -> float:
    """Of the change of a group's rate: as the two rates tell it, and no less than one rate for both would have.

    A group is looked at for its extreme rate, by which alone the variance is too small.
    """
    rate = (now[0] + before[0] + 1) / (now[1] + before[1] + 2)
    of_one = rate * (1 - rate) * (1 / now[1] + 1 / before[1])
    return max(of_one, variance_of_rate(*now) + variance_of_rate(*before))


def _large(groups: Told) -> dict[str, tuple[int, int]]:
    return {name: (told, rows) for name, (told, rows) in groups.items() if rows >= LEAST_ROWS}


def _gap(column: str, now: Told, before: Told, limits: Margins, columns: int) -> Gap:
    rates = {name: told / rows for name, (told, rows) in now.items()}
    lowest, highest = min(rates, key=lambda name: rates[name]), max(rates, key=lambda name: rates[name])
    rates_before = [told / rows for told, rows in before.values()]
    gap, gap_before = rates[highest] - rates[lowest], max(rates_before) - min(rates_before)
    error = math.sqrt(sum(_variance_of_change(now[name], before[name]) for name in (lowest, highest)))
    asked = columns * len(now) * (len(now) - 1) / 2  # the two groups were chosen for their gap
    sure = normal_tail((gap - gap_before) / error) * asked <= LEVEL
    widened = gap - gap_before if sure and gap - gap_before >= limits.gap else 0.0
    return Gap(column, gap, gap_before, widened, lowest, highest)
