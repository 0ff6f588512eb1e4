"""Which of two versions is more often right, by labels that come later, looked at as often as one likes.

Both take requests at the same time and chance says which one answers, so that of the wrong answers of a block chance
alone says how many fall on either (`Evidence.after`); one wager is that the new version is more often wrong, another
one that it is less often so. A block is a file of labels: whoever looks again adds blocks and changes none, though
labels of yesterday's answers come today. That asks that whoever labels does not know which version answered.

Wrong is another class; of amounts, an error that is larger than half of those of the version that serves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.captures import Answered
from headgate.domain.feedback import Row, is_wrong, usual_error
from headgate.domain.verdict import Evidence, Share, Wagers

WAGERS: Wagers = {1.25: 0.3, 1.6: 0.3, 2.3: 0.25, 4.0: 0.15}
"""A version that the gate let pass is better or worse by little."""
ALPHA = 0.05
"""The chance that a version wins, or loses, that is as good as the other one."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What labels tell: `worse` wagers that the new version is more often wrong, `better` that the other one is."""

    worse: Evidence = field(default_factory=lambda: Evidence(WAGERS))
    better: Evidence = field(default_factory=lambda: Evidence(WAGERS))

    @property
    def is_worse(self) -> bool:
        """Whether the new version is more often wrong, beyond chance."""
        return self.worse.p_value <= ALPHA

    @property
    def is_better(self) -> bool:
        """Whether it is less often wrong, beyond chance."""
        return self.better.p_value <= ALPHA and not self.is_worse

    @property
    def rows(self) -> int:
        """Labelled rows of the version that has fewer."""
        return min(self.worse.canary.requests, self.worse.serving.requests)

    @property
    def words(self) -> str:
        """What was seen."""
        new, old = self.worse.canary, self.worse.serving
        return f"labels: {new.value:.2%} of {new.requests} answers were wrong against {old.value:.2%} of {old.requests}"

    def document(self) -> dict[str, Any]:
        """For the ledger."""
        sides = {"tried": self.worse.canary, "serving": self.worse.serving}
        counts = {side: {"rows": share.requests, "wrong": share.hits} for side, share in sides.items()}
        return {**counts, "chance_better": self.better.p_value, "chance_worse": self.worse.p_value}


def contest(new: Iterable[Answered], old: Iterable[Answered], files: Sequence[Mapping[Row, str]]) -> Contest:
    """Compare the answers of two versions whose label is known.

    `files` are files of labels in the order in which they came; of a row the first one that came counts. A row that
    both answered, under an id that a client chose twice, counts for neither.
    """
    tried, serving = _by_row(new), _by_row(old)
    both = tried.keys() & serving.keys()
    usual = _usual(serving, files)
    found, seen = Contest(), set(both)
    for file in files:
        fresh = {row: label for row, label in file.items() if row not in seen and (row in tried or row in serving)}
        seen |= fresh.keys()
        shares = [_share(fresh, side, usual) for side in (tried, serving)]
        if shares[0].requests + shares[1].requests:
            found = Contest(found.worse.after(shares[0], shares[1]), found.better.after(shares[1], shares[0]))
    return found


def _by_row(answers: Iterable[Answered]) -> dict[Row, Answered]:
    return {(each.inference_id, each.number): each for each in answers if each.inference_id}


def _share(labels: Mapping[Row, str], answers: Mapping[Row, Answered], usual: float | None) -> Share:
    hits = [
        wrong
        for row, label in labels.items()
        if row in answers and (wrong := is_wrong(answers[row], label, usual)) is not None
    ]
    return Share(len(hits), sum(hits))


def _usual(serving: Mapping[Row, Answered], files: Sequence[Mapping[Row, str]]) -> float | None:
    """The median error of the version that serves."""
    known = {row: label for file in reversed(files) for row, label in file.items() if row in serving}
    return usual_error(((serving[row], label) for row, label in known.items()), least=1)
