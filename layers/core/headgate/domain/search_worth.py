"""Whether a search for settings is worth its time."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.domain.tuning_settings import TuningSettings

ENOUGH_ROWS = 15_000
"""Training rows from which on a search is worth its time without being asked for."""


def is_to_be_planned(settings: "TuningSettings", rows: int) -> bool:
    """Whether a run needs a plan at all: somebody asked for a search, or the training rows are worth one."""
    return settings.strategy != "off" and (settings.asked or rows >= ENOUGH_ROWS)
