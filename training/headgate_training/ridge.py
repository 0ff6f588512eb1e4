"""Ridge regression whose penalty is chosen by the rows themselves."""

import numpy as np

PENALTIES = np.logspace(-2, 4, 13)
"""Ridge penalties to choose from."""


def fit_ridge(seen: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Slopes [columns] and constant, with the penalty of the least generalised cross-validation error.

    Source: Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter"
    (1979), eq. 2.3, by the singular values of the centred columns.
    """
    middle, mean = seen.mean(axis=0), scores.mean()
    left, values, right = np.linalg.svd(seen - middle, full_matrices=False)
    along = left.T @ (scores - mean)
    outside = max(0.0, float(np.square(scores - mean).sum() - np.square(along).sum()))
    best, best_error = None, np.inf
    for penalty in PENALTIES:
        kept = values**2 / (values**2 + penalty)
        freedom = 1.0 - (1.0 + kept.sum()) / len(scores)
        error = (np.square((1 - kept) * along).sum() + outside) / max(freedom, 1e-3) ** 2
        if error < best_error:
            best, best_error = right.T @ (values / (values**2 + penalty) * along), error
    slopes = np.zeros(seen.shape[1]) if best is None else best
    return slopes, float(mean - middle @ slopes)
