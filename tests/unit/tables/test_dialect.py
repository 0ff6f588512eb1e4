"""How a CSV file is written, guessed from its beginning."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.tables.dialect import detect

cells = st.text(alphabet='ab1 .,;\t|"\n', min_size=1, max_size=6).filter(lambda cell: cell.strip() != "")
names = st.lists(st.text(alphabet="abcXYZ", min_size=1, max_size=5), min_size=2, max_size=5)


@given(
    names=names, rows=st.lists(st.lists(cells, min_size=5, max_size=5), max_size=5), delimiter=st.sampled_from(",;\t|")
)
def test_what_a_writer_wrote_is_found_again(names: list[str], rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *(row[: len(names)] for row in rows)])
    found = detect(text.getvalue().encode())
    assert (found.delimiter, found.names) == (delimiter, tuple(names))


@given(st.binary(max_size=500))
def test_any_beginning_gives_an_answer(head: bytes) -> None:
    if head.decode("utf-8", errors="ignore").strip("\r\n"):
        assert detect(head).names


@pytest.mark.parametrize(
    ("text", "decimal", "numbers"),
    [
        ("a;b\n1,5;x\n2,25;y\n", ",", (True, False)),
        ("a;b\n1.5;x\n2.25;y\n", ".", (True, False)),
        ("a;b\n1,5 and more;2\nx,y;3\n", ".", (False, True)),
        ('a,b\n"1,5",2\n', ".", (False, True)),
        ("a,b\n,\nNA,1\n", ".", (True, True)),
        ("a;b\n1.234,5;1.234\n12,25;12\n", ",", (True, True)),
        ("a;b\n1.234.567,5;x\n-1.000,00;y\n", ",", (True, False)),
        ("a;b\n1.23,5;1\n12,25;2\n", ".", (False, True)),
    ],
)
def test_decimal_commas_are_told_from_text(text: str, decimal: str, numbers: tuple[bool, ...]) -> None:
    found = detect(text.encode())
    assert (found.decimal, found.numbers) == (decimal, numbers)


def test_a_column_without_name_gets_one() -> None:
    assert detect(b"a,, c \n1,2,3\n").names == ("a", "column_2", "c")


def test_a_first_row_is_told_from_names() -> None:
    rows = b"44,yes\n51,no\n38,yes\n44,no\n" * 10
    assert detect(b"age,ill\n" + rows).named
    assert not detect(rows).named


def test_joined_files_that_repeat_their_names_have_names() -> None:
    part = b"colour,verdict\nred,good\nblue,bad\n"
    assert detect(part * 100).named
