"""A trail that is as it was written has no flaw; whatever is done to it is found, and where."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.audit import Author, Change, Copy, Entry, TrailHead, difference, digest, entry, flaws, uncopied

CHAIN = "demo#iris"
ADA = Author("user/ada", "2026-01-01T00:00:00.000Z")


def trail(length: int) -> list[Entry]:
    """A trail of so many entries, each of which moves a release."""
    entries: list[Entry] = []
    for number in range(1, length + 1):
        head = TrailHead(entries[-1].sequence, entries[-1].hash) if entries else TrailHead()
        change = Change("RELEASE#1", {"at": number - 1}, {"at": number})
        entries.append(entry(CHAIN, head, ADA, ["release moved"], [change], "Its plan says so."))
    return entries


def head_of(entries: list[Entry]) -> TrailHead:
    return TrailHead(entries[-1].sequence, entries[-1].hash)


def resealed(kept: Entry, **changes: object) -> Entry:
    """An entry that says something else, under a hash that fits."""
    text = json.dumps(json.loads(kept.text) | changes, sort_keys=True, separators=(",", ":"))
    return Entry(kept.sequence, text, digest(text))


def removed(entries: list[Entry]) -> list[Entry]:
    return entries[:2] + entries[3:]


def altered(entries: list[Entry]) -> list[Entry]:
    return [replace(each, text=each.text.replace("ada", "bob")) if each.sequence == 3 else each for each in entries]


def forged(entries: list[Entry]) -> list[Entry]:
    return [resealed(each, who="user/bob") if each.sequence == 3 else each for each in entries]


def swapped(entries: list[Entry]) -> list[Entry]:
    third, fourth = entries[2], entries[3]
    return [*entries[:2], replace(fourth, sequence=3), replace(third, sequence=4), *entries[4:]]


def cut(entries: list[Entry]) -> list[Entry]:
    return entries[:2]


def lengthened(entries: list[Entry]) -> list[Entry]:
    return [*entries, entry(CHAIN, head_of(entries), ADA, ["run ended"], [Change("RUN#a", {}, {"state": "X"})], "So.")]


@pytest.mark.parametrize(
    ("tamper", "first", "said"),
    [
        (removed, 3, "is missing"),
        (altered, 3, "was altered"),
        (forged, 4, "does not follow"),
        (swapped, 3, "was moved"),
        (cut, 3, "and all up to 5 are missing"),
        (lengthened, 6, "the trail's head names entry 5"),
    ],
)
def test_tampering_is_found_where_it_happened(tamper: Callable[..., list[Entry]], first: int, said: str) -> None:
    entries = trail(5)
    found = flaws(CHAIN, tamper(entries), head_of(entries))
    assert (found[0].sequence, said in found[0].what) == (first, True), found


def test_a_locked_copy_tells_what_was_altered_and_that_all_was_written_anew() -> None:
    entries = trail(5)
    copies = {each.sequence: Copy(each.text) for each in entries}
    found = flaws(CHAIN, forged(entries), head_of(entries), copies)
    assert (found[0].sequence, found[0].what) == (3, "differs from its locked copy in who")
    assert "ada" not in str(found)
    anew = trail(2)
    for number in (3, 4, 5):
        anew.append(entry(CHAIN, head_of(anew), ADA, ["release moved"], [Change("X", {}, {"n": number})], "No."))
    assert flaws(CHAIN, anew, head_of(anew)) == []
    assert flaws(CHAIN, anew, head_of(anew), copies)[0].sequence == 3
    assert [each.sequence for each in flaws(CHAIN, trail(3), head_of(trail(3)), copies)] == [4]


@given(length=st.integers(1, 8), at=st.integers(0, 2000), other=st.characters(codec="utf-8"))
def test_no_character_of_an_entry_can_be_another(length: int, at: int, other: str) -> None:
    entries = trail(length)
    assert flaws(CHAIN, entries, head_of(entries)) == []
    number, text = at % length, entries[at % length].text
    changed = text[: at % len(text)] + other + text[at % len(text) + 1 :]
    tampered = [replace(each, text=changed) if each is entries[number] else each for each in entries]
    found = flaws(CHAIN, tampered, head_of(entries))
    assert (found == []) == (changed == text)
    assert all(flaw.sequence >= number + 1 for flaw in found)


@pytest.mark.parametrize(("copied", "first"), [(0, [1]), (2, [3]), (3, []), (None, [1])])
def test_the_end_of_a_trail_that_was_not_copied_in_time_is_told(copied: int | None, first: list[int]) -> None:
    entries = trail(3)
    copies = {each.sequence: Copy(each.text) for each in entries if each.sequence <= (copied or 0)}
    assert flaws(CHAIN, entries, head_of(entries), copies, due=ADA.at) == []  # moments ago
    late = flaws(CHAIN, entries, head_of(entries), copies if copied is not None else None, due="2026-01-02")
    assert [each.sequence for each in late] == first
    only_last = {3: Copy(entries[2].text)}  # whose hash vouches for those before it
    assert flaws(CHAIN, entries, head_of(entries), only_last, due="2026-01-02") == []


def test_entries_without_a_copy_are_counted() -> None:
    entries = trail(3)
    assert uncopied(entries, {1: Copy(entries[0].text)}) == [2, 3]


def test_a_change_tells_what_differs_and_no_task_token() -> None:
    before = {"pk": "demo#iris", "sk": "RUN#a", "state": "RUNNING", "approval": {"package": "p", "token": "old"}}
    change = difference("RUN#a", before, {"state": "PROMOTED", "approval": {"package": "p", "token": "new"}, "x": None})
    assert change == Change("RUN#a", {"state": "RUNNING"}, {"state": "PROMOTED"})
    assert difference("RUN#a", before, {"state": "RUNNING"}) is None


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ({"reason": "Not better."}, "Not better."),
        ({"freeze": {"why": "Holidays."}}, "Holidays."),
        ({"condemned": {"why": "It failed."}}, "It failed."),
        ({"state": "RUNNING"}, "It is its turn."),
    ],
)
def test_the_reason_that_a_change_gives_itself_counts(after: dict[str, object], why: str) -> None:
    new = entry(CHAIN, TrailHead(), ADA, ["run ended"], [Change("RUN#a", {}, after)], "It is its turn.")
    assert json.loads(new.text)["why"] == why
