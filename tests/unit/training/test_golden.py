"""Golden requests hold nothing of anybody's rows."""

import numpy as np

from headgate_training.encoding import Encoder, fit_encoding
from headgate_training.golden import invent
from headgate_training.spec import Column, Spec
from headgate_training.table import Table

COLUMNS = tuple(
    Column(name, kind)
    for name, kind in [("dose", "numeric"), ("ward", "categorical"), ("seen", "datetime"), ("free", "categorical")]
)


def spec_of(columns: tuple[Column, ...]) -> Spec:
    return Spec(
        target="ill",
        task="binary",
        classes=("no", "yes"),
        positive="yes",
        metric="auc",
        direction="maximize",
        seed=17,
        columns=columns,
    )


def table(rows: int) -> Table:
    random = np.random.default_rng(3)
    return Table(
        random.lognormal(size=(rows, 1)),
        [
            random.choice(["A", "B"], rows).tolist(),
            [f"20{year:02}-03-04T05:06:07" for year in random.integers(10, 30, rows)],
            [f"canary {number}" for number in range(rows)],
        ],
    )


def test_invented_rows_are_no_rows_of_the_data_and_can_be_encoded() -> None:
    spec, given = spec_of(COLUMNS), table(200)
    encoding = fit_encoding(given, spec)
    invented = invent(encoding, spec, 20)
    assert not set(invented.numbers.ravel().tolist()) & set(np.round(given.numbers, 6).ravel().tolist())
    assert set(invented.texts[0]) <= {"A", "B", ""}
    assert set(invented.texts[2]) == {""}  # values seen once have no place in the encoding, nor here
    assert np.isfinite(Encoder(encoding, spec).encode(invented)).all()


def test_they_are_the_same_for_a_seed() -> None:
    spec, given = spec_of(COLUMNS), table(50)
    first, second = (invent(fit_encoding(given, spec), spec, 20) for _ in range(2))
    np.testing.assert_array_equal(first.numbers, second.numbers)
    assert first.texts == second.texts
