"""How soon the verdict engine sees a worse canary, beside what others do: python -m benchmarks.verdict

Simulated: 20 requests a second, a tenth of them to the canary, 1,000 seeded runs of each line, at most 1 % false
rollbacks in an hour. Requests are the canary's. The bound is Wald's, ln(1/alpha) over the divergence from the nearest
distribution without a fault (*Sequential Analysis*, 1947), in whole requests: no test with this rate of false rollbacks
needs fewer on average. Without a fault means that both fleets have one share, whichever; were the serving fleet's share
known, the bound would be that of the second column. The alarm rings when 3 of 5 minutes
have more than 2 % of errors. The judge compares windows of five minutes by Mann-Whitney, at a twelfth of 1 % each.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import mannwhitneyu, norm

from headgate.domain.verdict import Evidence, Share

ALPHA, RUNS, HOUR = 0.01, 1000, 7200
"""HOUR: the canary's requests in an hour."""
SERVING = 9
"""Requests to the serving fleet for each one to the canary."""
MINUTE, WINDOW = 120, 600
SPREAD = 0.5
"""Of the logarithms of latencies."""


def divergence(one: float, other: float) -> float:
    """Kullback and Leibler's, of two shares."""
    return one * math.log(one / other) + (1 - one) * math.log((1 - one) / (1 - other))


def bound(worse: float, base: float) -> int:
    """Wald's bound of the requests until a share is seen to be worse than that of the fleet beside it."""
    common = (worse + SERVING * base) / (1 + SERVING)
    return math.ceil(math.log(1 / ALPHA) / (divergence(worse, common) + SERVING * divergence(base, common)))


def known(worse: float, base: float) -> int:
    """The same against a share that is known."""
    return math.ceil(math.log(1 / ALPHA) / divergence(worse, base))


def engine(worse: float, base: float, block: int, random: np.random.Generator) -> float:
    """The canary's requests until the engine is sure; infinite when it is not within an hour."""
    blocks = HOUR // block
    canary, serving = random.binomial(block, worse, blocks), random.binomial(block * SERVING, base, blocks)
    evidence = Evidence(serving=Share(100_000, round(100_000 * base)))  # the fleet served before
    for number, (bad, usual) in enumerate(zip(canary.tolist(), serving.tolist(), strict=True), start=1):
        evidence = evidence.after(Share(block, bad), Share(block * SERVING, usual))
        if evidence.p_value <= ALPHA:
            return number * block
    return math.inf


def alarm(worse: float, random: np.random.Generator) -> float:
    """The requests until 3 of 5 minutes have more than 2 % of errors."""
    over = random.binomial(MINUTE, worse, HOUR // MINUTE) / MINUTE > 0.02
    for minute in range(1, len(over) + 1):
        if over[max(0, minute - 5) : minute].sum() >= 3:
            return minute * MINUTE
    return math.inf


def windows(canary: Iterator[np.ndarray], serving: Iterator[np.ndarray]) -> float:
    """The requests until a window's values are larger on the canary, by Mann-Whitney."""
    level = ALPHA / (HOUR // WINDOW)
    for number, (new, old) in enumerate(zip(canary, serving, strict=True), start=1):
        if mannwhitneyu(new, old, alternative="greater", method="asymptotic").pvalue <= level:
            return number * WINDOW
    return math.inf


def judged_errors(worse: float, base: float, random: np.random.Generator) -> float:
    """A window of zeros and ones; Mann-Whitney on them is the test of two shares."""
    number = HOUR // WINDOW
    return windows(
        ((random.random(WINDOW) < worse).astype(float) for _ in range(number)),
        ((random.random(WINDOW * SERVING) < base).astype(float) for _ in range(number)),
    )


def judged_latency(factor: float, random: np.random.Generator) -> float:
    """A window of latencies."""
    number = HOUR // WINDOW
    return windows(
        (factor * random.lognormal(0, SPREAD, WINDOW) for _ in range(number)),
        (random.lognormal(0, SPREAD, WINDOW * SERVING) for _ in range(number)),
    )


def median(values: list[float]) -> str:
    """The median; the share of runs that saw nothing where that is the median."""
    middle = float(np.median(values))
    return f"{middle:8.0f}" if math.isfinite(middle) else f"   never ({np.mean(np.isinf(values)):.0%})"


def main() -> None:
    """Print a line for each fault."""
    print(f"{'fault':34}{'bound':>8}{'known':>8}{'engine':>10}{'ratio':>7}  {'alarm 3/5':>15} {'Mann-Whitney':>15}")
    for seed, worse in enumerate((0.01, 0.02, 0.05, 0.5)):
        random = np.random.default_rng(seed)
        block = max(1, round(bound(worse, 0.005) / 40))
        seen = [engine(worse, 0.005, block, random) for _ in range(RUNS)]
        rung = [alarm(worse, random) for _ in range(RUNS)]
        judged = [judged_errors(worse, 0.005, random) for _ in range(RUNS)]
        row(f"errors 0.5 % to {worse:.0%}", worse, 0.005, seen, rung, judged)
    for seed, factor in enumerate((1.2, 1.5), start=10):
        random = np.random.default_rng(seed)
        slower = float(norm.cdf(math.log(factor) / SPREAD))  # slower than the fleet's median
        seen = [engine(slower, 0.5, 1, random) for _ in range(RUNS)]
        judged = [judged_latency(factor, random) for _ in range(RUNS)]
        row(f"latency {factor - 1:+.0%} (share over median)", slower, 0.5, seen, [], judged)
    random = np.random.default_rng(20)
    seen = [engine(0.55, 0.3, 1, random) for _ in range(RUNS)]
    judged = [judged_errors(0.55, 0.3, random) for _ in range(RUNS)]
    row("broken feature: a label 30 to 55 %", 0.55, 0.3, seen, [], judged)
    for share in (0.005, 0.01, 0.3, 0.5):
        random = np.random.default_rng(30)
        false = np.mean([math.isfinite(engine(share, share, 20, random)) for _ in range(RUNS)])
        print(f"identical, share {share:.1%}: {false:.1%} false rollbacks in an hour")


def row(fault: str, worse: float, base: float, seen: list[float], alarms: list[float], judged: list[float]) -> None:
    """Print one line."""
    least, rung = bound(worse, base), median(alarms) if alarms else "-"
    ratio = np.median(seen) / least
    print(
        f"{fault:34}{least:8}{known(worse, base):8}{median(seen):>10}{ratio:7.2f}  {rung:>15} {median(judged):>15}",
        flush=True,
    )


if __name__ == "__main__":
    main()
