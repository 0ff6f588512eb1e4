"""The course of the learning rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.schedules import SCHEDULES, WARMUP, rates


def whole_course(schedule: str, epochs: int = 20, steps: int = 10) -> np.ndarray:
    return np.concatenate([rates(schedule, 0.5, epoch, epochs, steps) for epoch in range(1, epochs + 1)])


def test_a_constant_rate_is_what_was_asked_for() -> None:
    np.testing.assert_array_equal(whole_course("constant"), np.full(200, 0.5, np.float32))


def test_a_cosine_falls_from_the_rate_to_nothing() -> None:
    course = whole_course("cosine")
    assert course[0] == pytest.approx(0.5, rel=1e-3)
    assert course[100] == pytest.approx(0.25, rel=0.02)
    assert course[-1] == pytest.approx(0, abs=1e-4)
    assert np.all(np.diff(course) < 0)


def test_a_warm_start_rises_and_then_falls() -> None:
    course, top = whole_course("warmup"), int(200 * WARMUP)
    assert np.all(np.diff(course[:top]) > 0)
    assert np.all(np.diff(course[top:]) < 0)
    assert course.max() == pytest.approx(0.5, rel=0.01)


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 50), st.integers(1, 50))
def test_no_rate_is_beyond_what_was_asked_for(schedule: str, epochs: int, steps: int) -> None:
    course = whole_course(schedule, epochs, steps)
    assert np.all((course >= 0) & (course <= 0.5))
