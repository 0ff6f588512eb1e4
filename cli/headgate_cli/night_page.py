"""A rehearsal as one self-contained HTML page: timelines, drawn here as geometry, by the template as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate_cli.following import utc_now
from headgate_cli.output import write_page
from headgate_cli.page import templates
from headgate_cli.timeline import Played

_WIDTH, _HEIGHT, _FLOOR = 960.0, 86.0, 122.0
"""Of the picture's drawing area, of its highest bar, and where bars stand."""
_APART = 19.0
"""Between the numbers of moments, so that they can be told apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The requests of one second: from `x` on, `answered` and above it `failed`, as heights."""

    x: float
    width: float
    answered: float
    failed: float


@dataclass(frozen=True, slots=True)
class Pin:
    """A numbered moment: `x` is when it was, `label` where its number stands."""

    number: int
    x: float
    label: float
    kind: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene to draw."""

    bars: tuple[Bar, ...]
    pins: tuple[Pin, ...]
    ticks: tuple[Tick, ...]
    floor: float = _FLOOR
    width: float = _WIDTH


def picture(played: Played) -> Picture:
    """Lay a scene along its time."""
    line = played.timeline
    whole = max(line.seconds, 1.0)
    scale = _WIDTH / whole
    seconds = sorted({*line.answered, *line.failed})
    most = max((line.answered[each] + line.failed[each] for each in seconds), default=1)
    bars = tuple(
        Bar(
            each * scale,
            max(scale - 0.5, 0.5),
            line.answered[each] / most * _HEIGHT,
            line.failed[each] / most * _HEIGHT,
        )
        for each in seconds
    )
    pins: list[Pin] = []
    for number, moment in enumerate(line.moments, start=1):
        x = min(max(moment.seconds, 0.0) * scale, _WIDTH)
        free = max(x, pins[-1].label + _APART) if pins else x
        pins.append(Pin(number, x, free, moment.kind))
    return Picture(bars, _within(pins), _ticks(whole, scale))


def _within(pins: Sequence[Pin]) -> tuple[Pin, ...]:
    """The same pins, none of whose numbers stands beyond the end."""
    kept, end = [], _WIDTH
    for pin in reversed(pins):
        label = min(pin.label, end)
        kept.append(Pin(pin.number, pin.x, label, pin.kind))
        end = label - _APART
    return tuple(reversed(kept))


def _ticks(whole: float, scale: float) -> tuple[Tick, ...]:
    step = next((each for each in (5, 10, 15, 30, 60, 120, 300) if whole / each <= 10), 600)
    return tuple(Tick(at * scale, f"{at} s") for at in range(0, int(whole) + 1, step))


def write(played: Sequence[Played], cloud: str, path: Path) -> Path:
    """Write the page, its folder too if need be.

    Raises:
        UsageError: when it cannot be written there.
    """
    good = sum(each.good for each in played)
    page = templates().get_template("night.html.j2")
    headline = f"{good} of {len(played)} scenes ended as they should" if len(played) > 1 else played[0].ending
    text = page.render(played=played, cloud=cloud, told_at=utc_now(), picture=picture, headline=headline)
    write_page(path, text)
    return path
