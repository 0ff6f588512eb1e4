"""Which captured files make the next window: each is read once, though files come late and are many."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.names import Project
from headgate.domain.window import MOST_REMEMBERED, File, Window, done_with, taken

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
LONGEST = Project("t" * 18, "p" * 30)


def file(minute: int, number: int = 0) -> File:
    at = START + timedelta(minutes=minute)
    place = f"{LONGEST.captured(LONGEST.release_name(12345))}{LONGEST.endpoint}/main/{at:%Y/%m/%d/%H}/"
    return File(f"{place}{at:%M-%S}-{number:03}-6b3f6c56-7f4c-4d3c-9a52-0123456789ab.jsonl", 10, f"{at:%Y-%m-%dT%H:%M}")


def window_of(files: list[File], last: Window | None) -> Window:
    cursor, read = done_with(files, last)
    return Window(1, 1, "", "", "", "", 0, 0, 0, cursor, "", read)


def read_by_looks(looks: list[list[File]]) -> list[str]:
    """What looks read, each of which finds what came until then."""
    there, read, last = list[File](), list[str](), None
    for came in looks:
        there += came
        if chosen := taken(there, last, 10**9):
            read += [each.key for each in chosen]
            last = window_of(chosen, last)
    return read


@given(st.lists(st.lists(st.integers(0, 59), max_size=5), max_size=8))
def test_what_comes_within_the_hour_is_read_once_in_whatever_order(minutes: list[list[int]]) -> None:
    looks = [[file(minute, 10 * at + each) for each, minute in enumerate(came)] for at, came in enumerate(minutes)]
    assert sorted(read_by_looks(looks)) == sorted(each.key for came in looks for each in came)


def test_a_file_that_comes_after_its_hour_is_read_too() -> None:
    looks = [[file(58)], [file(61)], [file(59)], [file(125)], [file(30)]]
    assert read_by_looks(looks) == [file(minute).key for minute in (58, 61, 59, 125)]


def test_files_that_are_too_many_to_be_remembered_are_not_read_again() -> None:
    looks = [[file(1, number) for number in range(2 * MOST_REMEMBERED)], [file(2)], [file(3)], [file(4)]]
    read = read_by_looks(looks)
    assert (len(read), len(set(read))) == (2 * MOST_REMEMBERED + 3,) * 2


def test_what_is_remembered_has_room_in_an_item_of_the_ledger() -> None:
    read = window_of([file(1, number) for number in range(2 * MOST_REMEMBERED)], None).read
    assert sum(len(key) + 3 for key in read) < 300 * 1024


def test_what_there_is_no_room_for_is_left_to_the_next_window() -> None:
    files = [file(minute) for minute in range(5)]
    first = taken(files, None, 25)
    assert first == files[:2]
    assert taken(files, window_of(first, None), 1) == files[2:3]
