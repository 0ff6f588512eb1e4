"""Parts of the holdout: the declared ones, and those that are worst of all that single columns cut out.

Every interval holds for all slices of its kind at once (``simultaneous``), because a slice that is surely worse blocks
a promotion, and among hundreds some always look worse. Decision 0011 says why this and not one half for the search.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from headgate_training.influence import INFLUENCE
from headgate_training.metrics import Outcome, plain
from headgate_training.simultaneous import critical_value, for_few_rows
from headgate_training.spec import Spec

Values = np.ndarray | Sequence[str]
"""A raw column: float64 with NaN or datetime64[s] with NaT where missing, or str with "" where missing."""

LEAST_ROWS = 30
"""A slice that is found has at least so many rows, and leaves as many others."""
LEAST_DECLARED_ROWS = 10
"""A declared slice with fewer rows is counted but not measured."""
CATEGORIES = 20
"""Of a column with more values than these, the rarer ones are one slice."""
FEW = 8
"""A number with at most so many values is cut by its values, like a category."""
PARTS = 4
FOUND = 3
"""So many slices are told of each search."""
SEARCHED_ROWS = 20_000
"""Of more rows so many are drawn for the search; declared slices use all."""
SEARCHED_COLUMNS = 100
MISSING, REST = "(missing)", "(any other)"


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common: their numbers, and what to call them."""

    column: str
    name: str
    rows: np.ndarray


@dataclass(frozen=True)
class Models:
    """What both models say of all rows, and by which metric they are compared."""

    challenger: Outcome
    champion: Outcome | None
    spec: Spec

    @property
    def sign(self) -> int:
        """1 where more of the metric is better, -1 where less is."""
        return 1 if self.spec.direction == "maximize" else -1

    def on(self, rows: np.ndarray) -> "Models":
        """The same for some rows only."""
        return Models(_some(self.challenger, rows), self.champion and _some(self.champion, rows), self.spec)


@dataclass(frozen=True)
class Gap:
    """How much better than another, more being better whatever the metric, with an interval for all slices at once."""

    estimate: float
    low: float
    high: float
    errors: float
    """Standard errors from 0."""


def measure_declared(columns: Mapping[str, Values], models: Models) -> list[dict[str, object]]:
    """Every slice of the declared columns, whatever its size; null what too few rows cannot tell."""
    slices = [part for name, values in columns.items() for part in cut(name, values, LEAST_DECLARED_ROWS)]
    gaps = _against_champion(slices, models)
    return [_told(part, models, gap, None, declared=True) for part, gap in zip(slices, gaps, strict=True)]


def find_worst(columns: Mapping[str, Values], models: Models) -> list[dict[str, object]]:
    """The slices where the challenger falls most behind the champion, and those where it does worst of all its rows.

    Both are ranked by standard errors, not by size: a slice is not among the worst because it is small.
    """
    if len(models.challenger.target) > SEARCHED_ROWS:
        random = np.random.default_rng(models.spec.seed)
        drawn = np.sort(random.choice(len(models.challenger.target), SEARCHED_ROWS, replace=False))
        columns = {name: _take(values, drawn) for name, values in columns.items()}
        models = models.on(drawn)
    most = len(models.challenger.target) - LEAST_ROWS
    slices = [
        part
        for name, values in list(columns.items())[:SEARCHED_COLUMNS]
        for part in cut(name, values, LEAST_ROWS)
        if LEAST_ROWS <= len(part.rows) <= most
    ]
    behind, below = _against_champion(slices, models), _against_whole(slices, models)
    chosen: list[int] = []
    for gaps in (behind, below):
        ranked = sorted((gap.errors, number) for number, gap in enumerate(gaps) if gap)
        chosen += [number for errors, number in ranked[:FOUND] if errors < 0 and number not in chosen]
    return [_told(slices[each], models, behind[each], below[each], declared=False) for each in chosen]


def cut(column: str, values: Values, least: int) -> list[Slice]:
    """Cut a column into disjoint slices: each category, or up to four equal parts of a number's range.

    Parts of a number have about ``least`` rows or more: few rows are cut into fewer parts.
    """
    names, places = _cut_numbers(values, least) if isinstance(values, np.ndarray) else _cut_categories(values)
    return [
        Slice(column, name, rows) for number, name in enumerate(names) if len(rows := np.flatnonzero(places == number))
    ]


def _cut_categories(values: Sequence[str]) -> tuple[list[str], np.ndarray]:
    counts = Counter(values)
    missing = counts.pop("", 0)
    common = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CATEGORIES]]
    places = {name: number for number, name in enumerate(common)} | {"": len(common) + 1}
    names = [*common, REST, *([MISSING] if missing else [])]
    return names, np.array([places.get(value, len(common)) for value in values])


