"""Whether groups are told apart more than before: beyond chance, and by enough to matter."""

import numpy as np
import pytest

from headgate.domain.gaps import judge_gaps
from headgate.domain.margins import Margins

Groups = dict[str, tuple[int, int]]
ALIKE: Groups = {"f": (500, 1000), "m": (500, 1000)}


@pytest.mark.parametrize(
    ("now", "before", "widened"),
    [
        (ALIKE, ALIKE, 0.0),
        ({"f": (300, 1000), "m": (500, 1000)}, ALIKE, 0.2),
        ({"f": (300, 1000), "m": (500, 1000)}, {"f": (300, 1000), "m": (500, 1000)}, 0.0),  # as it was
        ({"f": (460, 1000), "m": (540, 1000)}, ALIKE, 0.0),  # sure, and too little to matter
        ({"f": (10, 40), "m": (20, 40)}, ALIKE, 0.0),  # may be chance
        ({"f": (800, 1000), "m": (800, 1000)}, ALIKE, 0.0),  # both alike
    ],
)
def test_a_gap_counts_when_it_grew_beyond_chance_and_by_enough(now: Groups, before: Groups, widened: float) -> None:
    [gap] = judge_gaps({"sex": now}, {"sex": before}, Margins())
    assert gap.widened == pytest.approx(widened)


def test_groups_that_are_new_or_small_are_not_compared() -> None:
    assert judge_gaps({"sex": {"f": (0, 29), "m": (90, 100)}}, {"sex": ALIKE}, Margins()) == []
    assert judge_gaps({"sex": {"x": (0, 100), "m": (90, 100)}}, {"sex": ALIKE}, Margins()) == []


def test_without_any_change_hardly_a_window_says_something() -> None:
    random, said, windows = np.random.default_rng(3), 0, 10_000
    drawn = zip(random.binomial(30, 0.5, (windows, 4)), random.binomial(1000, 0.5, (windows, 4)), strict=True)
    for now, before in drawn:
        seen, was = (
            {str(at): (int(hits), rows) for at, hits in enumerate(each)} for each, rows in ((now, 30), (before, 1000))
        )
        [gap] = judge_gaps({"ward": seen}, {"ward": was}, Margins())
        said += gap.widened > 0
    assert said <= windows / 250
