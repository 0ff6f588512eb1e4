# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""What a window of captured requests looks like, feature by feature, beside the version's baseline: counts only."""

import math
from collections.abc import Mapping, Sequence

from headgate.domain.baseline import Baseline, Categories, Feature, Numbers, Seen
from headgate.domain.observed import TOLD_NAMES, Observed
from headgate.domain.spec import TrainingSpec
from headgate.tables.engine import Engine, literal

_COLUMNS_IN_ONE_SCAN = 50
_NAMES = 2000
"""Categories of a column that are looked at by name, the commonest; the others are counted together."""
_TOLD_ROWS = 10
"""A new category is told by name if so many rows have it, and so many of them at most: not what somebody mistyped."""
_GROUPS = 100


def observe(engine: Engine, baseline: Baseline, spec: TrainingSpec) -> Observed:
    """Count the table `captured` as the baseline counts; columns that the model does not have any more are left out."""
    place = {column.name: f"f{at}" for at, column in enumerate(spec.columns)}
    rows = int(engine.row("SELECT count(*) FROM captured")[0])
    known = [(feature, _expression(feature, place)) for feature in baseline.features if _is_known(feature, place)]
    numbers = [(feature, sql) for feature, sql in known if isinstance(feature.spread, Numbers)]
    features: dict[str, Seen] = {}
    for start in range(0, len(numbers), _COLUMNS_IN_ONE_SCAN):
        features |= _numbers(engine, numbers[start : start + _COLUMNS_IN_ONE_SCAN], rows)
    for feature, sql in known:
        if isinstance(feature.spread, Categories):
            features[feature.name] = _categories(engine, feature.spread, sql, rows)
    return Observed(features, _answers(engine, baseline.answers, spec, rows), _groups(engine, baseline, spec, place))


def _is_known(feature: Feature, place: Mapping[str, str]) -> bool:
    return all(column in place for column in feature.columns or [feature.column])


def _expression(feature: Feature, place: Mapping[str, str]) -> str:
    cells = f"[{', '.join(place[column] for column in feature.columns)}]"
    match feature.of:
        case "length":
            return f"length({place[feature.column]})"
        case "mean":
            return f"list_avg({cells})"
        case "spread":
            return f"list_aggregate({cells}, 'stddev_pop')"
        case _:
            return place[feature.column]


def _answers(engine: Engine, feature: Feature, spec: TrainingSpec, rows: int) -> Seen:
    if isinstance(feature.spread, Categories):
        return _categories(engine, feature.spread, "label", rows)
    sql = "value"
    if spec.classes and spec.positive is not None:
        sql = f"probabilities[{spec.classes.index(spec.positive) + 1}]"
    return _numbers(engine, [(feature, sql)], rows)[feature.name]


def _numbers(engine: Engine, features: Sequence[tuple[Feature, str]], rows: int) -> dict[str, Seen]:
    """All of them in one scan; what is not finite has no place and counts as missing."""
    cells = ", ".join(
        f"CASE WHEN isfinite(({sql})::DOUBLE) THEN {sql} END AS x{at}" for at, (_, sql) in enumerate(features)
    )
    asked = ", ".join(
        f"count(x{at}), approx_quantile(x{at}, 0.5), histogram(x{at}, {literal(_ends(feature))})"
        for at, (feature, _) in enumerate(features)
    )
    found = iter(engine.row(f"SELECT {asked} FROM (SELECT {cells} FROM captured)"))
    seen: dict[str, Seen] = {}
    for feature, _ in features:
        present, median, counted = next(found), next(found), next(found) or {}
        below, *bins, last, above = [counted.get(end, 0) for end in (*_ends(feature), math.inf)]
        first, *others = [*bins, last + above]
        seen[feature.name] = Seen(rows, rows - present, [below + first, *others], (below, above), median)
    return seen


def _ends(feature: Feature) -> list[float]:
    """Where bins end, up to and with each: what lies below the baseline's range, its own bins, its highest value."""
    assert isinstance(feature.spread, Numbers)
    low, high = feature.spread.low, feature.spread.high
    if low is None or high is None:
        return [-1.0, 1.0]  # no value was ever seen: nothing is compared
    return [math.nextafter(low, -math.inf), *feature.spread.edges, high]


def _categories(engine: Engine, spread: Categories, sql: str, rows: int) -> Seen:
    present = int(engine.row(f"SELECT count({sql}) FROM captured")[0])
    counted: dict[str, int] = dict(
        engine.rows(
            f"SELECT {sql} AS name, count(*) AS n FROM captured WHERE {sql} IS NOT NULL "
            f"GROUP BY name ORDER BY n DESC, name LIMIT {_NAMES}"
        )
    )
    counts = {name: n for name, n in counted.items() if name in spread.counts}
    new = [name for name, n in counted.items() if name not in spread.counts and n >= _TOLD_ROWS]
    unknown = 0 if spread.rest else present - sum(counts.values())
    return Seen(rows, rows - present, counts, unknown=unknown, unknown_names=new[:TOLD_NAMES] if unknown else [])


def _groups(
    engine: Engine, baseline: Baseline, spec: TrainingSpec, place: Mapping[str, str]
) -> dict[str, dict[str, tuple[int, int]]]:
    if spec.positive is None:
        return {}
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for column in baseline.groups:
        if spec.kind_of(column) in ("categorical", "boolean"):
            told = engine.rows(
                f"SELECT {place[column]} AS name, count(*) FILTER (label = {literal(spec.positive)}), count(*) AS n "
                f"FROM captured WHERE {place[column]} IS NOT NULL GROUP BY name ORDER BY n DESC, name LIMIT {_GROUPS}"
            )
            found[column] = {name: (positive, n) for name, positive, n in told}
    return found