def _cut_numbers(values: np.ndarray, least: int) -> tuple[list[str], np.ndarray]:
    is_date = values.dtype.kind == "M"
    missing = np.isnat(values) if is_date else np.isnan(values)
    numbers = values.astype("datetime64[s]").astype(np.float64) if is_date else values
    present = numbers[~missing]
    word: Callable[[float], str] = _date if is_date else _number
    distinct = np.unique(present)
    if len(distinct) <= FEW:
        places, names = np.searchsorted(distinct, numbers), [word(value) for value in distinct]
    else:
        parts = max(1, min(PARTS, len(present) // least))
        edges = np.unique(np.quantile(present, np.arange(1, parts) / parts, method="lower"))
        places = np.searchsorted(edges, numbers, side="left")
        words = [word(edge) for edge in edges]
        between = [f"{low} to {high}" for low, high in pairwise(words)]
        names = [f"up to {words[0]}", *between, f"over {words[-1]}"] if words else ["any"]
    places[missing] = len(names)
    return [*names, MISSING], places


def _number(value: float) -> str:
    """Four figures, and no exponent as long as people can read it without one."""
    if value and not 1e-5 <= abs(value) < 1e12:
        return f"{value:.4g}"
    return np.format_float_positional(value, precision=4, unique=False, fractional=False, trim="-")


def _date(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))


def _against_champion(slices: Sequence[Slice], models: Models) -> list[Gap | None]:
    """For each slice the challenger's metric less the champion's; None without a champion or a defined metric."""
    if models.champion is None:
        return [None] * len(slices)
    metric = models.spec.metric
    estimates, influences = [], np.zeros((len(models.challenger.target), len(slices)), np.float32)
    for number, part in enumerate(slices):
        own, rival = _some(models.challenger, part.rows), _some(models.champion, part.rows)
        estimates.append(models.sign * (plain(metric, own) - plain(metric, rival)))
        influences[part.rows, number] = (INFLUENCE[metric](own) - INFLUENCE[metric](rival)) / len(part.rows)
    return _gaps(estimates, influences, slices, models.spec.seed)


def _against_whole(slices: Sequence[Slice], models: Models) -> list[Gap | None]:
    """For each slice the challenger's metric on it less that on all rows."""
    metric, rows = models.spec.metric, len(models.challenger.target)
    whole = plain(metric, models.challenger)
    influences = np.repeat(
        -INFLUENCE[metric](models.challenger)[:, None].astype(np.float32) / rows, len(slices), axis=1
    )
    estimates = []
    for number, part in enumerate(slices):
        own = _some(models.challenger, part.rows)
        estimates.append(models.sign * (plain(metric, own) - whole))
        influences[part.rows, number] += INFLUENCE[metric](own) / len(part.rows)
    return _gaps(estimates, influences, slices, models.spec.seed)


def _gaps(estimates: Sequence[float], influences: np.ndarray, slices: Sequence[Slice], seed: int) -> list[Gap | None]:
    """``influences`` [rows, slices] are used up."""
    told = np.isfinite(estimates) & np.array([len(part.rows) >= LEAST_DECLARED_ROWS for part in slices], bool)
    influences[:, ~told] = 0
    critical = critical_value(influences, seed)
    gaps: list[Gap | None] = []
    for number, part in enumerate(slices):
        if not told[number]:
            gaps.append(None)
            continue
        rows, estimate = len(part.rows), float(estimates[number])
        error = float(np.sqrt(np.square(influences[:, number]).sum() * rows / (rows - 1)))
        reach = error * for_few_rows(critical, rows)
        errors = estimate / error if error else np.copysign(np.inf, estimate) if estimate else 0.0
        gaps.append(Gap(estimate, estimate - reach, estimate + reach, float(errors)))
    return gaps


def _told(part: Slice, models: Models, gap: Gap | None, below: Gap | None, declared: bool) -> dict[str, object]:
    here = models.on(part.rows)
    told: dict[str, object] = {
        "column": part.column,
        "name": part.name,
        "declared": declared,
        "rows": len(part.rows),
        "challenger": _defined(plain(models.spec.metric, here.challenger)),
        "champion": _defined(plain(models.spec.metric, here.champion)) if here.champion else None,
        "difference": _interval(gap),
    }
    return told if declared else told | {"whole": _interval(below)}


def _interval(gap: Gap | None) -> dict[str, float] | None:
    return {name: value for name, value in asdict(gap).items() if name != "errors"} if gap else None


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _some(outcome: Outcome, rows: np.ndarray) -> Outcome:
    return Outcome(outcome.target[rows], outcome.predicted[rows], outcome.positive)


def _take(values: Values, rows: np.ndarray) -> Values:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]
