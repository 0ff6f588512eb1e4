"""Whether a window of requests looks like what the version was trained on: rules over counts, nothing else.

Quiet rather than wrong: something moved only if chance does not explain it, after correction for all that was asked,
*and* it is large enough to matter. docs/monitoring.md says which statistic stands for which question, and why.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.domain.baseline import Baseline, Categories, Feature, Numbers, Seen
from headgate.domain.chance import chi_squared_of, chi_squared_tail, excess_tail, holm, kolmogorov_tail, pooled
from headgate.domain.margins import Margins

LEVEL = 0.002
"""How often a question is answered wrongly where nothing moved: in one of 500 windows at most. Features, missing
values, answers, quality and groups are five questions: together one window in a hundred."""
FEW = 0.01
"""Share of rows beyond the range, of new categories or of a vanished one that matters."""
UNITS = (1000.0, 0.001, 1e6, 1e-6, 100.0, 0.01, 60.0, 1 / 60)
"""Factors that look like another unit: kilo and milli, mega and micro, per cent, minutes and seconds."""
RARE = 10
"""A category of which fewer rows of the baseline are to be expected, by both samples, is counted with all other rare
ones and with those never seen. By the baseline alone it would be chosen for having come often there."""
_NEAR = 1.5  # a median that far from the factor still looks like it
_UNITS_APART = 5.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What a window says of one feature. `chance` is corrected for all features; `why` says what moved, in words that
    name no value of a row.
    """

    name: str
    column: str
    drifted: bool
    psi: float
    distance: float
    chance: float
    weight: float | None
    missing: float
    missing_before: float
    lacks: bool
    why: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Drift:
    """What a window says of its features and of the answers."""

    features: Sequence[Moved]
    answers: Moved

    @property
    def drifted(self) -> list[Moved]:
        """The features that moved, what matters most to the model first."""
        return [each for each in self.features if each.drifted]


def judge_drift(baseline: Baseline, seen: Mapping[str, Seen], answered: Seen, limits: Margins | None = None) -> Drift:
    """Compare a window with the baseline.

    Args:
        baseline: of the version that answered.
        seen: what the window shows of each feature, by name.
        answered: what it shows of the answers.
        limits: of the project.
    """
    limits = limits or Margins()
    features = [feature for feature in baseline.features if feature.name in seen]
    asked = {
        f"{feature.name}\0{what}": chance
        for feature in features
        for what, chance in _chances(feature, seen[feature.name])
    }
    corrected = holm(asked)
    lacking = holm({feature.name: _missing_chance(feature, seen[feature.name]) for feature in features})
    moved = []
    for feature in features:
        own = {
            what.rpartition("\0")[2]: value
            for what, value in corrected.items()
            if what.rpartition("\0")[0] == feature.name
        }
        moved.append(
            _moved(feature, seen[feature.name], own, lacking[feature.name], limits, baseline.weight_of(feature))
        )
    of_answers = holm({what: chance for what, chance in _chances(baseline.answers, answered) if what == "spread"})
    answers = _moved(baseline.answers, answered, of_answers, 1.0, limits, None)
    return Drift(sorted(moved, key=_order), answers)


def _order(moved: Moved) -> tuple[bool, bool, float, float]:
    weight = 0.5 if moved.weight is None else moved.weight
    return not moved.drifted, not moved.lacks, -moved.psi * (0.1 + weight), -moved.psi


def _chances(feature: Feature, seen: Seen) -> Iterator[tuple[str, float]]:
    """The chance of what was seen, question by question; a feature without values in either asks nothing."""
    if not feature.present or not seen.present:
        return
    if isinstance(feature.spread, Numbers):
        yield "spread", kolmogorov_tail(_distance(feature, seen), seen.present, feature.present)
        sides = (excess_tail(beyond, seen.present, 0, feature.present) for beyond in seen.beyond)
        yield "range", min(1.0, 2 * min(sides))
        return
    statistic, freedom = chi_squared_of(*_rows_of(feature, seen))
    yield "spread", chi_squared_tail(statistic, freedom)
    if feature.spread.rest == 0:
        yield "new", _new_chance(feature, feature.spread, seen)
    gone = _vanished(feature, seen)
    if gone:
        counts = feature.spread.counts
        least = min(excess_tail(counts[name], feature.present, 0, seen.present) for name in gone)
        yield "gone", min(1.0, least * len(counts))


def _moved(
    feature: Feature,
    seen: Seen,
    chances: Mapping[str, float],
    lacking: float,
    limits: Margins,
    weight: float | None,
) -> Moved:
    psi = stability_index(*_rows_of(feature, seen)) if chances else 0.0
    why = list(_reasons(feature, seen, chances, psi, limits))
    missing, before = (_share(each.missing, each.rows) for each in (seen, feature))
    return Moved(
        feature.name,
        feature.column,
        drifted=bool(why),
        psi=psi,
        distance=_distance(feature, seen) if chances else 0.0,
        chance=min(chances.values(), default=1.0),
        weight=weight,
        missing=missing,
        missing_before=before,
        lacks=lacking <= LEVEL and missing - before >= limits.missing,
        why=why,
    )


