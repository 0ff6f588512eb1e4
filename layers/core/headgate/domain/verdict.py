"""The verdict on a canary while it bakes: pass, fail or inconclusive, looked at as often as one likes.

Every signal is a share of requests: those that failed, those slower than was usual, those with another answer than
expected. Evidence is a wager that the canary's share is larger: what it gained, one at the beginning, is worth one at
most on average while the share is not larger, so that it ever exceeds 1/alpha with a probability of at most alpha
(Ville, *Etude critique de la notion de collectif*, 1939). Wagers on several odds ratios are averaged, which makes one
again.

Beside a fleet that serves at the same time, a block of requests is judged given how many of all its requests were hits:
how many of them fell on the canary is then a matter of chance alone (Fisher, *The logic of inductive inference*, J.
Royal Stat. Society 98, 1935). So nothing has to be known of the serving fleet's share, and what ails both fleets
condemns nobody, however it changes and however requests hang together. It asks only that chance shares the requests
out.

Beside the past alone, the past's share is not known either, but much is: each share is doubted by as much as lower or
nearby ones explain the past better, and the share counts that helps the canary most (Wasserman, Ramdas and
Balakrishnan, *Universal inference*, PNAS 117, 2020). Against a share, the best explanation is the pair of shares that
pooled would look like it (Grunwald, de Heide and Koolen, *Safe testing*, J. Royal Stat. Society B 86, 2024): the past's
is lower by as much as a canary that is so much worse raises the pool. A part of the wager is on shares all around, and
another on two that have nothing to do with each other (Beta-binomial mixtures; Robbins, *Statistical methods related to
the law of the iterated logarithm*, Ann. Math. Stat. 41, 1970), for a canary that takes longer. This asks that the share
would have stayed what it was.

Pass: confidence sequences of both shares, from Robbins's mixture, which hold at all times together. As every signal has
to pass, none needs a part of alpha for itself (Berger, *Multiparameter hypothesis testing*, Technometrics 24, 1982).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from headgate.domain.chance import log_choose

Wagers = Mapping[float, float]
"""Odds ratios, how much worse a canary may be, with weights that add up to one. Each costs the logarithm of its weight
in waiting, and a fault between two of them is seen nearly as soon as at one."""
RARE: Wagers = {2.0: 0.37, 5.0: 0.27, 12.0: 0.16, 250.0: 0.2}
"""For what hardly ever happens to one that is well, and may happen always to one that is not."""
COMMON: Wagers = {2.0: 0.6, 3.5: 0.4}
"""For what happens to one that is well, too: it cannot become many times as frequent."""
RARE_SINCE: Wagers = {2.0: 0.41, 5.0: 0.27, 13.0: 0.27, 250.0: 0.05}
"""What is rare, beside the past alone, where a hit may be worth all that the odds are: beside a fleet it is never worth
more than how few of the requests are the canary's."""
_LOWER, _POOLED, _ENOUGH = 0.8, 1.5, math.log(100)
"""The part of the doubt that is on a lower past, for a canary that takes half as long again as the evidence needs that
one in a hundred would have by chance."""
_APART = 0.02
"""The part of the wager on two shares that have nothing to do with each other. A canary that is much longer than the
past would else be explained by a share so high that every odds ratio loses against it."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = (*(step / 3 for step in range(-15, 18)), *(6 * 1.2**step for step in range(45)))
"""Standard errors from the past's share on, at which the least evidence is looked for."""
_LAST = 21.0
"""The logarithm of the odds of a share above which there is none to look for."""
_SURE = 40.0
"""Of a sum, terms that are smaller than the largest one by the exponential of this are left out."""


class Verdict(StrEnum):
    """What is known of a canary."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Share:
    """Requests, and how many of them are hits: failed, slow, answered so."""

    requests: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if not 0 <= self.hits <= self.requests:
            raise ValueError(f"{self.hits} hits in {self.requests} requests")

    def __add__(self, other: "Share") -> "Share":
        return Share(self.requests + other.requests, self.hits + other.hits)

    @property
    def value(self) -> float:
        """The share; 0 without requests."""
        return self.hits / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a signal until now."""

    wagers: Wagers = field(default_factory=lambda: RARE)
    canary: Share = field(default_factory=Share)
    serving: Share = field(default_factory=Share)
    logs: tuple[float, ...] = ()
    """Logarithms of what each wager gained from blocks."""
    strongest: float = 0.0
    """The largest logarithm that their average ever had."""

    def after(self, canary: Share, serving: Share) -> "Evidence":
        """The evidence once a block more was seen; the block's end must not depend on what it holds."""
        before = self.logs or (0.0,) * len(self.wagers)
        logs = tuple(log + _gain(canary, serving, odds) for log, odds in zip(before, self.wagers, strict=True))
        strongest = max(self.strongest, _average(self.wagers, logs))
        return Evidence(self.wagers, self.canary + canary, self.serving + serving, logs, strongest)

    @property
    def p_value(self) -> float:
        """Always valid: below alpha ever with a probability of at most alpha, if the canary is not worse."""
        return math.exp(-self.strongest)


