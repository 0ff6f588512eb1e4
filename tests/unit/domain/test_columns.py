"""Rules over what was measured of a column; tables of cases stand in tests/unit/tables."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.columns import MOST_CATEGORIES, Column, Measured, decide
from headgate.domain.errors import DatasetRefusedError

NUMBER = Measured("x", "number", rows=100, missing=0, distinct=90, minimum=-1.0, maximum=4.0)
TEXT = Measured("x", "text", rows=100, missing=0, distinct=5, mean_length=4.0)


def test_a_number_is_numeric_and_used() -> None:
    assert decide(NUMBER) == Column(NUMBER, "numeric", used=True, why="every value is a number")


@given(rows=st.integers(50, 10**7), share=st.floats(0, 1))
def test_many_different_texts_are_dropped(rows: int, share: float) -> None:
    distinct = max(2, int(rows * share))
    used = decide(dataclasses.replace(TEXT, rows=rows, distinct=distinct)).used
    assert used == (distinct <= MOST_CATEGORIES and distinct < rows and distinct <= max(20, rows / 2))


@pytest.mark.parametrize(("setting", "kind"), [("numeric", "numeric"), ("categorical", "categorical")])
def test_a_named_kind_keeps_a_column_that_would_be_dropped(setting, kind: str) -> None:
    key = dataclasses.replace(NUMBER, distinct=100, whole_numbers=True, minimum=1.0, maximum=100.0)
    assert not decide(key).used
    kept = decide(key, setting)
    assert (kept.used, kept.kind) == (True, kind)


@pytest.mark.parametrize("setting", ["numeric", "boolean", "datetime"])
def test_a_kind_that_the_values_do_not_have_is_refused(setting) -> None:
    with pytest.raises(DatasetRefusedError, match=r"columns\.x"):
        decide(TEXT, setting)


def test_a_constant_is_dropped_even_when_named() -> None:
    assert not decide(dataclasses.replace(TEXT, distinct=1), "categorical").used


@pytest.mark.parametrize("before", ["numeric", "boolean", "datetime"])
def test_another_kind_than_the_champions_is_refused(before) -> None:
    with pytest.raises(DatasetRefusedError) as refusal:
        decide(TEXT, before=before)
    assert refusal.value.reason_code == "SCHEMA_CHANGED"


def test_a_column_that_project_yaml_drops_may_have_changed() -> None:
    assert not decide(TEXT, "drop", before="numeric").used
