"""How soon the verdict engine sees a worse release, beside what others do: python -m benchmarks.verdict

Simulated, 1,000 seeded runs of each line, at most 1 % false rollbacks in an hour. Requests are the canary's; nine go to
the serving fleet for each of them. *Alone* is a signal that may spend the whole 1 %; *judged* is what the product does,
whose verdict is on several signals at once.

Bounds are Wald's, ln(1/alpha) over the divergence from the nearest distribution without a fault (*Sequential Analysis*,
1947), in whole requests: no test with this rate of false rollbacks needs fewer on average. Which is the nearest depends
on what is known:

- beside the past, whose share stays, it is the share before the fault (`known`);
- beside a fleet that serves at the same time, any share that both fleets have is no fault (`two`). What ails both, in
  whatever way it changes, is to condemn nobody. So a past tells nothing of the share that both have now: it is the same
  whether the canary is worse than the fleet beside it, or both have come to a share between; and no test that keeps to
  1 % for those can use it. `known` can therefore not be reached beside a fleet; it is told all the same.

The alarm rings when 3 of 5 minutes have more than 2 % of errors; the judge compares windows of five minutes by
Mann-Whitney, at a twelfth of 1 % each. Both wait for time, not for requests, so they are compared in seconds, at 2 and
at 20 requests a second to the canary; the engine then looks every ten seconds, and as judged.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu, norm

from headgate.domain.rollout import Wishes
from headgate.domain.verdict import Evidence, Share, since
from headgate.domain.watch import ERRORS, SLOW, WAGERS, rules_of

ALPHA, RUNS, HOUR = 0.01, 1000, 3600
SERVING = 9
"""Requests to the serving fleet for each one to the canary."""
PAST = 72_000
"""Requests before the release: an hour of 20 a second."""
LOOK, MINUTE, WINDOW = 10, 60, 300
SPREAD = 0.5
"""Of the logarithms of latencies."""
RATES = (2, 20)


@dataclass(frozen=True)
class Fault:
    """A share that was `base` and is `worse` now; a signal of the product sees it."""

    name: str
    worse: float
    base: float
    signal: str = ERRORS
    slower: float = 0.0


def slow(factor: float) -> Fault:
    """More requests are slower than the median was."""
    return Fault(f"latency {factor - 1:+.0%}", float(norm.cdf(math.log(factor) / SPREAD)), 0.5, SLOW, factor)


FAULTS = (
    *(Fault(f"errors 0.5 % to {worse:.0%}", worse, 0.005) for worse in (0.01, 0.02, 0.05, 0.5)),
    slow(1.2),
    slow(1.5),
    Fault("broken feature: a label 30 to 55 %", 0.55, 0.3, SLOW),
)


def divergence(one: float, other: float) -> float:
    """Kullback and Leibler's, of two shares."""
    return one * math.log(one / other) + (1 - one) * math.log((1 - one) / (1 - other))


def known(fault: Fault) -> int:
    """Wald's bound of the requests until a share is seen to be worse than one that is known."""
    return math.ceil(math.log(1 / ALPHA) / divergence(fault.worse, fault.base))


def two(fault: Fault) -> int:
    """The same against the share of a fleet beside it, which is not known."""
    common = (fault.worse + SERVING * fault.base) / (1 + SERVING)
    each = divergence(fault.worse, common) + SERVING * divergence(fault.base, common)
    return math.ceil(math.log(1 / ALPHA) / each)


