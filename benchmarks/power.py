"""How much better a challenger has to be, so that the statistics let it pass half of the time.

    python -m benchmarks.power [--trials N]

Drawn outcomes of two classes: each model's score is the class times its skill plus normal noise, of which both models
share 80 % (of its variance). The champion's true AUC is 0.85, and the challenger is the first to meet it. Printed is
the gain of true AUC at which half of the trials have an interval above zero, interpolated between the gains tried.
"""

import argparse
from statistics import NormalDist

import numpy as np

from headgate_training import bootstrap
from headgate_training.metrics import Outcome

CHAMPION = 0.85
SHARED = 0.8
GAINS = {50: (0.04, 0.07, 0.1, 0.13), 200: (0.015, 0.03, 0.045, 0.06), 1000: (0.005, 0.012, 0.02, 0.03)}
"""By rows of the holdout."""


def passes(rows: int, gain: float, seed: int) -> bool:
    """Whether a challenger of so much more true AUC is told to be better on one drawn holdout."""
    random = np.random.default_rng(seed)
    target = np.arange(rows) % 2
    common = np.sqrt(SHARED) * random.normal(size=rows)
    outcomes = []
    for area in (CHAMPION + gain, CHAMPION):
        skill = np.sqrt(2) * NormalDist().inv_cdf(area)  # AUC = Phi(skill / sqrt 2) for normal scores
        score = skill * target + common + np.sqrt(1 - SHARED) * random.normal(size=rows)
        outcomes.append(Outcome(target, np.column_stack([-score, score])))
    return bootstrap.paired_difference("auc", "maximize", outcomes[0], outcomes[1], seed).low > 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=100)
    trials = parser.parse_args().trials
    print(f"{'rows':>6}  {'gain for half':>14}  passed at gains")
    for rows, gains in GAINS.items():
        shares = [np.mean([passes(rows, gain, seed) for seed in range(trials)]) for gain in gains]
        half = np.interp(0.5, np.maximum.accumulate(shares), gains)
        told = ", ".join(f"{gain:g}: {share:.0%}" for gain, share in zip(gains, shares, strict=True))
        print(f"{rows:6}  {half:14.3f}  {told}", flush=True)


if __name__ == "__main__":
    main()
