"""What training data looked like: bins, categories, grids, and the answers to rows that were not seen."""

import json
from pathlib import Path

import numpy as np
import pytest

from headgate_training import baseline
from headgate_training.baseline import answers_of, features_of, quality_of, write_baseline, write_features
from headgate_training.metrics import METRICS, Outcome
from headgate_training.spec import Column, Grid, Spec, Task
from headgate_training.table import Table

COLUMNS = (Column("age", "numeric"), Column("x0", "numeric"), Column("x1", "numeric"), Column("ward", "categorical"))
MORE = (Column("note", "text"), Column("day", "datetime"))
GRID = Grid("scan", "image", (1, 2, 1), ("x0", "x1"))


def spec_of(*columns: Column, grids: tuple[Grid, ...] = (), task: Task = "binary", metric: str = "accuracy") -> Spec:
    classes = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c")}.get(task, ())
    positive = "yes" if task == "binary" else None
    return Spec("y", task, classes, positive, metric, "maximize", 17, columns, grids, None)


def test_numbers_fall_into_bins_that_hold_about_the_same() -> None:
    values = np.random.default_rng(1).normal(size=(1000, 1))
    values[:20] = np.nan
    [feature] = features_of(Table(values, []), spec_of(COLUMNS[0]))["features"]
    numbers = feature["numbers"]
    assert (feature["rows"], feature["missing"], len(numbers["edges"])) == (1000, 20, 19)
    assert sum(numbers["counts"]) == 980
    assert max(numbers["counts"]) - min(numbers["counts"]) <= 2
    assert (numbers["low"], numbers["high"]) == (np.nanmin(values), np.nanmax(values))


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([1.0, 1.0, 2.0, 2.0], [1.0], [2, 2]),
        ([5.0, 5.0, 5.0], [], [3]),
        ([np.nan, np.nan], [], [0]),
        ([1.0, np.inf, -np.inf, 2.0], [1.0], [1, 1]),
    ],
)
def test_few_values_have_few_bins(values: list[float], edges: list[float], counts: list[int]) -> None:
    table = Table(np.array(values)[:, None], [])
    [feature] = features_of(table, spec_of(COLUMNS[0]))["features"]
    assert (feature["numbers"]["edges"], feature["numbers"]["counts"]) == (edges, counts)


def test_categories_are_counted_by_name_and_those_that_came_once_are_told() -> None:
    table = Table(np.empty((6, 0)), [["B2", "B1", "B2", "", "C1", "B2"]])
    [feature] = features_of(table, spec_of(COLUMNS[3]))["features"]
    assert feature["missing"] == 1
    assert feature["categories"] == {"counts": {"B2": 3, "B1": 1, "C1": 1}, "once": 2, "rest": 0}


def test_grids_texts_and_times_are_told_in_a_number() -> None:
    numbers = np.array([[1.0, 3.0], [2.0, 2.0], [np.nan, np.nan]])
    table = Table(numbers, [["good", "", "very good"], ["2026-01-01", "", "2026-01-02"]])
    spec = spec_of(*COLUMNS[1:3], *MORE, grids=(GRID,))
    features = {each["name"]: each for each in features_of(table, spec)["features"]}
    assert list(features) == ["note, length", "day", "scan, mean", "scan, spread"]
    assert features["note, length"]["numbers"]["high"] == 9
    assert features["day"]["categories"] == {"counts": {}, "once": 0, "rest": 2}
    assert features["scan, mean"]["numbers"]["low"] == features["scan, mean"]["numbers"]["high"] == 2.0
    assert (features["scan, spread"]["missing"], features["scan, spread"]["numbers"]["high"]) == (1, 1.0)


def test_answers_are_told_as_the_task_asks() -> None:
    two = Outcome(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert answers_of(two, spec_of(*COLUMNS))["numbers"]["high"] == 0.8
    three = Outcome(np.array([0, 1]), np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]))
    told = answers_of(three, spec_of(*COLUMNS, task="multiclass"))
    assert told["categories"]["counts"] == {"a": 1, "c": 1}
    values = Outcome(np.array([1.0, 2.0]), np.array([1.5, 2.5]))
    assert answers_of(values, spec_of(*COLUMNS, task="regression"))["numbers"]["low"] == 1.5


@pytest.mark.parametrize("many", [399, 400])
def test_quality_has_the_error_of_its_rows(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MANY_ROWS", many)
    random = np.random.default_rng(3)
    told = random.random(400) < 0.8  # right in four of five
    outcome = Outcome(np.zeros(400, int), np.column_stack([told, ~told]).astype(float))
    quality = quality_of(outcome, spec_of(*COLUMNS))
    assert quality is not None
    assert quality["error"] == pytest.approx(np.sqrt(quality["value"] * (1 - quality["value"]) / 400), rel=0.15)


@pytest.mark.parametrize(
    ("task", "metric"), [(task, metric) for task, metrics in METRICS.items() for metric in metrics]
)
def test_every_metric_has_an_error(task: Task, metric: str) -> None:
    random = np.random.default_rng(3)
    told = random.dirichlet((1, 1) if task == "binary" else (1, 1, 1), 60)
    outcome = Outcome(random.integers(0, told.shape[1], 60), told)
    if task == "regression":
        outcome = Outcome(told[:, 0], told[:, 0] + random.normal(0, 0.1, 60))
    quality = quality_of(outcome, spec_of(*COLUMNS, task=task, metric=metric))
    assert quality is not None
    assert 0 < quality["error"] < 0.2


def test_the_baseline_is_both_and_an_archive_of_old_has_none(tmp_path: Path) -> None:
    spec = spec_of(COLUMNS[0])
    outcome = Outcome(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    groups = [{"column": "sex", "groups": [{"name": "f", "rows": 60, "selected": 24, "selection_rate": 0.4}, {"name": "m", "rows": 9, "selected": 4, "selection_rate": None}]}]  # fmt: skip # noqa: E501
    evaluation = {"importance": [{"column": "age", "drop": 0.1}], "groups": groups}
    write_baseline(tmp_path, tmp_path / "out", outcome, evaluation, spec)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    write_features(Table(np.array([[1.0], [2.0]]), []), spec, tmp_path)
    write_baseline(tmp_path, tmp_path / "out", outcome, evaluation, spec)
    document = json.loads((tmp_path / "out" / "baseline.json").read_text())
    assert document.keys() == {"format", "rows", "features", "answers", "quality", "importance", "groups"}
    assert (document["importance"], document["groups"]) == ({"age": 0.1}, {"sex": {"f": [24, 60]}})
