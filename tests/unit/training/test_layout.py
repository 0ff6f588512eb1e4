"""Where the columns of encoded rows lie, and the pieces that numbers are cut into."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.encoding import Encoding, OneHot, Scaled
from headgate_training.layout import BINS, NARROWEST, Layout, Place, find_layout
from headgate_training.members import SCALE, Pieces

ENCODING = Encoding(
    numeric=(
        Scaled("a", 0.0, 1.0, asinh=False, missing=True),
        Scaled("b", 0.0, 1.0, asinh=False, missing=False),
    ),
    datetime=(Scaled("on", 0.0, 1.0, asinh=False, missing=True),),
    onehot=(
        OneHot("ward", ("x", "y"), other=True, missing=False),
        OneHot("smoker", ("no",), other=False, missing=False),
    ),
)


def test_every_position_of_an_encoded_row_belongs_to_one_column() -> None:
    layout = find_layout(ENCODING, np.random.default_rng(1).normal(size=(50, ENCODING.width)))
    assert [place.at for place in layout.places] == [
        (0, 9),
        (1,),
        (2, 3, 4, 5, 6, 7, 8, 10),
        (11, 12, 13),
        (14,),
    ]
    assert sorted(position for place in layout.places for position in place.at) == list(range(ENCODING.width))
    assert [bool(place.edges) for place in layout.places] == [True, True, True, False, False]


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=60))
def test_edges_rise_and_are_few_and_not_too_close(values: list[float]) -> None:
    encoding = Encoding((Scaled("a", 0.0, 1.0, asinh=False, missing=False),), (), ())
    (place,) = find_layout(encoding, np.array(values, np.float32)[:, None]).places
    assert 2 <= len(place.edges) <= BINS + 1
    assert (np.diff(place.edges) >= NARROWEST).all()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(-2.0, [0, 0, 0]), (-1.0, [0, 0, 0]), (-0.5, [0.5, 0, 0]), (0.0, [1, 0, 0]), (1.0, [1, 0.5, 0]), (9.0, [1, 1, 1])],
)
def test_a_number_goes_through_its_pieces_one_after_the_other(number: float, expected: list[float]) -> None:
    pieces = Pieces(Layout([Place((1,)), Place((0,), (-1.0, 0.0, 2.0, 2.5))]))
    np.testing.assert_allclose(pieces(np.array([[number, 7.0]], np.float32))[0] / SCALE, expected, rtol=1e-6)
