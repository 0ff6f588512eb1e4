import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from headgate_cli.page import bars, channel, comparison, render, write
from headgate_cli.story import Measure, Road, Story

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Balance(HTMLParser):
    """Checks that every element that is opened is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed(story: Story) -> None:
    parser = Balance()
    parser.feed(render(story))
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids) == len(story.roads)


def test_its_pictures_are_well_formed(story: Story) -> None:
    pictures = re.findall(r"<svg.*?</svg>", render(story), re.DOTALL)
    assert len(pictures) >= 2 * len(story.roads)
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_the_page_refers_to_nothing_outside_itself(story: Story) -> None:
    page = render(story)
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img", page)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {f"#{road.project}" for road in story.roads}


def test_what_comes_from_outside_is_escaped(story: Story, road: Callable[..., Road]) -> None:
    page = render(replace(story, roads=(road(reason="<b>&", file="<i>.csv"),)))
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "<i>" not in page


def test_every_reason_and_outcome_is_told(story: Story) -> None:
    page = render(story)
    for road in story.roads:
        assert road.outcome.replace("_", " ").lower() in page
        assert road.reason in page


@pytest.mark.parametrize("outcome", ["PROMOTED", "NOT_PROMOTED", "REJECTED", "ROLLED_BACK", "FAILED", "SUPERSEDED"])
@pytest.mark.parametrize("tall", [True, False])
def test_water_flows_as_far_as_the_dataset_came(road: Callable[..., Road], outcome: str, tall: bool) -> None:
    made = road(outcome=outcome)
    drawn = channel(made, tall=tall)
    wet = [station for station in drawn.stations if station.at <= drawn.water]
    assert all(station.state != "unreached" for station in wet)
    assert all(station.state == "unreached" for station in drawn.stations if station not in wet)
    assert (drawn.water == drawn.stations[-1].at) == (outcome == "PROMOTED")
    distances = [station.at for station in drawn.stations]
    assert distances == sorted(distances)


@pytest.mark.parametrize(
    ("outcome", "gates"),
    [
        ("PROMOTED", ["open", "open"]),
        ("NOT_PROMOTED", ["open", "closed"]),
        ("REJECTED", ["closed", "closed"]),
        ("ROLLED_BACK", ["open", "open"]),
    ],
)
def test_a_gate_is_open_when_the_dataset_went_through(
    road: Callable[..., Road], outcome: str, gates: list[str]
) -> None:
    drawn = channel(road(outcome=outcome), tall=False)
    assert [station.gate for station in drawn.stations if station.gate] == gates


def test_bars_share_one_scale(measure: Callable[..., Measure]) -> None:
    drawn = {
        bar.label: bar.length
        for bar in bars(measure(metric="rmse", lower_is_better=True, challenger=2.0, champion=3.0, trivial=4.0))
    }
    assert list(drawn) == ["this model", "champion before", "trivial predictor"]
    assert drawn["trivial predictor"] == 2 * drawn["this model"]


def test_a_measure_below_zero_is_an_empty_bar(measure: Callable[..., Measure]) -> None:
    assert bars(measure(metric="r2", challenger=-0.5))[0].length == 0


def test_the_comparison_says_which_side_is_better(measure: Callable[..., Measure]) -> None:
    assert "0.494 better" in comparison(measure())
    assert "0.01 worse than the champion" in comparison(measure(estimate=-0.01, against="champion"))


def test_the_page_is_written_into_a_new_folder(story: Story, tmp_path: Path) -> None:
    path = write(story, tmp_path / "a" / "b")
    assert path.read_text(encoding="utf-8") == render(story)