def counted(evidence: Mapping[str, Evidence]) -> dict[str, dict[str, dict[str, int]]]:
    """The numbers behind each signal, for the ledger: requests and hits, of the canary and of what serves."""
    return {
        name: {
            side: {"requests": share.requests, "hits": share.hits}
            for side, share in (("canary", seen.canary), ("serving", seen.serving))
        }
        for name, seen in evidence.items()
    }


def since(canary: Share, past: Share, wagers: Wagers = RARE_SINCE) -> Evidence:
    """The evidence where there is only the past to compare all of the canary's requests with."""

    together, apart = canary + past, _mixture(canary) + _mixture(past)

    def gained(share: float) -> float:
        around = _doubt_around(past, share)
        wagered = _average(
            wagers, tuple(_gain_over(canary, share, odds) + _doubt(past, share, odds, around) for odds in wagers)
        )
        return _average({0: 1 - _APART, 1: _APART}, (wagered, apart - _likely(together, share)))

    return Evidence(wagers, canary, past, strongest=max(0.0, _least(gained, past)))


def _average(wagers: Wagers, logs: tuple[float, ...]) -> float:
    """The logarithm of the weighted average of what has these logarithms."""
    top = max(logs)
    return top + math.log(sum(weight * math.exp(log - top) for weight, log in zip(wagers.values(), logs, strict=True)))


def _gain(canary: Share, serving: Share, odds: float) -> float:
    """The logarithm of a block's likelihood ratio, odds so many times against alike, given how many hits it had."""
    hits = canary.hits + serving.hits
    return canary.hits * math.log(odds) - _expected(canary.requests, serving.requests, hits, odds)


@lru_cache(maxsize=4096)
def _expected(canary: int, serving: int, hits: int, odds: float) -> float:
    """The logarithm of the mean of `odds` to the power of the hits that chance gives the canary.

    The terms of the hypergeometric distribution, from the largest one on to both sides while they count.
    """
    first, last = max(0, hits - serving), min(hits, canary)

    def step(hit: int) -> float:
        """By how much the term of a hit more is larger."""
        return odds * (canary - hit) * (hits - hit) / ((hit + 1) * (serving - hits + hit + 1))

    low, high = first, last
    while low < high:  # the steps fall, so the largest term is where they fall below one
        middle = (low + high) // 2
        low, high = (middle + 1, high) if step(middle) > 1 else (low, middle)
    total, term, least = 1.0, 1.0, math.exp(-_SURE)
    for hit in range(low, last):
        term *= step(hit)
        total += term
        if term < least:
            break
    term = 1.0
    for hit in range(low - 1, first - 1, -1):
        term /= step(hit)
        total += term
        if term < least:
            break
    ways = log_choose(canary, low) + log_choose(serving, hits - low) - log_choose(canary + serving, hits)
    return ways + low * math.log(odds) + math.log(total)


def _gain_over(canary: Share, share: float, odds: float) -> float:
    """The logarithm of what a wager gains against a share that is known."""
    return canary.hits * math.log(odds) - canary.requests * math.log1p((odds - 1) * share)


def _doubt(past: Share, share: float, odds: float, around: float) -> float:
    """The logarithm of how much better the past is explained beside a wager than by this share."""
    if not past.requests:
        return 0.0
    rise = (odds - 1) / (1 + (odds - 1) * share)  # of a worse share above this one, over the share's variance
    each = share * (1 + rise * (1 - share)) * math.log(odds) - math.log1p((odds - 1) * share)
    lower = _POOLED * _ENOUGH / max(each, 1e-12) * rise / past.requests
    explained = -past.hits * lower - past.requests * math.log1p(math.expm1(-lower) * share)
    return _average({0: _LOWER, 1: 1 - _LOWER}, (explained, around))


def _doubt_around(past: Share, share: float) -> float:
    """The same by shares all around this one, as the past could have been by chance."""
    near, far = past.requests * share, past.requests * (1 - share)
    if not past.requests:
        return 0.0
    mixture = _log_beta(past.hits + near, past.requests - past.hits + far) - _log_beta(near, far)
    return mixture - _likely(past, share)


