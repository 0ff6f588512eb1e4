"""Targets out of all proportion are not learnt from; amounts that are skewed are."""

import numpy as np
import pytest

from headgate_training.slips import without_slips
from headgate_training.table import Table

USUAL = np.random.default_rng(2).normal(20, 3, size=2000)


def left(train: np.ndarray, validation: np.ndarray = USUAL[:100]) -> list[int]:
    """Rows that are left of each part, which stay whole."""
    given = [(Table(part[:, None], [part.astype(str).tolist()]), part) for part in (train, validation)]
    parts = without_slips(given)
    for table, target in parts:
        np.testing.assert_array_equal(table.numbers[:, 0], target)
        assert table.texts[0] == target.astype(str).tolist()
    return [len(target) for _, target in parts]


@pytest.mark.parametrize("slip", [1e9, -1e6])
def test_the_few_rows_that_lie_out_of_all_proportion_are_left_out(slip: float) -> None:
    assert left(np.append(USUAL, [slip, slip])) == [2000, 100]
    assert left(USUAL[:300], np.append(USUAL[:100], slip)) == [300, 100]


@pytest.mark.parametrize(
    "target",
    [
        USUAL,
        np.append(USUAL, [-999999.0] * 50),  # more than a slip
        np.random.default_rng(3).lognormal(sigma=2.5, size=5000),
        np.append(np.zeros(2000), 1e9),  # amounts that are mostly nothing have no spread to go by
        np.full(50, 7.0),
    ],
)
def test_whatever_else_the_target_is_all_rows_are_learnt_from(target: np.ndarray) -> None:
    assert left(target) == [len(target), 100]
