"""Rows of a request: what is accepted, and how a refusal reads."""

import math

import numpy as np
import pytest

from headgate_training.spec import Column
from headgate_training.table import RequestError, RowReader

READER = RowReader([Column("age", "numeric"), Column("ward", "categorical"), Column("smoker", "boolean")])
ROW: dict[str, object] = {"age": 44, "ward": "B2", "smoker": "true"}


def test_rows_become_columns_in_the_order_of_the_spec() -> None:
    table = READER.read([ROW, {"smoker": "false", "ward": "C1", "age": 3.5}])
    np.testing.assert_array_equal(table.numbers, [[44], [3.5]])
    assert table.texts == [("B2", "C1"), ("true", "false")]
    assert len(table) == 2


@pytest.mark.parametrize("missing", [None, math.nan, ""])
def test_none_nan_and_empty_text_mean_missing(missing: object) -> None:
    table = READER.read([{"age": missing, "ward": missing, "smoker": missing}])
    assert np.isnan(table.numbers).all()
    assert table.texts == [("",), ("",)]


def test_numbers_may_be_written_as_text_and_booleans_as_such() -> None:
    table = READER.read([ROW | {"age": " 1.5e3 ", "smoker": False}])
    assert table.numbers[0, 0] == 1500
    assert table.texts[1] == ("false",)


@pytest.mark.parametrize(("written", "meant"), [("True", "true"), ("FALSE", "false"), ("", ""), (True, "true")])
def test_truth_values_mean_what_they_meant_in_the_upload(written: object, meant: str) -> None:
    for rows in ([ROW | {"smoker": written}], [ROW, ROW | {"smoker": written}]):
        assert READER.read(rows).texts[1][-1] == meant


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": "old"}, "Column 'age' in row 2 takes a number, but its text is not one"),
        ({"age": True}, "Column 'age' in row 2 takes a number, but got bool"),
        ({"age": [1]}, "Column 'age' in row 2 takes a number, but got list"),
        ({"ward": 17}, r"Column 'ward' in row 2 takes text \(categorical\), but got int"),
        ({"ward": True}, r"Column 'ward' in row 2 takes text \(categorical\), but got bool"),
        ({"smoker": {}}, r"Column 'smoker' in row 2 takes text \(boolean\), but got dict"),
        ({"smoker": "yes"}, "Column 'smoker' in row 2 takes true or false, but its text is neither"),
        ({"smoker": " true"}, "Column 'smoker' in row 2 takes true or false"),
        ({"shoe": 44}, "Row 2 has the column 'shoe', which the model does not know"),
        ({"age": 10**400}, "too large"),
        ({"age": 10**400, "smoker": True, "ward": None}, "too large"),
    ],
)
def test_a_refusal_names_the_column_and_the_row(changed: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        READER.read([ROW, ROW | changed])


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RequestError, match="Row 1 lacks the column 'smoker'"):
        READER.read([{"age": 1, "ward": "x"}])


def test_a_row_that_is_no_object_is_refused() -> None:
    with pytest.raises(RequestError, match="Row 1 is not an object"):
        READER.read([[1, 2, 3]])  # type: ignore[list-item]


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_model_may_have_columns_of_one_kind_or_one_column_only(kind: str) -> None:
    for names in (["a"], ["a", "b"]):
        table = RowReader([Column(name, kind) for name in names]).read([dict.fromkeys(names, "7")] * 3)
        shape = (3, len(names)) if kind == "numeric" else (3, 0)
        assert table.numbers.shape == shape
        assert table.texts == ([] if kind == "numeric" else [("7", "7", "7")] * len(names))


def test_no_rows_are_no_error() -> None:
    table = READER.read([])
    assert (len(table), table.numbers.shape, table.texts) == (0, (0, 1), [(), ()])
