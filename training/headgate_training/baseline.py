"""What a version's training data looked like, feature by feature: what its requests are compared with in service.

Training writes the features into the archive, for it has the rows in memory; the evaluation adds how the version
answers rows that it has not seen, and writes all of it beside evaluation.json as ``baseline.json``
(docs/architecture.md). Statistics only, no row.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headgate_training.influence import INFLUENCE, MANY_ROWS, standard_error
from headgate_training.metrics import PREPARE, Outcome, plain
from headgate_training.spec import Spec
from headgate_training.table import Table

FORMAT = 1
FILE = "baseline.json"
BINS = 20
ROWS = 200_000
"""Of more rows as many are drawn for the bins; extremes and categories are of all."""
KEPT = 1000
"""Categories of a column kept by name."""
DRAWS = 200

Shown = dict[str, Any]


def features_of(table: Table, spec: Spec) -> Shown:
    """The distribution of every column, as JSON; grids are told by the mean and the spread of their numbers."""
    drawn = np.arange(len(table))
    if len(drawn) > ROWS:
        drawn = np.sort(np.random.default_rng(spec.seed).choice(len(table), ROWS, replace=False))
    return {"format": FORMAT, "rows": len(table), "features": list(_features(table, spec, drawn))}


def write_features(table: Table, spec: Spec, folder: Path) -> None:
    """Write the distributions into the archive's folder."""
    (folder / FILE).write_text(json.dumps(features_of(table, spec), allow_nan=False), encoding="utf-8")


def write_baseline(
    folder: Path,
    output: Path,
    outcome: Outcome,
    evaluation: Mapping[str, Any],
    spec: Spec,
    pruned: Outcome | None = None,
) -> None:
    """Write baseline.json: the archive's distributions, and how the version answers rows that it has not seen.

    The pruned version, where there is one, answers otherwise, and has its own ``answers`` and ``quality``. An archive
    of old has no distributions, and then there is no baseline.
    """
    if not (folder / FILE).is_file():
        return
    features = json.loads((folder / FILE).read_text(encoding="utf-8"))
    importance = {line["column"]: line["drop"] for line in evaluation["importance"]}
    document = features | _told(outcome, spec) | {"importance": importance, "groups": _groups(evaluation["groups"])}
    if pruned is not None:
        document["pruned"] = _told(pruned, spec)
    (output / FILE).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")


def _told(outcome: Outcome, spec: Spec) -> Shown:
    return {"answers": answers_of(outcome, spec), "quality": quality_of(outcome, spec)}


def answers_of(outcome: Outcome, spec: Spec) -> Shown:
    """The distribution of the answers: probabilities of the positive class, the classes told, or values."""
    if spec.task == "multiclass":
        told = [spec.classes[number] for number in outcome.predicted.argmax(axis=1).tolist()]
        return _named(spec.target, "value", spec.target) | _of_texts(told)
    values = outcome.predicted if spec.task == "regression" else outcome.predicted[:, outcome.positive]
    return _named(spec.target, "value", spec.target) | _of_numbers(values, np.arange(len(values)))


def quality_of(outcome: Outcome, spec: Spec) -> Shown | None:
    """The metric with its standard error, by a bootstrap over the rows, or, of very many, by their influences; None
    where the rows do not define it.
    """
    value = plain(spec.metric, outcome)
    if not np.isfinite(value):
        return None
    rows = len(outcome.target)
    error = standard_error(INFLUENCE[spec.metric](outcome)) if rows > MANY_ROWS else _drawn_error(outcome, spec)
    return {"metric": spec.metric, "direction": spec.direction, "value": value, "error": error, "rows": rows}


def _drawn_error(outcome: Outcome, spec: Spec) -> float:
    rows, random = len(outcome.target), np.random.default_rng(spec.seed)
    weighted = PREPARE[spec.metric](outcome)
    drawn = (np.bincount(random.integers(rows, size=rows), minlength=rows) for _ in range(DRAWS))
    draws = np.concatenate([weighted(times[None, :]) for times in drawn])
    return float(np.std(draws[np.isfinite(draws)]))


def _features(table: Table, spec: Spec, drawn: np.ndarray) -> Iterator[Shown]:
    of_grids = {column for grid in spec.grids for column in grid.columns}
    for at, name in enumerate(spec.numeric_names):
        if name not in of_grids:
            yield _named(name, "value", name) | _of_numbers(table.numbers[:, at], drawn)
    kinds = {column.name: column.kind for column in spec.columns}
    for name, texts in zip(spec.text_names, table.texts, strict=True):
        if kinds[name] == "text":
            lengths = np.array([len(text) or np.nan for text in texts], dtype=np.float64)
            yield _named(f"{name}, length", "length", name) | _of_numbers(lengths, drawn)
        elif kinds[name] == "datetime":  # time goes on: only whether it is told can be compared
            missing = sum(not text for text in texts)
            categories = {"counts": {}, "once": 0, "rest": len(texts) - missing}
            yield _named(name, "value", name) | {"rows": len(texts), "missing": missing, "categories": categories}
        else:
            yield _named(name, "value", name) | _of_texts(texts)
    place = {name: at for at, name in enumerate(spec.numeric_names)}
    for grid in spec.grids:
        cells = table.numbers[drawn][:, [place[name] for name in grid.columns]]
        present = ~np.isnan(cells).all(axis=1)
        for of, measure in (("mean", np.nanmean), ("spread", np.nanstd)):
            values = np.full(len(cells), np.nan)
            values[present] = measure(cells[present], axis=1)
            named = _named(f"{grid.name}, {of}", of, grid.name) | {"columns": list(grid.columns)}
            yield named | _of_numbers(values, np.arange(len(values)))


def _named(name: str, of: str, column: str) -> Shown:
    return {"name": name, "of": of, "column": column}


def _of_numbers(values: np.ndarray, drawn: np.ndarray) -> Shown:
    """Bins by quantiles of the drawn rows. Infinities count as missing, for no bin holds them."""
    finite = values[np.isfinite(values)]
    sample = values[drawn]
    sample = sample[np.isfinite(sample)]
    if not len(sample):
        numbers: Shown = {"edges": [], "counts": [0], "low": None, "high": None, "median": None}
    else:
        edges = np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        if edges[-1] == sample.max():
            edges = edges[:-1]  # nothing lies above the last one
        counts = np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1)
        numbers = {"edges": edges.tolist(), "counts": counts.tolist()}
        numbers |= {"low": float(finite.min()), "high": float(finite.max()), "median": float(np.median(sample))}
    return {"rows": len(drawn), "missing": len(drawn) - len(sample), "numbers": numbers}


def _of_texts(texts: Sequence[str]) -> Shown:
    counted = Counter(texts)
    missing = counted.pop("", 0)
    kept = dict(counted.most_common(KEPT))
    once = sum(count == 1 for count in counted.values())
    categories = {"counts": kept, "once": once, "rest": sum(counted.values()) - sum(kept.values())}
    return {"rows": len(texts), "missing": missing, "categories": categories}


def _groups(compared: Sequence[Mapping[str, Any]]) -> Shown:
    """Of each column of groups how many rows of each were told to be of the positive class, and of how many."""
    return {
        line["column"]: {
            group["name"]: [group["selected"], group["rows"]]
            for group in line["groups"]
            if group["selection_rate"] is not None
        }
        for line in compared
    }
