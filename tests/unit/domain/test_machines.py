"""Which machine has room for what."""

import pytest

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.machines import machine_that_trains, memory_of, training_memory

NUMBERS = [("numeric", 1_000_000)] * 20


@pytest.mark.parametrize(
    ("machine", "gigabytes"),
    [
        ("ml.m5.large", 8),
        ("ml.m5d.24xlarge", 384),
        ("ml.c5.18xlarge", 144),
        ("ml.c4.xlarge", 7.5),
        ("ml.p3.2xlarge", 61),
        ("ml.r5.large", 16),
        ("ml.g4dn.xlarge", 16),
        ("ml.t3.medium", None),
    ],
)
def test_a_machine_tells_its_memory(machine: str, gigabytes: float | None) -> None:
    assert memory_of(machine) == gigabytes


@pytest.mark.parametrize(
    ("rows", "columns", "measured"),
    [
        (100_000, NUMBERS, 0.9),
        (1_200_000, NUMBERS, 2.5),
        (400_000, [("categorical", 3)] * 20, 1.6),
        (600_000, [("categorical", 20)] * 20, 4.5),
        (400_000, [("categorical", 200)] * 20, 1.6),
        (300_000, [("text", 300_000)] * 2, 3.5),
    ],
)
def test_the_memory_of_a_training_is_no_less_than_was_measured_and_not_half_as_much_again(
    rows: int, columns: list[tuple[str, int]], measured: float
) -> None:
    assert measured <= training_memory(rows, columns) <= 1.5 * measured


@pytest.mark.parametrize(
    ("named", "rows", "machine"),
    [
        ("ml.m5.large", 1_000_000, "ml.m5.large"),
        ("ml.m5.large", 5_000_000, "ml.m5.xlarge"),
        ("ml.m5.large", 80_000_000, "ml.m5.12xlarge"),  # some 10 GB of CSV
        ("ml.c5.large", 5_000_000, "ml.m5.xlarge"),
        ("ml.r5.2xlarge", 5_000_000, "ml.r5.2xlarge"),
        ("ml.t3.medium", 80_000_000, "ml.t3.medium"),  # nobody here knows what it has
    ],
)
def test_rows_are_trained_on_where_they_fit(named: str, rows: int, machine: str) -> None:
    assert machine_that_trains(named, False, training_memory(rows, NUMBERS)) == machine


@pytest.mark.parametrize(
    ("chosen", "rows", "said"),
    [
        (True, 5_000_000, "about 9 GB, and ml.m5.large has 8. Name ml.m5.xlarge or a larger one"),
        (True, 400_000_000, "about 641 GB of ml.m5.24xlarge's 384. Train on a sample"),
        (False, 400_000_000, "about 641 GB of ml.m5.24xlarge's 384. Train on a sample"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_what_to_do(chosen: bool, rows: int, said: str) -> None:
    with pytest.raises(DatasetRefusedError, match=said) as refused:
        machine_that_trains("ml.m5.large", chosen, training_memory(rows, NUMBERS))
    assert refused.value.reason_code == "TOO_LARGE_TO_TRAIN"
