"""How soon the verdict engine sees a worse release, beside what others do: python -m benchmarks.verdict

Simulated, 1,000 seeded runs of each line (or as many as `--runs` says), at most 1 % false rollbacks in an hour.
Requests are the canary's; nine go to the serving fleet for each of them. *Alone* is a signal that may spend the whole
1 %; *judged* is what the product does,
whose verdict is on several signals at once: its median with its standard error, and its mean (a run that is not sure
after five times the bound counts as such).

Bounds are Wald's, ln(1/alpha) over the divergence from the nearest distribution without a fault (*Sequential Analysis*,
1947), in whole requests: no test with this rate of false rollbacks needs fewer on average. Medians lie a little below
means, so that a median may be below a bound. Which distribution is the nearest depends on what is known:

- beside the past, whose share stays, it is the share before the fault, or one a little above that its requests do not
  tell from it (`known`);
- beside a fleet that serves at the same time, any share that both fleets have is no fault (`two`). What ails both, in
  whatever way it changes, is to condemn nobody. So a past tells nothing of the share that both have now: it is the same
  whether the canary is worse than the fleet beside it, or both have come to a share between; and no test that keeps to
  1 % for those can use it. `known` can therefore not be reached beside a fleet; it is told all the same.

In seconds, at 2, 20 and 100 requests a second to the canary, beside a fleet; the engine looks every ten seconds, as
judged. The alarm rings when 3 of 5 minutes have more hits than a limit, the lowest one with which one in a hundred
releases that are as good rings in an hour (it knows the share before, which the engine does not); the judge compares
windows of five minutes by Mann-Whitney, at a twelfth of 1 % each. Neither can be sooner than three and five minutes.
`times` says how many times as soon as the sooner of them the engine is. Four times is the goal, and beyond reach where
even the bound, by the next look, is later than a quarter of theirs: no test could be so soon. The line says how many
times as soon one at the bound would be.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import binom, norm

from headgate.domain.rollout import Wishes
from headgate.domain.verdict import Evidence, Share, since
from headgate.domain.watch import ERRORS, SLOW, WAGERS, WAGERS_SINCE, rules_of

ALPHA, RUNS, HOUR = 0.01, 1000, 3600
SERVING = 9
"""Requests to the serving fleet for each one to the canary."""
PAST = 72_000
"""Requests before the release: an hour of 20 a second."""
LOOK, MINUTE, WINDOW = 10, 60, 300
SPREAD = 0.5
"""Of the logarithms of latencies."""
RATES = (2, 20, 100)
GOAL = 4
"""Times as soon as the sooner of alarm and judge."""


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
    """Wald's bound of the requests until a share is seen to be worse than that of a past.

    What a past of so many requests tells of a share between counts against it, and the hardest share is the bound.
    """
    between = np.linspace(fault.base, fault.worse, 2001)[:-1]
    told = [PAST * divergence(fault.base, share) for share in between]
    needed = [math.log(1 / ALPHA) - past for past in told]
    return math.ceil(max(left / divergence(fault.worse, share) for left, share in zip(needed, between, strict=True)))


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
    past, wagers = Share(PAST, int(random.binomial(PAST, fault.base))), WAGERS_SINCE[fault.signal]
    hits = random.binomial(block, fault.worse, most // block).cumsum()
    requests = block * np.arange(1, len(hits) + 1)
    gains = [
        math.log(weight) + hits * math.log(odds) - requests * math.log1p((odds - 1) * past.value)
        for odds, weight in wagers.items()
    ]
    for look in np.flatnonzero(
        np.logaddexp.reduce(gains) >= -math.log(level)
    ):  # before, the past's own share denies it
        if since(Share(int(requests[look]), int(hits[look])), past, wagers).p_value <= level:
            return float(requests[look])
    return math.inf


def judged_level(fault: Fault) -> float:
    """What the product's verdict spends on the signal."""
    rules = rules_of(Wishes(), answered=True)
    return rules.alpha * rules.signals[fault.signal].weight


@cache
def limit(base: float, requests: int) -> int:
    """The lowest limit of hits in a minute with which 3 of 5 minutes are over it in one of a hundred hours at most."""
    low, high = 0, requests
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rings(float(binom.sf(middle, requests, base))) <= ALPHA else (middle + 1, high)
    return low


