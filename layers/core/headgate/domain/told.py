"""What the captured answers of a release tell of it, beside those of the version before.

Of classes, how often each one is told; of amounts, how often one is told that is unusual: outside of what nine in ten
answers were. And where labels came back in time, how often answers were wrong; amounts, by more than half of those
before were. A share that grows by more than its margin takes a release back. No share lets one pass, for answers and
labels may come late or never: what nobody has seen holds nobody up.

Who asks the same thing again and again (a probe, a client that tries once more) gets the same answer: that is one
answer of a version, and not as many as were asked for.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from headgate.domain.captures import Answered
from headgate.domain.feedback import Row, is_wrong, usual_error
from headgate.domain.verdict import COMMON, Evidence, Judgement, Share, Signal, Verdict, VerdictRules, judge, since

WRONG, UNUSUAL = "wrong answers", "unusual amounts"
_MOST_CLASSES = 20
"""Classes that are looked at, the most frequent ones: each one more makes all of them slower to see."""
_SHIFT, _SHIFT_LATER = 0.15, 0.3
"""By how much an answer may become more frequent: a better model answers otherwise, too; where the two are not asked at
the same time, what is asked may have changed as well."""
_WORSE = 0.1
"""By how much the share of wrong answers may grow."""
_ALPHA = 0.001
"""The chance that answers take a version back that answers as the one before: a tenth of what the metrics have."""
_USUAL = 20
"""Amounts that tell what is usual, at least."""
_BLOCK = len("2026-01-01T00:00:0")
"""Answers of the same ten seconds stand beside each other."""

Hit = Callable[[Answered], bool | None]
"""Whether an answer is a hit of a signal; None where it does not count."""


@dataclass(frozen=True)
class Told:
    """The answers of a release (`canary`), of the version before at the same time (`serving`) and until then (`past`),
    and the labels that are known.
    """

    canary: Sequence[Answered] = ()
    serving: Sequence[Answered] = ()
    past: Sequence[Answered] = ()
    labels: Mapping[Row, str] = field(default_factory=dict)

    @cached_property
    def evidence(self) -> dict[str, Evidence]:
        """The evidence for each signal of which anything is known."""
        once = Told(_once(self.canary), _once(self.serving), _once(self.past))
        known = {name: once._of(hit) for name, hit in _told(once._every, once._before).items()}
        known |= {name: self._of(hit) for name, hit in self._wrong().items()}
        return {name: seen for name, seen in known.items() if seen.canary.requests and seen.serving.requests}

    def worse(self) -> Judgement | None:
        """The judgement where the answers condemn the release; None where they do not."""
        shift, known = _SHIFT if self.serving else _SHIFT_LATER, self.evidence
        signals = {
            name: Signal(_WORSE if name == WRONG else shift, weight=1 / len(known), needed=False) for name in known
        }
        judgement = judge(known, VerdictRules(signals, _ALPHA))
        return judgement if judgement.verdict == Verdict.FAIL else None

    @property
    def _before(self) -> list[Answered]:
        return [*self.past, *self.serving]

    @property
    def _every(self) -> list[Answered]:
        return [*self._before, *self.canary]

    def _of(self, hit: Hit) -> Evidence:
        if not self.serving:
            return since(_share(self.canary, hit), _share(self.past, hit), COMMON)
        known, new, old = Evidence(COMMON), _blocks(self.canary), _blocks(self.serving)
        for block in sorted(new.keys() | old.keys()):
            known = known.after(_share(new.get(block, ()), hit), _share(old.get(block, ()), hit))
        return known

    def _wrong(self) -> dict[str, Hit]:
        """Wrong is another class; of amounts, an error that is larger than half of those before."""

        def truth(answer: Answered) -> str | None:
            return self.labels.get((answer.inference_id, answer.number)) if answer.inference_id else None

        def mistaken(answer: Answered) -> bool | None:
            label = truth(answer)
            return None if label is None else is_wrong(answer, label, usual)

        labelled = [(each, label) for each in self._before if (label := truth(each)) is not None]
        usual = usual_error(labelled, _USUAL)
        return {WRONG: mistaken} if self.labels else {}


def _told(every: Sequence[Answered], before: Sequence[Answered]) -> dict[str, Hit]:
    def tells(label: str) -> Hit:
        return lambda answer: None if answer.label is None else answer.label == label

    labels = Counter(each.label for each in every if each.label is not None)
    if labels:
        return {f"answers {label}": tells(label) for label, _ in labels.most_common(_MOST_CLASSES)}
    values = [each.value for each in before if each.value is not None]
    if len(values) < _USUAL:
        return {}
    low, *_, high = statistics.quantiles(values, n=_USUAL)
    return {UNUSUAL: lambda answer: None if answer.value is None else not low <= answer.value <= high}


def _once(answers: Sequence[Answered]) -> list[Answered]:
    """The first answer to everything that was asked."""
    first: dict[tuple[str, int], Answered] = {}
    for each in answers:
        first.setdefault((each.asked, each.number), each)
    return list(first.values())


def _share(answers: Sequence[Answered], hit: Hit) -> Share:
    hits = [found for each in answers if (found := hit(each)) is not None]
    return Share(len(hits), sum(hits))


def _blocks(answers: Sequence[Answered]) -> dict[str, list[Answered]]:
    blocks = defaultdict(list)
    for each in answers:
        blocks[each.moment[:_BLOCK]].append(each)
    return blocks
