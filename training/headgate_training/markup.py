"""The pieces that a model card's page is made of. Every text from outside is escaped here, or by whoever makes Html."""

from collections.abc import Iterable, Sequence
from html import escape

SHOWN = 12
"""Rows of a long table before the rest is folded away."""
WIDE, WIDER = 4, 5
"""A table of so many columns does not fit a phone: it keeps its width and is scrolled."""


class Html(str):
    """A text that is HTML already."""


def html(text: str) -> Html:
    """A text as HTML."""
    return text if isinstance(text, Html) else Html(escape(text))


def section(title: str, content: str, kind: str = "") -> str:
    """A part of the page under a heading; nothing without content."""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<section{of_kind}><h2>{html(title)}</h2>{content}</section>" if content else ""


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{html(text)}</p>"


def part(title: str, content: str) -> str:
    """A part of a section under a smaller heading; nothing without content."""
    return f"<h3>{html(title)}</h3>{content}" if content else ""


def folded(title: str, content: str) -> str:
    """What only some want to read; paper shows it all the same."""
    return f"<details><summary>{html(title)}</summary>{content}</details>" if content else ""


def table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table whose first column names its rows; nothing without rows.

    ``title`` is for those who hear the page, ``numbers`` are the columns that stand right. What exceeds SHOWN rows is
    folded away.
    """
    lines = [_line(row, numbers) for row in rows]
    if not lines:
        return ""
    head = "".join(f"<th scope=col{_right(at, numbers)}>{html(name)}</th>" for at, name in enumerate(names))
    wide = " wider" if len(names) >= WIDER else " wide" if len(names) >= WIDE else ""
    few, rest = (lines, []) if len(lines) <= SHOWN + 3 else (lines[:SHOWN], lines[SHOWN:])
    text = framed(title, f'<table class="facts{wide}"><thead><tr>{head}</tr></thead>{"".join(few)}</table>')
    more = f'<table class="facts{wide}"><thead><tr>{head}</tr></thead>{"".join(rest)}</table>'
    return text + (folded(f"{len(rest)} more", framed(f"{title}, the rest", more)) if rest else "")


def framed(title: str, wide: str) -> str:
    """What may be wider than the page: it is scrolled by itself, with the keyboard too."""
    return f'<div class=scroll role=region tabindex=0 aria-label="{html(title)}">{wide}</div>'


def figure(title: str, picture: str, says: str, keys: Iterable[tuple[str, str]] = (), *, is_broad: bool = False) -> str:
    """A picture with its key (kind of line and name) above and its sentence below; a broad one has no neighbour."""
    names = "".join(f'<span><i class="key {kind}"></i>{html(name)}</span>' for kind, name in keys)
    said = f"<figcaption>{html(says)}</figcaption>"
    kind = " class=broad" if is_broad else ""
    return f"<figure{kind}><h3>{html(title)}</h3><div class=legend>{names}</div>{picture}{said}</figure>"


def _line(row: Sequence[str], numbers: Sequence[int]) -> str:
    first, *others = row
    cells = "".join(f"<td{_right(at, numbers)}>{html(cell)}</td>" for at, cell in enumerate(others, start=1))
    return f"<tr><th scope=row>{html(first)}</th>{cells}</tr>"


def _right(at: int, numbers: Sequence[int]) -> str:
    return " class=n" if at in numbers else ""
