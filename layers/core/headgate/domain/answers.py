"""Whether an endpoint's answer is the one that was judged."""

import math
from typing import Any

TOLERANCE = 1e-3
"""Relative to the larger of 1 and the number: engines and machines differ by less, another model by more."""


def same_answer(answer: Any, expected: Any) -> bool:
    """Whether two answers say the same: numbers within `TOLERANCE`, all else alike.

    Where probabilities are given the label is not compared, for of two that are alike either may come first.
    """
    if isinstance(expected, dict):
        if not isinstance(answer, dict) or answer.keys() != expected.keys():
            return False
        names = expected.keys() - ({"label"} if "probabilities" in expected else set())
        return all(same_answer(answer[name], expected[name]) for name in names)
    if isinstance(expected, list):
        alike = isinstance(answer, list) and len(answer) == len(expected)
        return alike and all(map(same_answer, answer, expected))
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        return is_number and math.isclose(answer, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(answer == expected)
