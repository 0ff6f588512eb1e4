"""How likely chance alone makes what was seen: the tails of a few distributions, and the correction for many questions.

Exact small formulas instead of scipy, which is 134 MB in a layer and four boto3 to import, for three functions of it; a
test compares them with scipy's. Sources: docs/monitoring.md.
"""

import math
from collections.abc import Mapping, Sequence

_ENOUGH = 1e-15
_EXPECTED = 5


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) of a chi-squared distribution: the regularised upper incomplete gamma function.

    By its series below the bulk and by its continued fraction (Lentz) above it.
    """
    if statistic <= 0 or freedom <= 0:
        return 1.0
    a, x = freedom / 2, statistic / 2
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * _ENOUGH:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1 - scale * total)
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for step in range(1, 10_000):
        factor = -step * (step - a)
        b += 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        change = c * d
        fraction *= change
        if abs(change - 1) < _ENOUGH:
            break
    return min(1.0, scale * fraction)


def kolmogorov_tail(distance: float, first: int, second: int) -> float:
    """P(D >= distance) for two samples of these sizes from one continuous distribution; for others it is smaller.

    The limit of Kolmogorov and Smirnov, with Stephens' correction of the effective size.
    """
    if not first or not second:
        return 1.0
    size = math.sqrt(first * second / (first + second))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.3:
        return 1.0
    terms = [(1.0 if k % 2 else -1.0) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101)]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def normal_tail(z: float) -> float:
    """P(Z >= z) of a standard normal."""
    return math.erfc(z / math.sqrt(2)) / 2


def variance_of_rate(hits: int, rows: int) -> float:
    """Of a rate, with one row of each kind added (Agresti and Caffo, 2000), so that it is never nothing."""
    rate = (hits + 1) / (rows + 2)
    return rate * (1 - rate) / (rows + 2)


def excess_tail(marked: int, rows: int, marked_before: int, rows_before: int) -> float:
    """How likely at least `marked` of all marked rows fall among `rows`, if marks have nothing to do with that.

    The hypergeometric tail, which is Fisher's exact test of one side: nothing is approximated for rare marks.
    """
    total, whole = marked + marked_before, rows + rows_before
    if marked * rows_before <= marked_before * rows:
        return 1.0  # not more than before; the tail is then no small number, and many terms
    log_term = log_choose(rows, marked) + log_choose(rows_before, marked_before) - log_choose(whole, total)
    term = tail = math.exp(log_term) if log_term > -700 else 0.0
    for seen in range(marked, min(rows, total)):
        there = total - seen
        term *= (rows - seen) * there / ((seen + 1) * (rows_before - there + 1))
        tail += term
        if term <= tail * _ENOUGH:
            break
    return min(1.0, tail)


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction: chances that may be compared with one level for all questions, however they hang together."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, chance) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, chance * (len(chances) - rank)))
        adjusted[name] = highest
    return adjusted


def pooled(counts: Sequence[int], counts_before: Sequence[int]) -> list[tuple[int, int]]:
    """Two rows of counts bin by bin, where bins are counted together of which fewer than five rows are expected in
    either sample (Cochran): what rests on their counts holds then.
    """
    rows, before = sum(counts), sum(counts_before)
    if not rows or not before:
        return []
    share = min(rows, before) / (rows + before)
    bins: list[tuple[int, int]] = []
    small = (0, 0)
    for now, then in zip(counts, counts_before, strict=True):
        if (now + then) * share >= _EXPECTED:
            bins.append((now, then))
        else:
            small = (small[0] + now, small[1] + then)
    if bins and 0 < sum(small) * share < _EXPECTED:
        last = bins.pop()
        small = (small[0] + last[0], small[1] + last[1])
    return [*bins, small] if sum(small) else bins


def chi_squared_of(counts: Sequence[int], counts_before: Sequence[int]) -> tuple[float, int]:
    """Pearson's statistic for whether two rows of counts are of one distribution, and its degrees of freedom."""
    bins, rows, before = pooled(counts, counts_before), sum(counts), sum(counts_before)
    statistic = 0.0
    for now, then in bins:
        expected, expected_before = ((now + then) * size / (rows + before) for size in (rows, before))
        statistic += (now - expected) ** 2 / expected + (then - expected_before) ** 2 / expected_before
    return statistic, max(0, len(bins) - 1)


def log_choose(n: int, k: int) -> float:
    """The logarithm of how many ways there are to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
