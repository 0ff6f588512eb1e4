"""The ethical guard: how differently a model treats groups of people, against limits that somebody set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import UnreadableError
from headgate.domain.evidence import entries, legible, number, rows_of


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """The largest gap and the smallest ratio between groups; None where nobody set one.

    Groups with fewer than `min_rows` rows are too small to speak; a column needs two that are not.
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

    A limit is kept when the measured gap keeps it; it is surely broken when the whole interval lies beyond it. What a
    limit needs and nobody measured is not known, for each of the `sensitive` columns. Names of groups are data and are
    not told.

    Raises:
        UnreadableError: when the evaluation of groups cannot be read.
    """
    if not limits.any:
        return
    measured = {str(entry.get("column")): entry for entry in entries(evaluation, "groups")}
    for column in sorted({*sensitive, *measured}):
        entry = measured.get(column, {})
        large_enough = sum(rows_of(group) >= limits.min_rows for group in entries(entry, "groups"))
        if large_enough < 2:
            yield (
                False,
                False,
                f"Groups by {column} are to be compared, but the holdout has no two of {limits.min_rows} rows or more. "
                "Drop data with more rows of each, or take the limit out of project.yaml.",
            )
            continue
        yield from _beyond(entry, column, "selection_rate", limits.max_selection_gap)
        yield from _beyond(entry, column, "true_positive_rate", limits.max_true_positive_gap)
        yield from _ratio(entry, column, limits.min_selection_ratio)


def _beyond(entry: Mapping[str, Any], column: str, rate: str, limit: float | None) -> Iterator[tuple[bool, bool, str]]:
    if limit is None:
        return
    found = _rate(entry, rate)
    gap, low, high = (number(found.get(name)) for name in ("difference", "low", "high"))
    words = rate.replace("_", " ")
    if gap is None or low is None or high is None:
        yield _unknown(words, column)
    elif abs(gap) > limit:
        yield (
            max(low, -high) > limit,
            True,
            f"Groups by {column} differ in {words} by {legible(abs(gap))}, where {limit:g} is allowed. "
            "The model card shows which; look whether the data treats them alike.",
        )


def _ratio(entry: Mapping[str, Any], column: str, limit: float | None) -> Iterator[tuple[bool, bool, str]]:
    if limit is None:
        return
    found = _rate(entry, "selection_rate")
    ratio, low, high = (number(found.get(name)) for name in ("ratio", "low", "high"))
    if ratio is None or low is None or high is None:
        yield _unknown("selection rate", column)
    elif ratio < limit:
        yield (
            low > 0 or high < 0,
            True,
            f"By {column}, the group selected least has {legible(ratio)} times the selection rate of the one selected "
            f"most, where {limit:g} is demanded. The model card shows which; look whether the data treats them alike.",
        )


def _rate(entry: Mapping[str, Any], rate: str) -> Mapping[str, Any]:
    found = entry.get(rate)
    if found is not None and not isinstance(found, Mapping):
        raise UnreadableError(f"{rate} of groups")
    return found or {}


def _unknown(words: str, column: str) -> tuple[bool, bool, str]:
    return (
        False,
        False,
        f"The {words} of groups by {column} has a limit, but this holdout does not tell it. "
        "Drop data with more rows of each group, or take the limit out of project.yaml.",
    )
