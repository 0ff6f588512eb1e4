"""Intervals that hold for many estimates at once, so that looking at many finds nothing by chance alone."""

from statistics import NormalDist

import numpy as np

LEVEL = 0.95
DRAWS = 2000
_LOOSENED = 1e-4
_NORMAL = NormalDist()


def critical_value(influences: np.ndarray, seed: int) -> float:
    """How many standard errors hold for all estimates at once at LEVEL.

    The quantile of the largest of normal deviates that are correlated as the estimates are (the max-statistic of
    Chernozhukov, Chetverikov and Kato, 2013). ``influences`` is [rows, estimates], 0 where a row has no part in an
    estimate. Estimates that depend on one another cost less than Bonferroni's correction would take.
    """
    products = (influences.T @ influences).astype(np.float64)  # no copy of what has as many rows as the holdout
    norms = np.sqrt(np.diag(products))
    vary = norms > 0
    if not vary.any():
        return _NORMAL.inv_cdf((1 + LEVEL) / 2)
    correlations = products[np.ix_(vary, vary)] / np.outer(norms[vary], norms[vary])
    # Estimates may repeat one another exactly, and Cholesky's factor exists only where none does.
    root = np.linalg.cholesky(correlations + _LOOSENED * np.eye(len(correlations)))
    deviates = np.random.default_rng(seed).normal(size=(DRAWS, len(root))) @ root.T
    largest = float(np.quantile(np.abs(deviates).max(axis=1), LEVEL))
    return max(largest, _NORMAL.inv_cdf((1 + LEVEL) / 2))


def bonferroni(estimates: int) -> float:
    """How many standard errors hold for so many estimates at once at LEVEL, whatever their dependence."""
    return _NORMAL.inv_cdf(1 - (1 - LEVEL) / 2 / max(estimates, 1))


def for_few_rows(critical: float, rows: int) -> float:
    """The critical value of Student's t for that of a normal deviate (Cornish and Fisher's expansion, to 1/n^2:
    Abramowitz and Stegun, 26.7.5).

    Accurate to a hundredth from 20 rows on: an error that is estimated from few rows is not as certain as it looks.
    """
    freedom, z = max(rows - 1, 1), critical
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
