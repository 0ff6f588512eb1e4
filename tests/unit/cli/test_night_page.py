"""Timelines of rehearsals: what is drawn, and what the page says."""

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from headgate_cli.night_page import picture, write
from headgate_cli.timeline import Played, Timeline

SECONDS = st.lists(st.floats(-1, 600, allow_nan=False), max_size=40)
REQUESTS = st.dictionaries(st.integers(0, 600), st.integers(1, 50), max_size=40)


def line_of(seconds: list[float]) -> Timeline:
    line = Timeline("bad-model", "iris", lambda _: None)
    for number, each in enumerate(seconds):
        line.note("alarm", f"moment {number}", (line.began + timedelta(seconds=each)).isoformat())
    return line


@given(seconds=SECONDS, answered=REQUESTS, failed=REQUESTS)
def test_everything_is_drawn_within_the_picture_and_in_the_order_of_time(
    seconds: list[float], answered: dict[int, int], failed: dict[int, int]
) -> None:
    line = line_of(seconds)
    line.answered.update(answered)
    line.failed.update(failed)
    drawn = picture(Played(line, good=True, ending="It serves."))
    assert [pin.number for pin in drawn.pins] == list(range(1, len(seconds) + 1))
    assert all(0 <= pin.x <= drawn.width for pin in drawn.pins)
    assert [pin.x for pin in drawn.pins] == sorted(pin.x for pin in drawn.pins)
    assert all(after.label - before.label > 18 for before, after in zip(drawn.pins, drawn.pins[1:], strict=False))
    assert len(drawn.bars) == len({*answered, *failed})
    for bar in drawn.bars:
        assert 0 <= bar.x < drawn.width
        assert bar.answered + bar.failed <= 86.001


def test_moments_of_the_ledger_take_their_place_among_those_seen() -> None:
    line = line_of([5.0, 1.0])
    assert [each.text for each in line.moments] == ["moment 1", "moment 0"]
    line.request(answered=True)
    line.request(answered=False)
    document = Played(line, good=False, ending="Nobody came.", seconds={"decided": 1.5}).document
    assert document["requests"] == {"answered": 1, "failed": 1}
    assert document["seconds"] == {"decided": 1.5, "scene": 5.0}


def test_what_came_from_outside_is_text_on_the_page(tmp_path: Path) -> None:
    line = line_of([])
    line.note("alarm", "<script>alert(1)</script>")
    page = write([Played(line, good=True, ending="It <b>serves</b>.")], "local cloud", tmp_path / "a" / "page.html")
    text = page.read_text()
    assert "<script" not in text
    assert "It &lt;b&gt;serves&lt;/b&gt;." in text
