"""Golden requests hold nothing of anybody's rows."""

import numpy as np
import pytest

from headgate_training.encoding import Encoder
from headgate_training.encoding_fit import fit_encoding
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


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e9, 1e305])
def test_numbers_of_any_size_are_invented_in_their_own_size_and_finite(size: float) -> None:
    spec = spec_of((Column("dose", "numeric"),))
    given = Table(size * np.linspace(-100, 100, 50)[:, None], [])
    invented = invent(fit_encoding(given, spec), spec, 20).numbers
    told = invented[~np.isnan(invented)]
    assert np.isfinite(told).all()
    assert len(np.unique(told)) == len(told)
    assert 10 * size < np.abs(told).max() < 1000 * size


def test_invented_dates_lie_where_those_of_the_data_do() -> None:
    spec = spec_of((Column("seen", "datetime"),))
    given = Table(np.empty((60, 0)), [[f"{year}-07-01" for year in range(1850, 1910)]])
    (dates,) = invent(fit_encoding(given, spec), spec, 20).texts
    years = {int(date[:4]) for date in dates if date}
    assert min(years) > 1600
    assert 1800 < sorted(years)[len(years) // 2] < 1960
