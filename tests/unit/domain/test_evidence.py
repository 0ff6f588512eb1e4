"""Numbers as people read them."""

import pytest

from headgate.domain.evidence import legible


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (0.02134, 2, "0.021"),
        (0.5, 2, "0.5"),
        (-0.0082, 2, "-0.0082"),
        (99.4, 2, "99"),
        (210.4, 2, "210"),
        (12_345.6, 2, "12,000"),
        (12_345.6, 4, "12,350"),
        (0.94123, 4, "0.9412"),
        (0.0, 2, "0"),
    ],
)
def test_numbers_are_told_without_exponents_where_they_can_be_read(value: float, digits: int, said: str) -> None:
    assert legible(value, digits) == said
