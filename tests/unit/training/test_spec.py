"""What spec.json may ask for, and how it is refused when it contradicts itself."""

import json
from pathlib import Path

import pytest

from headgate_training.settings import Settings
from headgate_training.spec import Forecast, Grid, Spec, SpecError, read_spec

from .jobs import make_spec, write_spec

PIXELS = {f"p{number}": "numeric" for number in range(4)}
IMAGE = {"name": "photo", "kind": "image", "shape": [2, 2, 1], "columns": list(PIXELS)}
SERIES = {"name": "sales", "kind": "sequence", "shape": [2, 2], "columns": list(PIXELS)}


def read(folder: Path, **changes: object) -> Spec:
    columns = PIXELS | {"note": "text", "ward": "categorical"}
    return read_spec(write_spec(folder, make_spec(columns, "y", "regression") | changes))


def test_grids_forecasts_and_columns_for_evaluation_are_read(tmp_path: Path) -> None:
    forecast = {"entity": ["shop"], "time": "day", "steps": 2}
    spec = read(
        tmp_path, grids=[SERIES], forecast=forecast, slices=["region"], sensitive=["age", "sex"], family="transformer"
    )
    assert spec.grids == (Grid("sales", "sequence", (2, 2), tuple(PIXELS)),)
    assert spec.forecast == Forecast(("shop",), "day", 2)
    assert (spec.slices, spec.sensitive, spec.family) == (("region",), ("age", "sex"), "transformer")
    assert spec.text_names == ["note", "ward"]


def test_a_spec_without_the_newer_keys_stays_readable(tmp_path: Path) -> None:
    path = write_spec(tmp_path, make_spec({"x": "numeric"}, "y", "regression"))
    assert not {"grids", "forecast", "slices", "sensitive", "family"} & json.loads(path.read_text()).keys()
    spec = read_spec(path)
    assert (spec.grids, spec.forecast, spec.slices, spec.sensitive, spec.family) == ((), None, (), (), None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grids": [IMAGE | {"kind": "cloud"}]}, "kind 'cloud'"),
        ({"grids": [IMAGE | {"shape": [4, 1]}]}, "height x width x channels"),
        ({"grids": [IMAGE | {"shape": [2, 2, 0]}]}, "each at least 1"),
        ({"grids": [IMAGE | {"shape": [2, 3, 1]}]}, "6 places, but names 4 columns"),
        ({"grids": [IMAGE | {"columns": ["p0", "p1", "p2", "ward"]}]}, "'ward', which is no numeric column"),
        ({"grids": [IMAGE | {"columns": ["p0", "p1", "p2", "p2"]}]}, "names a column twice"),
        ({"grids": [IMAGE, SERIES]}, "'sales' names a column twice, or one that another grid has"),
        ({"forecast": {"entity": [], "time": "day", "steps": 0}}, "at least one step"),
        ({"slices": "region"}, "'slices' of spec.json must be a list"),
        ({"columns": [{"name": "note", "kind": "poem"}]}, "poem"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_plain_words(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        read(tmp_path, **changes)


def test_the_hyperparameter_wins_over_the_family_of_the_spec() -> None:
    assert Settings().chosen_for(100, seed=1).family == "dnn"
    assert Settings().chosen_for(100, seed=1, suited="transformer").family == "transformer"
    assert Settings(family="dnn").chosen_for(100, seed=1, suited="transformer").family == "dnn"
    with pytest.raises(ValueError, match=r"no family 'oracle'.*known: .*dnn"):
        Settings().chosen_for(100, seed=1, suited="oracle")
