"""The ranges of a tuning job: what is refused, and that values stay inside on every scale."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.tuning import ranges
from headgate_local.sagemaker.tuning.ranges import Choices, Numbers


def numbers(low: str, high: str, scale: str = "Auto", kind: str = "Continuous", name: str = "x") -> dict:
    return {f"{kind}ParameterRanges": [{"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}]}


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (numbers("2", "1"), r"MinValue \[2.0\] of the hyperparameter \[x\] must be less than its MaxValue \[1.0\]"),
        (numbers("1", "1", kind="Integer"), "must be less than"),
        (numbers("1.5", "3", kind="Integer"), r"MinValue of the hyperparameter \[x\] must be an integer, not \[1.5\]"),
        (numbers("one", "3"), "must be a number"),
        (numbers("0", "inf"), "must be finite"),
        (numbers("0", "1", "Logarithmic"), "greater than 0"),
        (numbers("-1", "1", "Logarithmic", "Integer"), "greater than 0"),
        (numbers("0", "1", "ReverseLogarithmic"), "within 0 <= x < 1.0"),
        (numbers("-0.1", "0.9", "ReverseLogarithmic"), "within 0 <= x < 1.0"),
        (numbers("1", "9", "ReverseLogarithmic", "Integer"), "for continuous hyperparameters"),
        ({"CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "a"]}]}, r"\[c\] must be unique"),
        (numbers("0", "1") | numbers("0", "1", kind="Integer"), r"\[x\] are not"),
        ({}, "at least one"),
        (
            {"CategoricalParameterRanges": [{"Name": str(number), "Values": ["a"]} for number in range(31)]},
            "at most 30",
        ),
    ],
)
def test_what_aws_does_not_take_is_refused(refused, words) -> None:
    with pytest.raises(ApiError, match=words) as error:
        ranges.read(refused)
    assert error.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [("0.001", "1", "Logarithmic"), ("1", "99", "Linear"), ("0", "1000", "Linear"), ("-5", "5", "Linear")],
)
def test_auto_chooses_the_scale_by_the_span(low, high, scale) -> None:
    (found,) = ranges.read(numbers(low, high))
    assert isinstance(found, Numbers)
    assert found.scale == scale


def test_the_combinations_of_ranges_multiply() -> None:
    found = ranges.read(
        numbers("1", "3", kind="Integer", name="n")
        | {"CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}]}
    )
    assert ranges.combinations(found) == 6
    assert ranges.combinations((*found, *ranges.read(numbers("0", "1")))) == math.inf


def test_text_outside_a_range_has_no_value() -> None:
    whole, real, choice = Numbers("n", 1, 3, "Linear", True), Numbers("x", 0, 1, "Linear", False), Choices("c", ("a",))
    assert [whole.value(text) for text in ("2", "4", "2.5", "two")] == [2, None, None, None]
    assert [real.value(text) for text in ("0.5", "1.5", "nan")] == [0.5, None, None]
    assert [choice.value(text) for text in ("a", "b")] == ["a", None]


@given(st.floats(0, 1))
def test_a_number_survives_the_way_to_the_container(value) -> None:
    assert Numbers("x", 0, 1, "Linear", False).value(Numbers("x", 0, 1, "Linear", False).text(value)) == value