def beside(fault: Fault, block: int, level: float, most: int, random: np.random.Generator) -> float:
    """The canary's requests until the engine is sure beside a fleet, in blocks; infinite when it is not."""
    blocks = max(1, most // block)
    canary, serving = random.binomial(block, fault.worse, blocks), random.binomial(block * SERVING, fault.base, blocks)
    evidence = Evidence(WAGERS[fault.signal])
    for number, (bad, usual) in enumerate(zip(canary.tolist(), serving.tolist(), strict=True), start=1):
        evidence = evidence.after(Share(block, bad), Share(block * SERVING, usual))
        if evidence.p_value <= level:
            return number * block
    return math.inf


def after_past(fault: Fault, block: int, level: float, most: int, random: np.random.Generator) -> float:
    """The same beside the past alone."""
    past = Share(PAST, int(random.binomial(PAST, fault.base)))
    seen = Share()
    for number, bad in enumerate(random.binomial(block, fault.worse, most // block).tolist(), start=1):
        seen += Share(block, bad)
        if since(seen, past, WAGERS[fault.signal]).p_value <= level:
            return number * block
    return math.inf


def judged_level(fault: Fault) -> float:
    """What the product's verdict spends on the signal."""
    rules = rules_of(Wishes(), answered=True)
    return rules.alpha * rules.signals[fault.signal].weight


def alarm(fault: Fault, rate: int, random: np.random.Generator) -> float:
    """The seconds until 3 of 5 minutes have more than 2 % of errors."""
    requests = MINUTE * rate
    over = random.binomial(requests, fault.worse, HOUR // MINUTE) / requests > 0.02
    for minute in range(1, len(over) + 1):
        if over[max(0, minute - 5) : minute].sum() >= 3:
            return minute * MINUTE
    return math.inf


def judge(fault: Fault, rate: int, random: np.random.Generator) -> float:
    """The seconds until a window's values are larger on the canary, by Mann-Whitney."""
    level, requests = ALPHA / (HOUR // WINDOW), WINDOW * rate
    for number in range(1, HOUR // WINDOW + 1):
        if fault.slower:
            new = fault.slower * random.lognormal(0, SPREAD, requests)
            value = mannwhitneyu(
                new, random.lognormal(0, SPREAD, requests * SERVING), alternative="greater", method="asymptotic"
            ).pvalue
        else:
            bad, usual = random.binomial(requests, fault.worse), random.binomial(requests * SERVING, fault.base)
            value = of_zeros_and_ones(int(bad), requests, int(usual), requests * SERVING)
        if value <= level:
            return number * WINDOW
    return math.inf


def of_zeros_and_ones(bad: int, new: int, usual: int, old: int) -> float:
    """Mann-Whitney's p-value, with its correction for ties: on zeros and ones it needs their numbers only."""
    ones, total = bad + usual, new + old
    if not 0 < ones < total:
        return 1.0
    above = bad * (old - usual) + 0.5 * (bad * usual + (new - bad) * (old - usual))
    ties = (ones**3 - ones + (total - ones) ** 3 - (total - ones)) / (total * (total - 1))
    spread = math.sqrt(new * old / 12 * (total + 1 - ties))
    return float(norm.sf((above - new * old / 2 - 0.5) / spread))


def median(values: list[float]) -> str:
    """The median; the share of runs that saw nothing where that is the median."""
    middle = float(np.median(values))
    return f"{middle:.0f}" if math.isfinite(middle) else f"never ({np.mean(np.isinf(values)):.0%})"


def over(values: list[float], bound: int) -> str:
    """A median and how many times a bound it is."""
    return f"{median(values)} ({np.median(values) / bound:.2f})"


def runs(measure: Callable[..., float], seed: int, *given: object) -> list[float]:
    """A measure's seeded runs."""
    random = np.random.default_rng(seed)
    return [measure(*given, random) for _ in range(RUNS)]


def in_requests() -> None:
    """The canary's requests until the engine is sure, and how many times the bound that is."""
    for title, measure, bound in (("beside a fleet", beside, two), ("beside the past", after_past, known)):
        print(f"\n{title:36}{'two':>6}{'known':>7}{'alone':>15}{'judged':>15}   (times {bound.__name__})")
        for seed, fault in enumerate(FAULTS):
            least = bound(fault)
            block, most = max(1, least // 30), 5 * least
            cells = "".join(
                f"{over(runs(measure, seed, fault, block, level, most), least):>15}"
                for level in (ALPHA, judged_level(fault))
            )
            print(f"{fault.name:36}{two(fault):6}{known(fault):7}{cells}", flush=True)


def in_seconds() -> None:
    """Seconds until each is sure."""
    titles = "".join(f"{f'{who}, {rate}/s':>20}" for rate in RATES for who in ("engine", "alarm 3/5", "Mann-Whitney"))
    print(f"\n{'seconds':36}{titles}")
    for seed, fault in enumerate(FAULTS):
        cells = []
        for rate in RATES:
            seen = runs(beside, seed, fault, rate * LOOK, judged_level(fault), HOUR * rate)
            cells.append(median([requests / rate for requests in seen]))
            cells.append(median(runs(alarm, seed, fault, rate)) if fault.signal == ERRORS else "-")
            cells.append(median(runs(judge, seed, fault, rate)))
        print(f"{fault.name:36}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def shares_at(share: float, random: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """What ails nobody or both, as a share for each look of an hour."""
    looks = HOUR // LOOK
    yield f"identical, share {share:.1%}", np.full(looks, share)
    yield f"both drift from {share:.1%} to ten times that", share * np.linspace(1, min(10, 0.9 / share), looks)
    yield f"both have bursts around {share:.1%}", np.clip(share * random.lognormal(0, 1.5, looks), 0, 0.99)


def false_alarms() -> None:
    """The share of runs of two fleets that are alike in which the engine is sure of the contrary within an hour."""
    print(f"\n{'false rollbacks in an hour':48}{'beside a fleet':>16}{'beside the past':>16}")
    block = RATES[0] * LOOK
    for number, share in enumerate((0.005, 0.01, 0.3, 0.5)):
        random = np.random.default_rng(30 + number)
        for name, shares in shares_at(share, random):
            wrong = np.mean([condemned(*routed(shares, block, 1, random)) for _ in range(RUNS)])
            stays = "-"
            if name.startswith("identical"):
                fault = Fault(name, share, share)
                stays = (
                    f"{np.mean([math.isfinite(after_past(fault, 200, ALPHA, 7200, random)) for _ in range(RUNS)]):.1%}"
                )
            print(f"{name:48}{wrong:>16.1%}{stays:>16}", flush=True)
    random = np.random.default_rng(40)
    shares = np.full(HOUR // LOOK, 0.01)
    wrong = np.mean([condemned(*routed(shares, block, 5, random)) for _ in range(RUNS)])
    print(f"{'errors come five at a time, each routed by chance':48}{wrong:>16.1%}{'-':>16}")


def routed(shares: np.ndarray, block: int, together: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hits of both fleets: so many come together, and chance shares the requests out."""
    total = block * (1 + SERVING)
    hits = np.minimum(total, together * random.binomial(total // together, shares))
    canary = random.hypergeometric(hits, total - hits, block)
    return canary, hits - canary


def condemned(canary: np.ndarray, serving: np.ndarray) -> bool:
    """Whether the engine is ever sure, at the whole of alpha."""
    block = RATES[0] * LOOK
    evidence = Evidence()
    for bad, usual in zip(canary.tolist(), serving.tolist(), strict=True):
        evidence = evidence.after(Share(block, bad), Share(block * SERVING, usual))
    return evidence.p_value <= ALPHA


def main() -> None:
    """Print a line for each fault, and what is called a fault without being one."""
    in_requests()
    in_seconds()
    false_alarms()


if __name__ == "__main__":
    main()
