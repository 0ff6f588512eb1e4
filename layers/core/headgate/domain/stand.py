"""Ways to try a version before it takes over, and where a trial, or the watch over a release, stands: as the ledger has
them.
"""

from enum import StrEnum

SHADOW, AB = "shadow", "ab"
"""No ways to move requests: the version is tried beside the one that serves before it takes over (`trial.py`)."""
TRIALS = frozenset({SHADOW, AB})
LONGEST_TRIAL_MINUTES = 10_080
"""A week, as SageMaker's own shadow tests last if nobody says more; a history of Step Functions holds its looks."""


class Stand(StrEnum):
    """Where a watch stands. FAILED and HELD take the requests back, and are the last word."""

    WATCHING = "watching"
    PASSED = "passed"
    FAILED = "failed"
    HELD = "held"  # nobody could tell: not promoted, and people are asked


FINAL = frozenset({Stand.FAILED, Stand.HELD})