def _reasons(feature: Feature, seen: Seen, chances: Mapping[str, float], psi: float, limits: Margins) -> Iterator[str]:
    sure = {what for what, chance in chances.items() if chance <= LEVEL}
    if "spread" in sure and psi >= limits.psi:
        factor = _unit(feature, seen)
        yield f"values look like another unit: about {factor:g} times what they were" if factor else "the values moved"
    beyond = sum(seen.beyond)
    if "range" in sure and beyond >= FEW * seen.present:
        yield f"{_percent(beyond, seen.present)} lie outside of everything seen in training"
    if "new" in sure and seen.unknown >= FEW * seen.present:
        names = f": {', '.join(seen.unknown_names)}" if seen.unknown_names else ""
        yield f"{_percent(seen.unknown, seen.present)} have categories that training never saw{names}"
    if "gone" in sure and isinstance(feature.spread, Categories):
        gone = [name for name in _vanished(feature, seen) if feature.spread.counts[name] >= FEW * feature.present]
        if gone:
            yield f"a category came no more: {', '.join(gone)}"


def stability_index(counts: Sequence[int], counts_before: Sequence[int]) -> float:
    """Population stability index, less what two samples of these sizes show on average without any difference.

    Half a row is added to each bin, so that an empty one is finite.
    """
    bins, rows, before = pooled(counts, counts_before), sum(counts), sum(counts_before)
    if len(bins) < 2:
        return 0.0
    index = 0.0
    for now, then in bins:
        share, share_before = (now + 0.5) / (rows + len(bins) / 2), (then + 0.5) / (before + len(bins) / 2)
        index += (share - share_before) * math.log(share / share_before)
    return max(0.0, index - (len(bins) - 1) * (1 / rows + 1 / before))


def _rows_of(feature: Feature, seen: Seen) -> tuple[list[int], list[int]]:
    """The rows of the window and of the baseline in the same bins."""
    if isinstance(feature.spread, Categories) and isinstance(seen.counts, Mapping):
        # A rare category stands for all rare ones: which of them come is chance, that some do is not.
        both = ((seen.counts.get(name, 0), count) for name, count in feature.spread.counts.items())
        share = feature.present / max(1, seen.present + feature.present)
        known = [(now, then) for now, then in both if (now + then) * share >= RARE]
        named, before = [now for now, _ in known], [then for _, then in known]
        return [*named, seen.present - sum(named)], [*before, feature.present - sum(before)]
    assert isinstance(feature.spread, Numbers) and not isinstance(seen.counts, Mapping)  # noqa: PT018
    return list(seen.counts), list(feature.spread.counts)


def _distance(feature: Feature, seen: Seen) -> float:
    """Of numbers the largest distance of the two shares below an edge (Kolmogorov and Smirnov); of categories the
    Jensen-Shannon distance, the root of the divergence in bits.
    """
    now, then = _rows_of(feature, seen)
    rows, before = sum(now), sum(then)
    if not rows or not before:
        return 0.0
    if isinstance(feature.spread, Numbers):
        below = below_before = 0
        largest = 0.0
        for count, count_before in zip(now, then, strict=True):
            below, below_before = below + count, below_before + count_before
            largest = max(largest, abs(below / rows - below_before / before))
        return largest
    divergence = 0.0
    for count, count_before in zip(now, then, strict=True):
        p, q = count / rows, count_before / before
        middle = (p + q) / 2
        divergence += sum(share * math.log2(share / middle) / 2 for share in (p, q) if share)
    return math.sqrt(max(0.0, divergence))


def _new_chance(feature: Feature, spread: Categories, seen: Seen) -> float:
    """Of so many rows with categories that the baseline did not have.

    The share of rows that are new is told by the baseline's categories that came once, with a variance of those and
    twice those that came twice (Robbins, 1968; Esty, 1983): both samples count for as much less. A single category that
    the baseline missed is all new rows at once, which may be any one of them.
    """
    twice = sum(count == 2 for count in spread.counts.values())
    less = (spread.once + 2 * twice + 1) / (spread.once + 1)
    marked, marked_before = math.floor(seen.unknown / less), math.ceil(spread.once / less)
    rows, rows_before = math.ceil(seen.present / less), math.ceil(feature.present / less)
    return min(1.0, excess_tail(marked, rows, marked_before, rows_before) * max(1, len(spread.counts)))


def _vanished(feature: Feature, seen: Seen) -> list[str]:
    spread, counts = feature.spread, seen.counts
    if not isinstance(spread, Categories) or not isinstance(counts, Mapping):
        return []
    return [name for name in spread.counts if name not in counts]


def _missing_chance(feature: Feature, seen: Seen) -> float:
    return excess_tail(seen.missing, seen.rows, feature.missing, feature.rows) if seen.rows and feature.rows else 1.0


def _unit(feature: Feature, seen: Seen) -> float | None:
    """The factor that a changed unit would explain, or None."""
    before = feature.spread.median if isinstance(feature.spread, Numbers) else None
    if not before or not seen.median or before * seen.median <= 0:
        return None
    ratio = seen.median / before
    if 1 / _UNITS_APART < ratio < _UNITS_APART:
        return None
    near = min(UNITS, key=lambda factor: abs(math.log(ratio / factor)))
    return near if abs(math.log(ratio / near)) < math.log(_NEAR) else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %"
