"""The few kinds of plots that a model card has, as SVG elements of its page. Colours and fonts come from its sheet."""

import math
from collections.abc import Sequence
from html import escape

from headgate_training.wording import MINUS, clipped

Point = tuple[float, float]

WIDTH, HEIGHT = 360, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 16, 46
SIDE = 340
"""Of a heat map, with MARGIN for its numbers."""
MARGIN = 26
LONG = 10_000
"""From here on an axis's numbers have no room beside it as they are."""
UNITS = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))


class Plot:
    """A frame with two axes: what is added is in the units of the data. `says` is for those who hear the page."""

    def __init__(self, says: str, x: tuple[float, float], y: tuple[float, float], names: tuple[str, str]) -> None:
        self._says, self._names = says, names
        self._x, self._y = _widened(*x), _widened(*y)
        self._parts: list[str] = []

    def line(self, points: Sequence[Point], kind: str, name: str) -> None:
        """A line through points, with dots where there are few."""
        path = " ".join(f"{self._across(x):.1f},{self._up(y):.1f}" for x, y in points)
        self._parts.append(f'<polyline class="{kind}" points="{path}"><title>{escape(name)}</title></polyline>')

    def dots(self, points: Sequence[Point], kind: str, names: Sequence[str]) -> None:
        """A dot for each point, with a name that a pointer shows."""
        for (x, y), name in zip(points, names, strict=True):
            place = f'cx="{self._across(x):.1f}" cy="{self._up(y):.1f}"'
            self._parts.append(f'<circle class="{kind}" {place} r="4"><title>{escape(name)}</title></circle>')

    def bars(self, bars: Sequence[tuple[float, float, float]], kind: str) -> None:
        """Bars that stand on 0: from, to, height."""
        floor = self._up(0)
        for low, high, value in bars:
            left, top = self._across(low), self._up(value)
            size = f'width="{max(self._across(high) - left - 1, 0.5):.1f}" height="{max(floor - top, 0):.1f}"'
            self._parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" {size}/>')

    def mark(self, x: float, name: str) -> None:
        """An upright line at a place of the x axis, with its name beside its upper end."""
        at = self._across(x)
        ends = f'x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
        self._parts.append(f'<line class="mark" {ends}/>')
        side, gap = ("end", -5) if at > (LEFT + WIDTH - RIGHT) / 2 else ("start", 5)
        if name:
            where = f'x="{at + gap:.1f}" y="{TOP + 10}" text-anchor="{side}"'
            self._parts.append(f'<text class="halo" {where}>{escape(name)}</text>')

    def draw(self) -> str:
        """The whole plot as one element."""
        floor, end = HEIGHT - BOTTOM, WIDTH - RIGHT
        grid = [f'<line class="axis" x1="{LEFT}" x2="{end}" y1="{floor}" y2="{floor}"/>']
        for tick, name in _named(_ticks(*self._x)):
            across = f"{self._across(tick):.1f}"
            grid.append(f'<text class="tick" x="{across}" y="{floor + 18}" text-anchor="middle">{name}</text>')
        for tick, name in _named(_ticks(*self._y)):
            at = self._up(tick)
            grid.append(f'<line class="grid" x1="{LEFT}" x2="{end}" y1="{at:.1f}" y2="{at:.1f}"/>')
            grid.append(f'<text class="tick" x="{LEFT - 6}" y="{at + 4.5:.1f}" text-anchor="end">{name}</text>')
        x_name, y_name = (escape(name) for name in self._names)
        middle = (floor + TOP) / 2
        labels = (
            f'<text class="label" x="{(LEFT + end) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{x_name}</text>'
            f'<text class="label" transform="translate(15 {middle}) rotate(-90)" text-anchor="middle">{y_name}</text>'
        )
        content = "".join(grid + self._parts) + labels
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self._says)}">{content}</svg>'

    def _across(self, x: float) -> float:
        low, high = self._x
        return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def _up(self, y: float) -> float:
        low, high = self._y
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def heat_map(says: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """A square of cells, true classes down and told ones across, as dark as their share of the true class."""
    size = (SIDE - MARGIN) / len(counts)
    every = 1 if len(counts) <= 15 else 5
    parts = [f'<rect class="frame" x="{MARGIN}" y="{MARGIN}" width="{SIDE - MARGIN}" height="{SIDE - MARGIN}"/>']
    for true, row in enumerate(counts):
        at, whole = MARGIN + true * size, max(sum(row), 1)
        if (true + 1) % every == 0 or true == 0:
            middle = at + size / 2
            parts.append(
                f'<text class="tick" x="{MARGIN - 5}" y="{middle + 4:.1f}" text-anchor="end">{true + 1}</text>'
            )
            parts.append(f'<text class="tick" x="{middle:.1f}" y="{MARGIN - 6}" text-anchor="middle">{true + 1}</text>')
        for told, count in enumerate(row):
            if count:
                place = f'x="{MARGIN + told * size:.1f}" y="{at:.1f}" width="{size:.1f}" height="{size:.1f}"'
                title = f"true {clipped(names[true])}, told {clipped(names[told])}: {count} rows"
                dark = f'fill-opacity="{0.12 + 0.88 * count / whole:.2f}"'
                parts.append(f'<rect class="challenger" {place} {dark}><title>{escape(title)}</title></rect>')
    return f'<svg viewBox="0 0 {SIDE + 2} {SIDE + 2}" role="img" aria-label="{escape(says)}">{"".join(parts)}</svg>'


def _widened(low: float, high: float) -> tuple[float, float]:
    enough = 1e-9 * (abs(low) + abs(high)) + 1e-30
    return (low, high) if high - low > enough else (low - 0.5 - enough, high + 0.5 + enough)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from low to high."""
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = -(-low // step)
    return [number * step for number in range(int(first), int(high / step + 1e-9) + 1)]


def _named(ticks: Sequence[float]) -> list[tuple[float, str]]:
    """Places on an axis in few letters, all in one unit: 0.2; 40; 50k and 100k; 1.5M."""
    largest = max(map(abs, ticks), default=0.0)
    size, letter = next(unit for unit in UNITS if largest >= unit[0]) if largest >= LONG else (1.0, "")
    return [(tick, f"{tick / size:.4g}{letter if tick else ''}".replace("-", MINUS)) for tick in ticks]
