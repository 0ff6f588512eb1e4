"""How lists and facts look to people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_WHOLE = ("run", "version", "release", "incident", "at", "arrived", "registered", "state", "outcome")
"""Columns whose values are copied, or make no sense in pieces."""


def facts(console: Console, named: Mapping[str, RenderableType | None]) -> None:
    """Print names and values below each other; what is empty is left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in named.items():
        if value not in (None, ""):
            table.add_row(name, _cell(value))
    console.print(table)


def rows(console: Console, columns: Sequence[str], lines: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` when there is nothing in it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for line in lines:
        table.add_row(*map(_cell, line))
    if table.row_count:
        console.print(table)
    else:
        console.print(empty, markup=False)


def _cell(value: Any) -> RenderableType:
    """Text as it is: brackets in data are not markup."""
    return value if isinstance(value, Text) else Text("" if value is None else str(value))
