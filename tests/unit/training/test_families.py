"""Families: found by their files, built for any table, the same in both engines, defaults within their ranges."""

import dataclasses
import importlib
import json

import keras
import numpy as np
import pytest

from headgate_training.families import FAMILIES
from headgate_training.layout import NOTHING_KNOWN, Layout, Place
from headgate_training.litert import LiteRtModel
from headgate_training.parquet import read_parquet
from headgate_training.savedmodel import SavedModel
from headgate_training.settings import Settings

from .jobs import FOLDER, OF_GRIDS, Job

OF_TABLES = sorted(FAMILIES.keys() - OF_GRIDS)
LAYOUT = Layout([Place((0, 3), (-1.0, 0.0, 2.0)), Place((1,), (-2.0, -1.0, 0.0, 1.0)), Place((2,)), Place((4, 5, 6))])


def read_family_file(family: str) -> dict:
    return json.loads((FOLDER / f"{family}.json").read_text(encoding="utf-8"))


def test_each_family_is_one_module_and_one_file() -> None:
    assert sorted(FAMILIES) == sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("rows", [100, 3_000, 20_000, 400_000])
def test_defaults_lie_within_the_ranges_of_the_family_file(family: str, rows: int) -> None:
    described = read_family_file(family)
    assert described["family"] == family
    chosen = dataclasses.asdict(Settings(family=family).chosen_for(rows, seed=1))
    for name, about in described["hyperparameters"].items():
        assert about["from"] <= chosen[name] <= about["to"], name
        assert isinstance(chosen[name], int) == (about["type"] == "integer"), name
        assert about["scale"] in ("linear", "log")


@pytest.mark.parametrize("family", OF_TABLES)
@pytest.mark.parametrize("layout", [LAYOUT, NOTHING_KNOWN], ids=["layout", "none"])
def test_scores_are_of_members_rows_and_outputs(family: str, layout: Layout) -> None:
    settings = Settings(family=family, members=3, hidden_units=8, layers=3).chosen_for(100, seed=1)
    model = importlib.import_module(FAMILIES[family]).build(7, 2, settings, layout)
    assert model(np.zeros((5, 7), np.float32)).shape == (3, 5, 2)


def test_what_is_said_is_kept_and_what_is_open_is_chosen() -> None:
    chosen = Settings(dropout=0.0, weight_decay=0.0, hidden_units=7, batch_size=50).chosen_for(1000, seed=3)
    assert (chosen.dropout, chosen.weight_decay, chosen.hidden_units, chosen.batch_size) == (0.0, 0.0, 7, 50)
    assert chosen.learning_rate > 0
    assert chosen.layers > 0


def test_a_transformer_learns_and_answers_alike_in_both_engines(transformer_job: Job) -> None:
    twin = LiteRtModel(transformer_job.version)
    table = read_parquet(transformer_job.test, twin.spec)
    with SavedModel(transformer_job.version) as model:
        expected = model.predict(table)
    np.testing.assert_allclose(twin.predict(table), expected, rtol=1e-5, atol=1e-6)
    golden = json.loads((transformer_job.version / "assets.extra" / "golden.json").read_text(encoding="utf-8"))
    for example in golden["golden"]:
        (answer,) = twin.answer([example["request"]])
        np.testing.assert_allclose(answer["probabilities"], example["answer"]["probabilities"], rtol=1e-5, atol=1e-6)
    assert transformer_job.metrics["history"][-1]["val_accuracy"] > 0.8


def test_the_order_of_training_is_the_seeds(transformer_job: Job) -> None:
    keras.utils.set_random_seed(5)
    settings = Settings(family="transformer").chosen_for(100, seed=5)
    family = importlib.import_module(FAMILIES["transformer"])
    first = family.build(7, 2, settings, LAYOUT).get_weights()
    keras.utils.set_random_seed(5)
    for one, other in zip(first, family.build(7, 2, settings, LAYOUT).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
