"""Compression as a challenger: chosen only where it truly gains."""

import math
from typing import Any

import pytest

from headgate.domain.formats import bought, choose_format

from .evaluations import variant

MB = 2**20
SMALL, LARGE = variant("float32", 400.0, 9_000), variant("float32", 400.0, 10 * MB)


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [
        ([], "float32"),
        ([variant("int8")], "float32"),
        ([SMALL], "float32"),
        ([SMALL, variant("int8", 350.0)], "int8"),
        ([SMALL, variant("int8", 350.1)], "float32"),  # less than 50 microseconds
        ([variant("float32", 1000.0), variant("int8", 900.0)], "int8"),
        ([variant("float32", 1000.0), variant("int8", 900.1)], "float32"),  # less than a tenth
        ([SMALL, variant("int8", 100.0, low=-0.0181)], "float32"),  # the margin: 0.02 of 0.9
        ([SMALL, variant("int8", 100.0, low=-0.0179)], "int8"),
        ([SMALL | {"value": 1.0}, variant("int8", 100.0, low=-0.02)], "float32"),  # the margin itself
        ([SMALL, variant("int8", 100.0, skipped="no full integer")], "float32"),
        ([SMALL, variant("int8", 100.0, difference=None)], "float32"),
        ([SMALL, variant("int8", math.nan)], "float32"),
        ([SMALL, variant("int8", -1.0)], "float32"),
        ([SMALL, variant("int8", 0.0)], "int8"),
        ([SMALL, variant("int8", size=-1)], "float32"),
        ([SMALL, variant("int8", size=0)], "int8"),
        ([SMALL, variant("int8", size=None)], "float32"),
        ([SMALL, variant("bfloat16")], "float32"),
        ([SMALL, variant("int8", 400.0, 10)], "float32"),  # bytes of a small model cost nothing
        ([LARGE, variant("int8", 400.0, 7.5 * MB)], "int8"),
        ([LARGE, variant("int8", 400.0, 7.6 * MB)], "float32"),
        ([LARGE, variant("int8", 401.0, 1 * MB)], "float32"),  # smaller, but slower
        ([variant("float32", 400.0, 10 * MB - 1), variant("int8", 400.0, 1 * MB)], "float32"),
        ([LARGE | {"value": None}, variant("int8")], "float32"),
        ([LARGE | {"bytes": None}, variant("int8")], "float32"),
        ([LARGE | {"p50_microseconds": None}, variant("int8")], "float32"),
        ([LARGE | {"value": -0.9}, variant("int8", low=-0.017)], "int8"),
        ([SMALL, variant("float16", 200.0), variant("dynamic", 100.0), variant("int8", 150.0)], "dynamic"),
        ([SMALL, variant("float16", 100.0, 8_000), variant("int8", 100.0, 4_000)], "int8"),
        ([SMALL, variant("float16", math.inf), variant("int8")], "int8"),
    ],
)
def test_the_format_that_serves(formats: list[dict[str, Any]], chosen: str) -> None:
    assert choose_format(formats, 0.02).name == chosen
    assert choose_format(formats[::-1], 0.02).name == chosen


def test_the_answer_says_what_was_bought() -> None:
    assert choose_format([LARGE, variant("int8", 100.0, 4_096)], 0.02).why == (
        "int8 serves: as good as float32 within the margin, 100 instead of 400 microseconds, 4 KB instead of 10.0 MB."
    )
    of_one = variant("float32", 400.0, MB)
    bought = choose_format([of_one, variant("int8", 100.0, MB - 1024)], 0.02).why
    assert bought.endswith("1023 KB instead of 1.0 MB.")
    kept = choose_format([SMALL, variant("int8", 400.0)], 0.02).why
    assert kept == "float32 serves: no compressed format is as good and truly faster or smaller."
    assert choose_format([], 0.02).why == ""


def test_what_a_format_bought_is_told_beside_float32() -> None:
    worth = bought([LARGE, variant("int8", 100.0, 4_096)], "int8")
    assert worth is not None
    assert worth["before"] == {"bytes": 10 * MB, "p50_microseconds": 400.0, "value": LARGE["value"]}
    assert (worth["after"]["bytes"], worth["after"]["p50_microseconds"]) == (4_096, 100.0)
    assert worth["difference"] == variant("int8")["difference"]


@pytest.mark.parametrize("formats", [[], [LARGE], [variant("int8")]])
def test_float32_bought_nothing_and_what_is_unknown_neither(formats: list[dict[str, Any]]) -> None:
    assert bought(formats, "float32") is None
    assert len(formats) > 1 or bought(formats, "int8") is None