def _least(of: Callable[[float], float], past: Share) -> float:
    """The least value over all shares: looked for around the past's by its standard error, then ever farther above.

    Below, it falls up to there; above it has a valley or two. The deepest is measured by golden section.
    """

    def at(logit: float) -> float:
        return of(1 / (1 + math.exp(-logit)))

    usual = (past.hits + 0.5) / (past.requests + 1)
    middle, error = math.log(usual / (1 - usual)), 1 / math.sqrt((past.requests + 1) * usual * (1 - usual))
    places = [min(_LAST, middle + error * step) for step in _STEPS]
    places = [place for number, place in enumerate(places) if not number or place > places[number - 1]]
    deepest = min(range(len(places)), key=[at(place) for place in places].__getitem__)
    low, high = places[max(0, deepest - 1)], places[min(len(places) - 1, deepest + 1)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = at(left), at(right)
    while high - low > 1e-3 * error:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = at(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = at(right)
    return min(at_left, at_right)


def interval(share: Share, alpha: float) -> tuple[float, float]:
    """A confidence sequence of a share: holds it at all times together with a probability of at least 1 - alpha."""
    mixture = _mixture(share)

    def excluded(guess: float) -> bool:
        return mixture - _likely(share, guess) > -math.log(alpha)

    return _edge(excluded, share.value, 0.0), _edge(excluded, share.value, 1.0)


def _edge(excluded: Callable[[float], bool], inside: float, end: float) -> float:
    """Where the exclusion begins between a value that is not excluded and an end, which may be."""
    low, high = min(max(inside, 1e-12), 1 - 1e-12), min(max(end, 1e-12), 1 - 1e-12)
    if not excluded(high):
        return end
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if excluded(middle) else (middle, high)
    return high


def _likely(seen: Share, value: float) -> float:
    """The logarithm of how likely requests in their order are by a share between 0 and 1."""
    return seen.hits * math.log(value) + (seen.requests - seen.hits) * math.log1p(-value)


def _mixture(seen: Share) -> float:
    """The same by all shares together (Beta(1/2, 1/2))."""
    return _log_beta(seen.hits + 0.5, seen.requests - seen.hits + 0.5) - _log_beta(0.5, 0.5)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@dataclass(frozen=True, slots=True)
class Signal:
    """What is asked of a share: by how much it may be larger on the canary before that matters to anybody.

    `weight` is its part of the chance of a false rollback; the parts of all signals add up to one at most. `needed`
    says that the canary cannot pass without having been seen in this signal.
    """

    margin: float
    weight: float = 1.0
    needed: bool = True


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """When a verdict is given.

    `alpha` is the chance of a false rollback over all signals and all looks together. Nothing passes before
    `least_requests` in each needed signal; failing needs no minimum, for the test itself asks for enough.
    """

    signals: Mapping[str, Signal]
    alpha: float = 0.01
    least_requests: int = 50

    def __post_init__(self) -> None:
        """Refuse more than the whole chance."""
        if (spent := sum(signal.weight for signal in self.signals.values())) > 1 + 1e-9:
            raise ValueError(f"The weights of the signals add up to {spent:g}, which is more than one.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the signal that decided it, and its reason."""

    verdict: Verdict
    signal: str | None
    reason: str


def judge(evidence: Mapping[str, Evidence], rules: VerdictRules) -> Judgement:
    """The verdict on what was seen until now; what was seen of a signal that nobody asked for does not count.

    A canary fails when one share is surely larger than the serving fleet's and by enough to matter; it passes when
    every needed share was seen often enough, and none can be larger by more than its margin.
    """
    for name, signal in rules.signals.items():
        seen = evidence.get(name, Evidence())
        excess = seen.canary.value - seen.serving.value
        if seen.p_value <= rules.alpha * signal.weight and excess > signal.margin:
            return Judgement(Verdict.FAIL, name, f"{name}: {_compared(seen)}, which is no chance.")
    for name, signal in rules.signals.items():
        seen = evidence.get(name, Evidence())
        if not signal.needed and not seen.canary.requests:
            continue
        if min(seen.canary.requests, seen.serving.requests) < rules.least_requests:
            few = f"{name}: {seen.canary.requests} requests to the canary are too few to tell."
            return Judgement(Verdict.INCONCLUSIVE, name, few)
        _, worst = interval(seen.canary, rules.alpha / 2)
        best, _ = interval(seen.serving, rules.alpha / 2)
        if worst - best > signal.margin:
            return Judgement(
                Verdict.INCONCLUSIVE, name, f"{name}: {_compared(seen)}, but it may be worse than allowed."
            )
    return Judgement(Verdict.PASS, None, "No signal of the canary is worse than its margin allows.")


def _compared(seen: Evidence) -> str:
    return f"{seen.canary.value:.2%} of {seen.canary.requests} requests against {seen.serving.value:.2%} of the others"
