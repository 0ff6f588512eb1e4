"""The two pictures of a window's report, as SVG: bins of numbers and bars of categories, training beside now."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from headgate.domain.evidence import legible

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 24
ROW, NAME = 26, 130
_LONGEST = 18


def key() -> str:
    """What the colours mean."""
    colours = (("before", "training"), ("now", "this window"))
    names = "".join(f'<span><i class="key {kind}"></i>{name}</span>' for kind, name in colours)
    return f"<p class=legend>{names}</p>"


def picture(shape: Mapping[str, Any], says: str) -> str:
    """The picture of a shape (`window_report.shape_of`); `says` is for those who hear the page, and escaped."""
    draw = _bars if "names" in shape else _bins
    height, content = draw(shape)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{says}">{content}</svg>'


def _bins(shape: Mapping[str, Any]) -> tuple[int, str]:
    """Bins side by side, each as wide as the others, for each held about the same of the training data."""
    before, now, edges = shape["before"], shape["now"], shape["edges"]
    most = max(*before, *now, 0.01)
    floor, wide = HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / len(before)
    parts = [f'<line class=axis x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>']
    for share in (most / 2, most):
        at = floor - share / most * (floor - TOP)
        parts.append(f'<line class=grid x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor=end>{100 * share:.0f}%</text>')
    for number, (then, found) in enumerate(zip(before, now, strict=True)):
        left = LEFT + number * wide
        title = escape(f"{_range(shape, number)}: {100 * found:.1f}% now, {100 * then:.1f}% in training")
        for kind, share, start in (("before", then, 0.08), ("now", found, 0.5)):
            tall = share / most * (floor - TOP)
            place = (
                f'x="{left + start * wide:.1f}" y="{floor - tall:.1f}" width="{0.42 * wide:.1f}" height="{tall:.1f}"'
            )
            parts.append(f"<rect class={kind} {place}><title>{title}</title></rect>")
    parts += _ends(shape, edges, wide)
    return HEIGHT, "".join(parts)


def _ends(shape: Mapping[str, Any], edges: Sequence[float], wide: float) -> Iterator[str]:
    """Lowest, middle and highest value of the training data below the axis."""
    if shape["low"] is None:
        return
    middle = len(edges) // 2
    marks: list[tuple[float, float, str]] = [(LEFT, shape["low"], "start"), (WIDTH - RIGHT, shape["high"], "end")]
    if edges:
        marks.append((LEFT + (middle + 1) * wide, edges[middle], "middle"))
    for at, value, anchor in marks:
        yield f'<text x="{at:.1f}" y="{HEIGHT - 7}" text-anchor={anchor}>{escape(legible(value, 3))}</text>'


def _range(shape: Mapping[str, Any], number: int) -> str:
    edges = shape["edges"]
    if not edges:
        return "all"
    if number == 0:
        return f"up to {legible(edges[0], 3)}"
    if number == len(edges):
        return f"above {legible(edges[-1], 3)}"
    return f"{legible(edges[number - 1], 3)} to {legible(edges[number], 3)}"


def _bars(shape: Mapping[str, Any]) -> tuple[int, str]:
    most = max(*shape["before"], *shape["now"], 0.01)
    room = WIDTH - NAME - 44
    parts = []
    lines = [line for line in zip(shape["names"], shape["before"], shape["now"], strict=True) if line[1] or line[2]]
    for number, (name, then, found) in enumerate(lines):
        top = 4 + number * ROW
        shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        parts.append(f'<text x="{NAME - 7}" y="{top + 15}" text-anchor=end>{escape(shown)}</text>')
        for kind, share, down in (("before", then, 1), ("now", found, 11)):
            long = max(share / most * room, 1 if share else 0)
            parts.append(f'<rect class={kind} x="{NAME}" y="{top + down}" width="{long:.1f}" height="9"/>')
        at = NAME + max(then, found) / most * room + 5
        parts.append(f'<text x="{at:.1f}" y="{top + 15}">{100 * found:.3g}%</text>')
    return 8 + max(1, len(lines)) * ROW, "".join(parts)
