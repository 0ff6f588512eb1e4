"""Permutation importance: what matters comes first, grids count as one."""

import numpy as np
import pytest

from headgate_training.importance import importance
from headgate_training.metrics import Outcome
from headgate_training.spec import Column, Grid, Spec
from headgate_training.table import Table

PIXELS = ("p0", "p1")
NUMBERS = [Column(name, "numeric") for name in ("useless", "useful", *PIXELS)]
COLUMNS = (*NUMBERS, Column("word", "categorical"))
SPEC = Spec("y", "regression", (), None, "r2", "maximize", 17, COLUMNS, (Grid("pixel", "image", (1, 2, 1), PIXELS),))


def predict(table: Table) -> np.ndarray:
    """A model that uses `useful` most, the difference of the pixels some, and the word a little."""
    _, useful, first, second = table.numbers.T
    return 3 * useful + (first - second) + 0.5 * np.array([value == "yes" for value in table.texts[0]])


def make_table(rows: int) -> Table:
    random = np.random.default_rng(1)
    numbers = random.normal(size=(rows, 4))
    numbers[:, 3] += numbers[:, 2]
    return Table(numbers, [random.choice(["yes", "no"], rows).tolist()])


@pytest.mark.parametrize("rows", [30, 300, 5000])
def test_what_the_model_uses_most_comes_first_and_a_grid_is_one(rows: int) -> None:
    table = make_table(rows)
    lines = importance(table, Outcome(predict(table), predict(table)), predict, SPEC)
    assert [line["column"] for line in lines] == ["useful", "pixel", "word", "useless"]
    assert lines[-1]["drop"] == 0
    assert lines[0]["drop"] > 1


def test_a_table_is_left_as_it_was() -> None:
    table = make_table(50)
    before = table.numbers.copy()
    importance(table, Outcome(predict(table), predict(table)), predict, SPEC)
    assert (table.numbers == before).all()


def test_a_metric_that_the_rows_do_not_define_has_no_importances() -> None:
    table = make_table(50)
    assert importance(table, Outcome(np.ones(50), np.ones(50)), predict, SPEC) == []


def test_wide_tables_are_measured_on_fewer_rows() -> None:
    columns = tuple(Column(f"c{number}", "numeric") for number in range(1000))
    spec = Spec("y", "regression", (), None, "mae", "minimize", 17, columns)
    asked = []

    def first(table: Table) -> np.ndarray:
        asked.append(len(table))
        return table.numbers[:, 0]

    numbers = np.random.default_rng(1).normal(size=(1000, 1000))
    lines = importance(Table(numbers, []), Outcome(numbers[:, 0], numbers[:, 0]), first, spec)
    assert lines[0]["column"] == "c0"
    assert sum(asked) <= 151_000
    assert len(lines) == 200


@pytest.mark.parametrize("metric", ["auc", "balanced_accuracy"])
def test_a_rare_class_is_measured_by_all_of_its_rows(metric: str) -> None:
    random = np.random.default_rng(8)
    numbers = random.normal(size=(6000, 2))
    target = np.zeros(6000, np.int64)
    target[random.choice(6000, 20, replace=False)] = 1
    numbers[:, 0] += 8 * target

    def sure(table: Table) -> np.ndarray:
        chance = 1 / (1 + np.exp(4 - table.numbers[:, 0]))
        return np.column_stack([1 - chance, chance])

    drops = []
    for seed in range(4):
        columns = (Column("telling", "numeric"), Column("idle", "numeric"))
        spec = Spec("y", "binary", ("a", "b"), "b", metric, "maximize", seed, columns)
        told = importance(Table(numbers, []), Outcome(target, sure(Table(numbers, []))), sure, spec)
        drops.append({line["column"]: line["drop"] for line in told})
    assert all(0.3 < each["telling"] < 0.6 and abs(each["idle"]) < 0.01 for each in drops)
