"""From when on it matters what moved in an endpoint's requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Margins:
    """What matters in a project, at least."""

    psi: float = 0.1
    """Population stability index: below that there is nothing to speak of."""
    missing: float = 0.05
    quality: float = 0.05
    gap: float = 0.1