def rings(over: float) -> float:
    """How likely 3 of 5 minutes are ever over a limit in an hour, if each is by itself: over the last four minutes."""
    chances: dict[tuple[int, ...], float] = {(0, 0, 0, 0): 1.0}
    for _ in range(HOUR // MINUTE):
        after: dict[tuple[int, ...], float] = {}
        for last, chance in chances.items():
            for minute, part in ((1, over), (0, 1 - over)):
                if sum(last) + minute < 3:
                    after[*last[1:], minute] = after.get((*last[1:], minute), 0.0) + chance * part
        chances = after
    return 1 - sum(chances.values())


def alarm(fault: Fault, rate: int, random: np.random.Generator) -> float:
    """The seconds until 3 of 5 minutes have more hits than the limit."""
    requests = MINUTE * rate
    over = random.binomial(requests, fault.worse, HOUR // MINUTE) > limit(fault.base, requests)
    for minute in range(1, len(over) + 1):
        if over[max(0, minute - 5) : minute].sum() >= 3:
            return minute * MINUTE
    return math.inf


def judge(fault: Fault, rate: int, random: np.random.Generator) -> float:
    """The seconds until a window's values are larger on the canary, by Mann-Whitney."""
    level, requests = ALPHA / (HOUR // WINDOW), WINDOW * rate
    for number in range(1, HOUR // WINDOW + 1):
        if fault.slower:  # ranks of latencies are those of their logarithms
            new = random.standard_normal(requests, np.float32) + np.float32(math.log(fault.slower) / SPREAD)
            value = of_values(new, random.standard_normal(requests * SERVING, np.float32))
        else:
            bad, usual = random.binomial(requests, fault.worse), random.binomial(requests * SERVING, fault.base)
            value = of_zeros_and_ones(int(bad), requests, int(usual), requests * SERVING)
        if value <= level:
            return number * WINDOW
    return math.inf


def of_values(new: np.ndarray, old: np.ndarray) -> float:
    """Mann-Whitney's p-value of values of which hardly any are alike, that new ones are no larger."""
    above = float(np.searchsorted(np.sort(old), np.sort(new)).sum(dtype=np.int64))
    spread = math.sqrt(len(new) * len(old) / 12 * (len(new) + len(old) + 1))
    return float(norm.sf((above - len(new) * len(old) / 2 - 0.5) / spread))


def of_zeros_and_ones(bad: int, new: int, usual: int, old: int) -> float:
    """Mann-Whitney's p-value, with its correction for ties: on zeros and ones it needs their numbers only."""
    ones, total = bad + usual, new + old
    if not 0 < ones < total:
        return 1.0
    above = bad * (old - usual) + 0.5 * (bad * usual + (new - bad) * (old - usual))
    ties = (ones**3 - ones + (total - ones) ** 3 - (total - ones)) / (total * (total - 1))
    spread = math.sqrt(new * old / 12 * (total + 1 - ties))
    return float(norm.sf((above - new * old / 2 - 0.5) / spread))


def middle(values: list[float]) -> str:
    """The median; the share of runs that saw nothing where that is the median."""
    return (
        f"{np.median(values):.0f}" if math.isfinite(np.median(values)) else f"never ({np.mean(np.isinf(values)):.0%})"
    )


def over(value: float, bound: int) -> str:
    """So many requests, and how many times a bound they are."""
    return f"{value:.0f} ({value / bound:.2f})"


def doubt(values: list[float]) -> float:
    """The standard error of a median, by the values that stand half a root of their number away from it."""
    ordered, middle, away = np.sort(values), len(values) / 2, math.sqrt(len(values)) / 2
    return float(ordered[math.ceil(middle + away) - 1] - ordered[math.floor(middle - away)]) / 2


def runs(measure: Callable[..., float], number: int, seed: int, *given: object) -> list[float]:
    """So many seeded runs of a measure."""
    random = np.random.default_rng(seed)
    return [measure(*given, random) for _ in range(number)]


def in_requests(number: int) -> None:
    """The canary's requests until the engine is sure, and how many times the bound that is."""
    # Few requests of what is common tell less in a block than many: ten seconds are at least twenty of them.
    ways = (("beside a fleet", beside, two, 30), ("beside the past", after_past, known, 60))
    for title, measure, bound, looks in ways:
        columns = f"{'two':>6}{'known':>7}{'alone':>14}{'judged':>14}{'+-':>6}{'mean':>14}"
        print(f"\n{title:36}{columns}   (times {bound.__name__})")
        for seed, fault in enumerate(FAULTS):
            least = bound(fault)
            alone, judged = (
                runs(measure, number, seed, fault, max(1, least // looks), level, 5 * least)
                for level in (ALPHA, judged_level(fault))
            )
            cells = (np.median(alone), np.median(judged), np.mean(np.minimum(judged, 5 * least)))
            first, second, third = (f"{over(float(cell), least):>14}" for cell in cells)
            told = f"{first}{second}{doubt(judged) / least:6.2f}{third}"
            print(f"{fault.name:36}{two(fault):6}{known(fault):7}{told}", flush=True)


def in_seconds(number: int) -> None:
    """Seconds until each is sure, and whether the goal is reached."""
    titles = ("a second", "bound", "engine", "alarm 3/5", "Mann-Whitney", "times")
    ends: Counter[str] = Counter()
    print(f"\n{'seconds':36}" + "".join(f"{title:>14}" for title in titles) + f"   {GOAL} times as soon")
    for seed, fault in enumerate(FAULTS):
        for rate in RATES:
            least = LOOK * math.ceil(two(fault) / rate / LOOK)
            requests = runs(beside, number, seed, fault, rate * LOOK, judged_level(fault), HOUR * rate)
            engine, *others = (
                [value / rate for value in requests],
                *(runs(each, number, seed, fault, rate) for each in (alarm, judge)),
            )
            soonest = min(float(np.median(other)) for other in others)
            times = soonest / float(np.median(engine))
            goal = "reached" if times >= GOAL else "missed" if GOAL * least <= soonest else "beyond reach"
            ends[goal] += 1
            if goal == "beyond reach":
                goal += f": at the bound {soonest / least:.1f} times"
            cells = (str(rate), str(least), *(middle(values) for values in (engine, *others)), f"{times:.1f}")
            print(f"{fault.name:36}" + "".join(f"{cell:>14}" for cell in cells) + f"   {goal}", flush=True)
    print(", ".join(f"{goal} in {lines} lines of {ends.total()}" for goal, lines in ends.items()))


def shares_at(share: float, random: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """What ails nobody or both, as a share for each look of an hour."""
    looks = HOUR // LOOK
    yield f"identical, share {share:.1%}", np.full(looks, share)
    yield f"both drift from {share:.1%} to ten times that", share * np.linspace(1, min(10, 0.9 / share), looks)
    yield f"both have bursts around {share:.1%}", np.clip(share * random.lognormal(0, 1.5, looks), 0, 0.99)


def false_alarms(times: int) -> None:
    """The share of runs of two fleets that are alike in which the engine is sure of the contrary within an hour."""
    print(f"\n{'false rollbacks in an hour':48}{'beside a fleet':>16}{'beside the past':>16}")
    block = RATES[0] * LOOK
    for number, share in enumerate((0.005, 0.01, 0.3, 0.5)):
        random = np.random.default_rng(30 + number)
        for name, shares in shares_at(share, random):
            wrong = np.mean([condemned(*routed(shares, block, 1, random)) for _ in range(times)])
            stays = "-"
            if name.startswith("identical"):
                fault = Fault(name, share, share)
                stays = (
                    f"{np.mean([math.isfinite(after_past(fault, 200, ALPHA, 7200, random)) for _ in range(times)]):.1%}"
                )
            print(f"{name:48}{wrong:>16.1%}{stays:>16}", flush=True)
    random = np.random.default_rng(40)
    shares = np.full(HOUR // LOOK, 0.01)
    wrong = np.mean([condemned(*routed(shares, block, 5, random)) for _ in range(times)])
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
    parts = {"requests": in_requests, "seconds": in_seconds, "false-rollbacks": false_alarms}
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=parts)
    given = parser.parse_args()
    for name, part in parts.items():
        if given.only in (None, name):
            part(given.runs)


if __name__ == "__main__":
    main()
