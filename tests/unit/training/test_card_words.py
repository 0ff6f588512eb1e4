"""What a card says in words and figures: rounded to what is meant, in the metric's own direction, with its warnings."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.cautions import cautions
from headgate_training.sheet import SHEET
from headgate_training.wording import (
    LONGEST_NAME,
    METRICS,
    MINUS,
    change,
    clipped,
    decimals_of,
    ends,
    listed,
    measured,
    number,
    points,
)

FINITE = st.floats(-1e9, 1e9)


def interval(estimate: float, low: float, high: float) -> dict[str, float]:
    return {"estimate": estimate, "low": low, "high": high}


def test_a_difference_has_the_figures_that_its_range_allows() -> None:
    assert change(interval(0.004273, -0.040432, 0.049988), "maximize") == f"+0.004 ({MINUS}0.040 to +0.050)"
    assert change(interval(8765.4, 8123.4, 9456.7), "maximize") == "+8,770 (+8,120 to +9,460)"


def test_where_less_is_better_a_better_model_has_less() -> None:
    assert change(interval(209.4, 175.9, 241.5), "minimize") == f"{MINUS}209 ({MINUS}242 to {MINUS}176)"


@given(st.tuples(FINITE, FINITE, FINITE).map(sorted), st.sampled_from(["maximize", "minimize"]))
def test_a_range_begins_at_its_lower_end(values: list[float], direction: str) -> None:
    low, high = ends(interval(values[1], values[0], values[2]), direction)
    assert low <= high
    assert 0 <= len(re.findall(r"\d", change(interval(values[1], values[0], values[2]), direction))) < 80


@given(st.floats(-1e8, 1e8).filter(lambda value: value == 0 or abs(value) > 1e-6))
def test_a_number_by_itself_is_right_to_three_figures(value: float) -> None:
    shown = number(value).replace(MINUS, "-").replace(",", "")
    assert float(shown) == pytest.approx(value, rel=5.1e-3)
    assert not shown.startswith("-0.00000")


@given(st.floats(0.5, 1, exclude_max=True), st.integers(-3, 6))
def test_what_is_not_perfect_is_never_shown_as_one(value: float, decimals: int) -> None:
    for metric in ("auc", "accuracy", "r2"):
        assert float(measured(metric, value, decimals).replace("above ", "")) < 1
    assert measured("accuracy", 1.0) == "1.000"


def test_nothing_has_no_sign() -> None:
    assert change(interval(-0.0001, -0.02, 0.03), "maximize").startswith("0.000 ")
    assert number(None) == "\u2013"
    assert decimals_of(interval(0, 0, 0)) == 3
    assert [points(part) for part in (0.001, 0.0104, 0.2)] == ["less than a point", "1 point", "20 points"]


def test_names_are_cut_and_counted() -> None:
    assert len(clipped("x" * 500)) == LONGEST_NAME
    assert clipped(" A93") == "A93"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
    assert listed(list("abcde"), 2) == "a, b and 3 more"


def test_every_metric_of_training_has_a_name_for_people() -> None:
    from headgate_training.metrics import METRICS as TRAINED

    assert set(METRICS) == {name for names in TRAINED.values() for name in names}


def card(**evaluation: Any) -> dict[str, Any]:
    """A model that nothing is to be said against, changed."""
    unremarkable: dict[str, Any] = {
        "task": "binary", "metric": "auc", "direction": "maximize", "rows": 400, "champion": None, "newest": None,
        "notes": [], "slices": [], "groups": [], "importance": [{"column": c, "drop": 0.1} for c in "abcde"],
        "calibration": {"challenger": {"error": 0.02, "bins": [{"rows": 400, "predicted": 0.5, "observed": 0.5}]}},
    }  # fmt: skip
    return {
        "spec": {"positive": "ill", "classes": ["ill", "well"]},
        "curves": {"challenger": {"confusion": [[90, 10], [20, 280]]}},
        "evaluation": unremarkable | evaluation,
        "training": {},
    }


GROUPS = {
    "column": "sex",
    "groups": [],
    "selection_rate": {"ratio": 0.6, "ratio_high": 0.79},
    "true_positive_rate": None,
}
BY_CHANCE = GROUPS | {"selection_rate": None, "true_positive_rate": {"ratio": 0.6, "ratio_high": 0.8}}
WORSE = {"column": "ward", "name": "B2", "rows": 60, "difference": interval(-0.2, -0.3, -0.1)}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": 60}, "60 rows only"),
        ({"notes": ["The newest part was not compared."]}, "not compared"),
        ({"newest": {"rows": 80, "difference": interval(-0.2, -0.3, -0.1)}}, "On the newest 80 rows it is worse"),
        ({"slices": [WORSE], "champion": {"auc": 1}}, "worse than the version that serves for ward: B2 (60 rows)"),
        ({"slices": [WORSE | {"difference": None, "whole": WORSE["difference"]}]}, "than on all rows together"),
        ({"groups": [GROUPS]}, "told \u201cill\u201d 60% as often as another."),
        (
            {"groups": [BY_CHANCE]},
            "found where it is \u201cill\u201d 60% as often as another (chance could explain that it is below 80%).",
        ),
        ({"groups": [GROUPS | {"column": "a"}]}, "depend on a, which the project calls sensitive"),
        ({"calibration": {"challenger": {"coverage": 0.5, "nominal": 0.9}}}, "held only 50%"),
        (
            {"calibration": {"challenger": {"error": 0.2, "bins": [{"rows": 400, "predicted": 0.5}]}}},
            "off by 20 points",
        ),
        (
            {"importance": [{"column": c, "drop": 1.0 if c == "a" else 0.01} for c in "abcde"]},
            "comes from a: is that known",
        ),
    ],
)
def test_a_person_is_warned(changed: dict[str, Any], said: str) -> None:
    assert cautions(card()) == []
    warnings = " ".join(cautions(card(**changed)))
    assert said in warnings


def test_a_person_is_warned_of_classes_that_are_missed_or_rare() -> None:
    missed = card() | {"curves": {"challenger": {"confusion": [[0, 12], [20, 280]]}}}
    assert cautions(missed) == [
        "It found no row of \u201cill\u201d.", "There were fewer than 20 rows to judge it by of \u201cill\u201d.",
    ]  # fmt: skip


def test_a_range_that_is_narrow_by_chance_is_no_warning() -> None:
    assert cautions(card(rows=100, calibration={"challenger": {"coverage": 0.87, "nominal": 0.9}})) == []


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_in_light_and_dark(theme: int) -> None:
    palette = dict(re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)[theme]))
    for ground in ("paper", "card"):
        for text in ("ink", "soft", "bad"):
            assert contrast(palette[text], palette[ground]) >= 4.5, text
        for line in ("water", "rival"):
            assert contrast(palette[line], palette[ground]) >= 3, line


@pytest.mark.parametrize(("rows", "said"), [(1, "1 row was not"), (3, "3 rows were not")])
def test_rows_that_were_not_learnt_from_are_told(rows: int, said: str) -> None:
    (told,) = cautions(card() | {"training": {"rows": {"train": 400, "left_out": rows}}})
    assert told.startswith(said)
    assert not cautions(card() | {"training": {"rows": {"train": 400, "left_out": 0}}})
