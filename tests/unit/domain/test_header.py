"""Whether a first record is a row: what is in doubt must not be told, and real names must not be refused."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.header import is_row, no_header

Column = Callable[[random.Random, int], object]
PEOPLE: tuple[Column, ...] = (
    lambda rand, row: f"Person {row}",
    lambda rand, row: rand.randrange(20, 80),
    lambda rand, row: rand.randrange(2),
    lambda rand, row: rand.randrange(3),
    lambda rand, row: rand.choice(["yes", "no"]),
)
MEASURED: tuple[Column, ...] = tuple(lambda rand, row: round(rand.gauss(0, 1), 3) for _ in range(5))
SALES: tuple[Column, ...] = (
    lambda rand, row: f"Region {row}",
    *(lambda rand, row: rand.randrange(100_000) for _ in range(3)),
)
CATEGORIES: tuple[Column, ...] = (
    lambda rand, row: rand.choice(["red", "green", "blue"]),
    lambda rand, row: rand.choice("SML"),
    lambda rand, row: rand.choice(["good", "bad"]),
)
STOCK: tuple[Column, ...] = (lambda rand, row: f"2026-01-{row % 28 + 1:02}", lambda rand, row: 100 + row)


def below(columns: tuple[Column, ...], rows: int = 100) -> list[list[str]]:
    rand = random.Random(11)
    return [[str(make(rand, row)) for row in range(rows)] for make in columns]


@pytest.mark.parametrize(
    ("first", "columns"),
    [
        (["Jane Doe", "44", "0", "0", "yes"], PEOPLE),
        (["Jane Doe", "44", "0", "1", "yes"], PEOPLE),
        (["Jane Doe", "44", "1", "2", ""], PEOPLE),
        (["Jane Doe", "n/k", "0", "0", "yes"], PEOPLE),
        (["Jane Doe", " 44 ", "NA", "?", "no"], PEOPLE),
        (["0.27", "-1.2", "0.5", "1.1", "-0.4"], MEASURED),
        (["nan", "-1.2", "0.5", "1.1", "-0.4"], MEASURED),
        (["0.27", "-1.2", "0.5", "1.1", "60"], MEASURED),
        (["North", "12000", "150", "90000"], SALES),
        (["red", "M", "good"], CATEGORIES),
        (["red", "XL", "good"], CATEGORIES),
        (["2026-01-02", "99"], STOCK),
        (["19-Sep-03", "29.76"], (lambda rand, row: f"{row % 28 + 1}-Aug-03", lambda rand, row: row / 100)),
    ],
)
def test_a_row_is_known_by_those_below_it(first: list[str], columns: tuple[Column, ...]) -> None:
    assert is_row(first, below(columns))


@pytest.mark.parametrize(
    ("first", "columns"),
    [
        (["name", "age", "smoker", "visits", "ill"], PEOPLE),
        (["", "age", "0", "1", "ill"], PEOPLE),
        (["name", "age", "0", "0", "ill"], PEOPLE),  # refused by its own reason: two columns have one name
        (["0", "1", "2", "3", "4"], MEASURED),
        (["400.5", "401", "401.5", "402", "402.5"], MEASURED),
        (["400.5", "411", "420.5", "437", "451.5"], MEASURED),
        (["y", "0.1", "0.2", "0.5", "0.9"], MEASURED),
        (["region", "2019", "2020", "2021"], SALES),
        (["region", "2010", "2015", "2021"], SALES),
        (["region", "2019", "2020", "growth"], SALES),
        (["region", "2019-01", "2019-02", "2019-03"], SALES),
        (["colour", "size", "verdict"], CATEGORIES),
        (["colour", "size", "good"], CATEGORIES),
        (["day", "price"], STOCK),
        (["", ""], STOCK),
    ],
)
def test_names_are_names_even_where_they_are_numbers(first: list[str], columns: tuple[Column, ...]) -> None:
    assert not is_row(first, below(columns))


def test_a_name_that_stands_among_the_values_once_is_a_name() -> None:
    # As where two files were joined and the second one's names differ in one place.
    columns = below(CATEGORIES)
    for column, name in zip(columns, ("colour", "size", "verdict"), strict=True):
        column[50] = name
    assert not is_row(["colour", "size", "verdict"], columns)


@pytest.mark.parametrize(("first", "row"), [(["Jane Doe", "44", "0", "0"], True), (["name", "age", "y", "z"], False)])
def test_a_single_record_is_judged_alone(first: list[str], row: bool) -> None:
    assert is_row(first, [[] for _ in first]) is row


def test_the_decimal_sign_counts() -> None:
    columns = [[f"{number},5" for number in range(100)], ["a"] * 50 + ["b"] * 50]
    assert is_row(["44,5", "x y"], [columns[0], [f"text {n}" for n in range(100)]], ",")
    assert not is_row(["weight", "group"], columns, ",")


@given(st.data())
def test_any_cells_get_an_answer(data: st.DataObject) -> None:
    cell = st.text(max_size=6) | st.floats().map(str) | st.sampled_from(["", "NA", "2019", "1e999"])
    first = data.draw(st.lists(cell, min_size=1, max_size=5))
    columns = [data.draw(st.lists(cell, max_size=12)) for _ in first]
    assert is_row(first, columns) in (True, False)


@given(st.lists(st.from_regex(r"[a-z_]{3,12}", fullmatch=True), min_size=5, max_size=5, unique=True))
def test_words_over_numbers_are_names_always(names: list[str]) -> None:
    names = [name if name not in ("nan", "inf", "null", "infinity") else "x" for name in names]
    assert not is_row(names, below(MEASURED))


def test_the_refusal_quotes_nothing_and_says_what_to_do() -> None:
    refusal = no_header()
    assert refusal.reason_code == "NO_HEADER"
    assert "Put a line with a name for each column" in str(refusal)
