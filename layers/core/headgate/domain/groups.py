"""The ethical guard: how differently a model treats groups of people, against limits that somebody set."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any

from headgate.domain.chance import variance_of_rate
from headgate.domain.errors import UnreadableError
from headgate.domain.evidence import LEAST_LEVEL, entries, legible, rows_of

LEAST_ROWS = 10
"""A rate of fewer rows than these says nothing, whatever a project calls enough."""
Count = tuple[int, int]
"""How many of how many."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """The largest gap and the smallest ratio between groups; None where nobody set one.

    Groups with fewer than `min_rows` rows are too small to speak; a column needs two that are not. Of these a rate is
    told from LEAST_ROWS rows on: of so few the interval says how little they tell.
    """

    max_selection_gap: float | None
    min_selection_ratio: float | None
    max_true_positive_gap: float | None
    min_rows: int

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return any(
            limit is not None
            for limit in (self.max_selection_gap, self.min_selection_ratio, self.max_true_positive_gap)
        )


def unfair(
    evaluation: Mapping[str, Any], limits: GroupLimits, sensitive: tuple[str, ...]
) -> Iterator[tuple[bool, bool, str]]:
    """What speaks against the model: whether surely, whether it is known at all, and a sentence.

    A limit is kept when the measured rates keep it; it is surely broken when the whole interval lies beyond it. What a
    limit needs and nobody measured is not known, for each of the `sensitive` columns. Names of groups are data and are
    not told.

    Raises:
        UnreadableError: when the evaluation of groups cannot be read.
    """
    if not limits.any:
        return
    measured = {str(entry.get("column")): entry for entry in entries(evaluation, "groups")}
    for column in sorted({*sensitive, *measured}):
        groups = entries(measured.get(column, {}), "groups")
        large = [group for group in groups if rows_of(group) >= limits.min_rows]
        if len(large) < 2:
            yield (
                False,
                False,
                f"Groups by {column} are to be compared, but the holdout has no two of {limits.min_rows} rows or more. "
                "Drop data with more rows of each, or take the limit out of project.yaml.",
            )
            continue
        selected = _counts(large, "selected", "rows")
        found = _counts(large, "found", "positives")
        yield from _gap(selected, column, "selection rate", limits.max_selection_gap)
        yield from _gap(found, column, "true positive rate", limits.max_true_positive_gap)
        yield from _ratio(selected, column, limits.min_selection_ratio)


def _gap(counts: Sequence[Count], column: str, rate: str, limit: float | None) -> Iterator[tuple[bool, bool, str]]:
    if limit is None:
        return
    if len(counts) < 2:
        yield _unknown(rate, column)
        return
    rates = [hits / rows for hits, rows in counts]
    gap = max(rates) - min(rates)
    if gap > limit:
        yield (
            least_gap(counts) > limit,
            True,
            f"Groups by {column} differ in {rate} by {legible(gap)}, where {limit:g} is allowed. "
            "The model card shows which; look whether the data treats them alike.",
        )


def _ratio(counts: Sequence[Count], column: str, limit: float | None) -> Iterator[tuple[bool, bool, str]]:
    if limit is None:
        return
    rates = [hits / rows for hits, rows in counts]
    if len(counts) < 2 or not max(rates):
        yield _unknown("selection rate", column)
        return
    ratio = min(rates) / max(rates)
    if ratio < limit:
        yield (
            largest_ratio(counts) < limit,
            True,
            f"By {column}, the group selected least has {legible(ratio)} times the selection rate of the one selected "
            f"most, where {limit:g} is demanded. The model card shows which; look whether the data treats them alike.",
        )


def least_gap(counts: Sequence[Count]) -> float:
    """What the largest gap between two of these rates is surely no smaller than: its interval's low end.

    Agresti and Caffo's interval (2000, "Simple and Effective Confidence Intervals for Proportions") for each pair, with
    Bonferroni's correction for all pairs, so that it holds however many groups there are.
    """
    critical = _critical(len(counts))
    return max(
        abs(_shrunken(first) - _shrunken(second))
        - critical * math.sqrt(variance_of_rate(*first) + variance_of_rate(*second))
        for first, second in combinations(counts, 2)
    )


def largest_ratio(counts: Sequence[Count]) -> float:
    """What the ratio of the lowest of these rates to the highest is surely no larger than: its interval's high end.

    The adjusted-log interval for each pair, with a half added to all counts so that none is nothing (Walter, 1975;
    Pettigrew, Gart and Thomas, 1986), and with Bonferroni's correction for all pairs.
    """
    critical = _critical(len(counts))
    return min(
        math.exp(-abs(_log_rate(first) - _log_rate(second)) + critical * math.sqrt(_spread(first) + _spread(second)))
        for first, second in combinations(counts, 2)
    )


def _critical(groups: int) -> float:
    """How many standard errors hold for all pairs of so many groups at once."""
    return NormalDist().inv_cdf(1 - (1 - LEAST_LEVEL) / 2 / math.comb(groups, 2))


def _shrunken(count: Count) -> float:
    return (count[0] + 1) / (count[1] + 2)


def _log_rate(count: Count) -> float:
    return math.log((count[0] + 0.5) / (count[1] + 0.5))


def _spread(count: Count) -> float:
    """The variance of the logarithm."""
    return 1 / (count[0] + 0.5) - 1 / (count[1] + 0.5)


def _counts(groups: Sequence[Mapping[str, Any]], part: str, whole: str) -> list[Count]:
    """Of each group how many of how many, of those where these are LEAST_ROWS; none where that was not counted."""
    counts = [(group.get(part), group.get(whole)) for group in groups]
    found: list[Count] = []
    for hits, rows in counts:
        if hits is None or rows is None:
            continue
        if not _is_count(hits) or not _is_count(rows) or hits > rows:
            raise UnreadableError(f"{part} of groups")
        if rows >= LEAST_ROWS:
            found.append((hits, rows))
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _unknown(words: str, column: str) -> tuple[bool, bool, str]:
    return (
        False,
        False,
        f"The {words} of groups by {column} has a limit, but this holdout does not tell it. "
        "Drop data with more rows of each group, or take the limit out of project.yaml.",
    )
