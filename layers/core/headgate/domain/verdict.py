"""The verdict on a canary while it bakes: pass, fail or inconclusive, looked at as often as one likes.

Every signal is a share of requests: those that failed, those slower than the median or the 99th percentile of the
serving fleet, those answered with a certain label. The canary's share is compared with that of the fleet that serves at
the same time, so that what ails both condemns nobody.

Fail: a product of likelihood ratios of blocks of requests, a test martingale against "the canary's share is not above
the serving fleet's" (Turner, Ly and Gruenwald, *Generic E-variables for exact sequential k-sample tests that allow for
optional stopping*, J. Stat. Planning and Inference 230, 2024, theorem 1, for equal shares; a block's mean grows with
the canary's share and falls with the other, so that it holds for smaller ones too). Averaged over odds ratios it stays
one; by Ville's inequality it ever exceeds 1/alpha with a probability of at most alpha.

Pass: confidence sequences of both shares, from the Beta-binomial mixture (Robbins, *Statistical methods related to the
law of the iterated logarithm*, Ann. Math. Stat. 41, 1970), which hold at all times together.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_ODDS_RATIOS = {2.0: 0.35, 4.0: 0.3, 12.0: 0.2, 250.0: 0.15}
"""How much worse a canary may be, with weights: each component costs the logarithm of its weight in waiting, and a
fault between two of them is seen nearly as soon as at one. Slight faults, which take longest, have most weight."""
_PRIOR_REQUESTS = 2.0
"""What is assumed of the serving fleet before it answered: so many requests, half of one a hit. It costs power, never
validity."""


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

    canary: Share = field(default_factory=Share)
    serving: Share = field(default_factory=Share)
    logs: tuple[float, ...] = tuple(map(math.log, _ODDS_RATIOS.values()))
    """Logarithms of the weighted likelihood ratios, one for each odds ratio."""
    strongest: float = 0.0
    """The largest logarithm that their average ever had."""

    def after(self, canary: Share, serving: Share) -> "Evidence":
        """The evidence once a block more was seen; the block's end must not depend on what it holds."""
        base = (self.serving.hits + 0.5) / (self.serving.requests + _PRIOR_REQUESTS)
        logs = tuple(
            log + _log_ratio(canary, serving, base, odds) for log, odds in zip(self.logs, _ODDS_RATIOS, strict=True)
        )
        top = max(logs)
        average = top + math.log(sum(math.exp(log - top) for log in logs))
        return Evidence(self.canary + canary, self.serving + serving, logs, max(self.strongest, average))

    @property
    def p_value(self) -> float:
        """Always valid: below alpha ever with a probability of at most alpha, if the canary is not worse."""
        return math.exp(-self.strongest)


def _log_ratio(canary: Share, serving: Share, base: float, odds: float) -> float:
    """The logarithm of a block's likelihood ratio: the canary's odds so many times the base's, against one share."""
    worse = odds * base / (1 - base + odds * base)
    requests = canary.requests + serving.requests
    if not requests:
        return 0.0
    common = (canary.requests * worse + serving.requests * base) / requests
    return _log_likelihood(canary, worse, common) + _log_likelihood(serving, base, common)


def _log_likelihood(share: Share, one: float, other: float) -> float:
    missed = share.requests - share.hits
    return share.hits * math.log(one / other) + missed * math.log((1 - one) / (1 - other))


def interval(share: Share, alpha: float) -> tuple[float, float]:
    """A confidence sequence of a share: holds it at all times together with a probability of at least 1 - alpha."""
    hits, missed = share.hits, share.requests - share.hits
    mixture = _log_beta(hits + 0.5, missed + 0.5) - _log_beta(0.5, 0.5)

    def excluded(guess: float) -> bool:
        likely = (hits * math.log(guess) if hits else 0.0) + (missed * math.log1p(-guess) if missed else 0.0)
        return mixture - likely > -math.log(alpha)

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


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@dataclass(frozen=True, slots=True)
class Signal:
    """What is asked of a share: by how much it may be larger on the canary before that matters to anybody.

    `needed` says that the canary cannot pass without having been seen in this signal.
    """

    margin: float
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """When a verdict is given.

    `alpha` is the chance of a false rollback over all signals and all looks together. Nothing passes before
    `least_requests` in each needed signal; failing needs no minimum, for the test itself asks for enough.
    """

    signals: Mapping[str, Signal]
    alpha: float = 0.01
    least_requests: int = 50


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the signal that decided it, and its reason."""

    verdict: Verdict
    signal: str | None
    reason: str


def judge(evidence: Mapping[str, Evidence], rules: Rules) -> Judgement:
    """The verdict on what was seen until now; what was seen of a signal that nobody asked for does not count.

    A canary fails when one share is surely larger than the serving fleet's and by enough to matter; it passes when
    every needed share was seen often enough, and none can be larger by more than its margin.
    """
    alpha = rules.alpha / len(rules.signals)
    for name, signal in rules.signals.items():
        seen = evidence.get(name, Evidence())
        excess = seen.canary.value - seen.serving.value
        if seen.p_value <= alpha and excess > signal.margin:
            return Judgement(Verdict.FAIL, name, f"{name}: {_compared(seen)}, which is no chance.")
    for name, signal in rules.signals.items():
        seen = evidence.get(name, Evidence())
        if not signal.needed and not seen.canary.requests:
            continue
        if min(seen.canary.requests, seen.serving.requests) < rules.least_requests:
            few = f"{name}: {seen.canary.requests} requests to the canary are too few to tell."
            return Judgement(Verdict.INCONCLUSIVE, name, few)
        _, worst = interval(seen.canary, alpha / 2)
        best, _ = interval(seen.serving, alpha / 2)
        if worst - best > signal.margin:
            return Judgement(
                Verdict.INCONCLUSIVE, name, f"{name}: {_compared(seen)}, but it may be worse than allowed."
            )
    return Judgement(Verdict.PASS, None, "No signal of the canary is worse than its margin allows.")


def _compared(seen: Evidence) -> str:
    return f"{seen.canary.value:.2%} of {seen.canary.requests} requests against {seen.serving.value:.2%} of the others"
