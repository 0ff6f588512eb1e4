from collections.abc import Callable
from dataclasses import replace

import pytest

from headgate_cli.story import Answer, Choice, Road, Story, choices_of, headline, measure_of, said_of, sample_of

EVALUATION = {
    "metric": "rmse",
    "direction": "minimize",
    "rows": 180,
    "challenger": {"rmse": 3.6, "mae": 2.1},
    "champion": None,
    "trivial": {"rmse": 7.4, "mae": 5.0},
    "difference": {"against": "trivial", "estimate": 3.8, "low": 3.0, "high": 4.5, "level": 0.95},
}


def test_a_measure_is_the_one_that_the_gate_judged_by() -> None:
    measure = measure_of(EVALUATION)
    assert measure is not None
    assert (measure.challenger, measure.trivial, measure.champion) == (3.6, 7.4, None)
    assert measure.lower_is_better


def test_without_an_evaluation_there_is_no_measure() -> None:
    assert measure_of({}) is None


def test_a_sample_shows_inputs_answer_and_truth() -> None:
    rows = [{"a": "1", "b": "2", "y": "good", "c": "3", "d": "4"}]
    sample = sample_of(rows, [{"label": "bad", "probabilities": [0.8, 0.2]}], "y")
    assert sample.columns == ("a", "b")
    assert sample.answers[0] == Answer(("1", "2"), "bad", "80 %", "good")


def test_a_regression_answers_with_a_number() -> None:
    assert said_of({"value": 3.14159}) == ("3.14", "")
    assert said_of({"value": 3.14159, "low": 1.0, "high": 5.5}) == ("3.14", "1 to 5.5")


def test_nearly_sure_is_not_certain() -> None:
    assert said_of({"label": "x", "probabilities": [0.9999, 0.0001]}) == ("x", ">99 %")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["PROMOTED"], "One dataset came to the gate. It went through."),
        (["REJECTED"], "One dataset came to the gate. It did not go through."),
        (["PROMOTED", "PROMOTED", "REJECTED"], "Three datasets came to the gate. Two went through."),
        (["FAILED", "REJECTED"], "Two datasets came to the gate. None of them went through."),
        (["PROMOTED", "PROMOTED"], "Two datasets came to the gate. All of them went through."),
    ],
)
def test_the_headline_counts(story: Story, road: Callable[..., Road], outcomes: list[str], said: str) -> None:
    roads = tuple(road(f"p{number}", outcome) for number, outcome in enumerate(outcomes))
    assert headline(replace(story, roads=roads)) == said


def test_columns_that_were_decided_alike_stand_together() -> None:
    number = {"value": "numeric", "why": "every value is a number"}
    inferred = [
        {"what": "target", "value": "y", "why": "it is the last column"},
        *({"what": f"column {name}"} | number for name in "abcdef"),
        {"what": "column id", "value": "dropped", "why": "every value is different"},
    ]
    assert choices_of({"inferred": inferred}) == (
        Choice("target", "y", "it is the last column"),
        Choice("6 columns (a, b, c, d and 2 more)", "numeric", "every value is a number"),
        Choice("column id", "dropped", "every value is different"),
    )


def test_a_report_without_inferences_tells_of_none() -> None:
    assert choices_of({}) == ()
