"""How far two versions agree that were asked the same.

A version's answer depends on nothing but what it is asked, so that answers are paired by that: no id has to be chosen
by clients, and none that SageMaker makes has to be the same for both. What was asked again and again counts once.

Classes agree when they are the same. Amounts agree when they differ by no more than a tenth of what nine in ten answers
of the version that serves span; where they are all the same, when they are equal.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.captures import Answered
from headgate.domain.verdict import Share

_TOLERATED = 0.1
_FEW = 20
"""Amounts that tell what they span, at least."""
_SHOWN = 10
"""Changes that are told, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rows that both answered, and how many of them otherwise; `changes` says of classes which became which, how often.

    `apart` is the median difference of amounts, None of classes.
    """

    share: Share
    changes: Sequence[tuple[str, str, int]] = ()
    apart: float | None = None

    def document(self) -> dict[str, Any]:
        """For the ledger: counts, and names of classes; nothing that was asked."""
        changes = [{"from": old, "to": new, "rows": rows} for old, new, rows in self.changes]
        return {"rows": self.share.requests, "otherwise": self.share.hits, "changes": changes, "apart": self.apart}


def agreement(new: Iterable[Answered], old: Iterable[Answered]) -> Agreement:
    """Compare the answers of two versions, row by row of what both were asked."""
    there = {(each.asked, each.number): each for each in old}
    pairs = [
        (there[key], each) for key, each in {(each.asked, each.number): each for each in new}.items() if key in there
    ]
    tolerated = _tolerated([each.value for each in there.values() if each.value is not None])
    otherwise = sum(not _alike(before, after, tolerated) for before, after in pairs)
    changes = Counter(
        (str(before.label), str(after.label)) for before, after in pairs if before.label != after.label
    ).most_common(_SHOWN)
    apart = [
        abs(after.value - before.value)
        for before, after in pairs
        if before.value is not None and after.value is not None
    ]
    return Agreement(
        Share(len(pairs), otherwise),
        [(old_one, new_one, rows) for (old_one, new_one), rows in changes],
        statistics.median(apart) if apart else None,
    )


def _alike(before: Answered, after: Answered, tolerated: float) -> bool:
    if before.label is not None or after.label is not None:
        return before.label == after.label
    if before.value is not None and after.value is not None:
        return abs(after.value - before.value) <= tolerated
    return before.answer == after.answer


def _tolerated(values: Sequence[float]) -> float:
    if len(values) < _FEW:
        return _TOLERATED * (max(values) - min(values)) if values else 0.0
    low, *_, high = statistics.quantiles(values, n=20)
    return _TOLERATED * (high - low)
