"""The story as one self-contained HTML page: a picture of each road, drawn here as geometry, by the template as SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from headgate_cli.output import number_text, seconds_text, write_page
from headgate_cli.story import Measure, Road, Story, headline

GATES = ("validate", "judge")
"""The stages that decide whether the water flows on: is the data fit, is the model better."""

_WIDE = (960.0, 60.0)  # length of the road in the picture, and room before its first station
_TALL = (500.0, 30.0)
_BAR_LENGTH = 196.0


@dataclass(frozen=True, slots=True)
class Station:
    """A point on the road. `at` is its distance from the spring; `gate` is `open`, `closed` or empty."""

    name: str
    at: float
    state: str
    caption: str
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A road to draw: its stations, and how far the water came."""

    length: float
    start: float
    stations: tuple[Station, ...]
    water: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; `length` in the chart's units."""

    label: str
    length: float
    text: str
    kind: str


def channel(road: Road, *, tall: bool) -> Channel:
    """Lay the stations along a line: the data's spring, every stage, and the endpoint as the mouth."""
    length, start = _TALL if tall else _WIDE
    step = (length - 2 * start) / (len(road.stretches) + 1)
    stations = [Station("data", start, "passed", "dropped")]
    for number, stretch in enumerate(road.stretches, start=1):
        gate = ""
        if stretch.name in GATES:
            gate = "open" if stretch.state == "passed" else "closed"
        caption = "" if stretch.state == "unreached" else seconds_text(stretch.seconds)
        stations.append(Station(stretch.name, start + number * step, stretch.state, caption, gate))
    mouth = Station(
        "endpoint", length - start, "passed" if road.serves else "unreached", "serves" if road.serves else ""
    )
    reached = [station.at for station in stations if station.state != "unreached"]
    return Channel(length, start, (*stations, mouth), mouth.at if road.serves else reached[-1])


def bars(measure: Measure) -> tuple[Bar, ...]:
    """The model's measure beside those of its rivals, all on one scale that begins at zero."""
    named = [("this model", measure.challenger, "challenger"), ("trivial predictor", measure.trivial, "rival")]
    if measure.champion is not None:
        named.insert(1, ("champion before", measure.champion, "rival"))
    end = max(1.0 if not measure.lower_is_better else 0.0, *(abs(value) for _, value, _ in named)) or 1.0
    return tuple(
        Bar(label, max(value, 0.0) / end * _BAR_LENGTH, number_text(value), kind) for label, value, kind in named
    )


def comparison(measure: Measure) -> str:
    """What the bars mean, in words."""
    rival = "the champion before it" if measure.against == "champion" else "a predictor that always gives one answer"
    side = "better" if measure.estimate > 0 else "worse" if measure.estimate < 0 else "different"
    return (
        f"On {measure.rows} rows it never saw, the model is {number_text(abs(measure.estimate))} {side} than {rival} "
        f"({measure.level:.0%} interval of the gain: {number_text(measure.low)} to {number_text(measure.high)})."
    )


def where_time_went(road: Road) -> Iterator[tuple[str, float, str]]:
    """The share of each stage in the time that all stages took, with its text."""
    total = sum(stretch.seconds for stretch in road.stretches)
    for stretch in road.stretches:
        if total and stretch.seconds:
            yield stretch.name, stretch.seconds / total, seconds_text(stretch.seconds)


def templates() -> Environment:
    """Where pages come from: text is escaped, and a name that is missing is an error."""
    environment = Environment(
        loader=PackageLoader("headgate_cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds_text
    return environment


def render(story: Story) -> str:
    """The page. It refers to nothing outside itself and runs no script."""
    return (
        templates()
        .get_template("story.html.j2")
        .render(
            story=story,
            headline=headline(story),
            channel=channel,
            bars=bars,
            comparison=comparison,
            where_time_went=where_time_went,
        )
    )


def write(story: Story, folder: Path) -> Path:
    """Write the page as `index.html` into a folder, which is made if need be.

    Returns:
        The page's path.

    Raises:
        UsageError: when it cannot be written there.
    """
    path = folder / "index.html"
    write_page(path, render(story))
    return path
