"""How a model card says numbers, metrics and names to people: no more figures than are meant, no word of ours alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MINUS = "\u2212"
"""A hyphen is too short beside figures."""
NONE = "\u2013"
LONGEST_NAME = 40
FIGURES = 3


@dataclass(frozen=True)
class Metric:
    """What people call a metric, and what it means; ``bounded`` where 1 is the best there is."""

    name: str
    meaning: str
    bounded: bool = True


METRICS: Mapping[str, Metric] = {
    "auc": Metric("AUC", "how often a positive row is ranked above a negative one; 0.5 is guessing, 1 is perfect"),
    "accuracy": Metric("accuracy", "share of the rows that it tells right"),
    "balanced_accuracy": Metric("balanced accuracy", "share told right, with every class counting alike"),
    "log_loss": Metric("log loss", "how far its probabilities are off; lower is better", bounded=False),
    "rmse": Metric("RMSE", "typical error, large ones weighing more; lower is better", bounded=False),
    "mae": Metric("mean error", "mean distance from the true value; lower is better", bounded=False),
    "r2": Metric("R\u00b2", "share of the ups and downs that it explains; 1 is all, 0 or less is none"),
}


def metric_of(name: str) -> Metric:
    """What to call a metric; one that is not known is called by its name."""
    return METRICS.get(name, Metric(name, "", bounded=False))


def number(value: float | None, decimals: int | None = None) -> str:
    """A number with so many decimals (below 0: rounded to tens, hundreds, ...); by itself, with three figures."""
    if value is None:
        return NONE
    if decimals is None:
        decimals = FIGURES - 1 - _magnitude(value)
        if value and not -9 <= decimals <= 7:
            return f"{value:.2e}".replace("-", MINUS)
    rounded = round(value, decimals) + 0.0  # turns -0.0 into 0.0
    return f"{rounded:,.{max(decimals, 0)}f}".replace("-", MINUS)


def decimals_of(interval: Mapping[str, Any]) -> int:
    """How many decimals an interval allows: two figures of the half of its width."""
    half = (interval["high"] - interval["low"]) / 2
    return FIGURES if half <= 0 else min(1 - _magnitude(half), 6)


def measured(metric: str, value: float | None, decimals: int | None = None) -> str:
    """A metric's value; below the best there is, it is not rounded up to it."""
    if metric_of(metric).bounded:
        decimals = FIGURES if decimals is None else max(decimals, 2)
        if value is not None and round(value, decimals) >= 1 > value:
            return f"above {1 - 10**-decimals:.{decimals}f}"
    return number(value, decimals)


def share(part: float | None) -> str:
    """A share in percent."""
    return NONE if part is None else f"{part:.0%}"


def points(part: float) -> str:
    """A distance of two shares."""
    rounded = round(100 * part)
    return f"{rounded} point{'' if rounded == 1 else 's'}" if rounded else "less than a point"


def change(interval: Mapping[str, Any], direction: str) -> str:
    """A difference as this model's value less the other's, with its range.

    ``interval`` is oriented so that more is better; where less of the metric is better, both ends change places.
    """
    decimals = decimals_of(interval)
    low, high = (signed(value, decimals) for value in ends(interval, direction))
    return f"{signed(oriented(interval['estimate'], direction), decimals)} ({low} to {high})"


def ends(interval: Mapping[str, Any], direction: str) -> tuple[float, float]:
    """Low and high of a difference in the metric's own direction."""
    low, high = (oriented(interval[end], direction) for end in ("low", "high"))
    return min(low, high), max(low, high)


def oriented(value: float, direction: str) -> float:
    """From more is better to the metric's own direction, or back."""
    return value if direction == "maximize" else -value


def signed(value: float, decimals: int) -> str:
    """A number with its sign, but nothing has none."""
    text = number(value, decimals)
    return f"+{text}" if round(value, decimals) > 0 else text


def clipped(name: str) -> str:
    """A name, cut where it is too long for a sentence or an axis; the tables have it whole."""
    name = name.strip()
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}\u2026"


def quoted(name: str) -> str:
    """A name in a sentence."""
    return f"\u201c{clipped(name)}\u201d"


def listed(texts: Sequence[str], most: int = 6, last: str = "and") -> str:
    """Several in a sentence; of many the first, and how many more."""
    if len(texts) > most:
        return ", ".join(texts[:most]) + f" and {len(texts) - most} more"
    return f" {last} ".join(", ".join(each) for each in (texts[:-1], texts[-1:]) if each)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0
