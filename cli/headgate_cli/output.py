"""The one place that turns results into text for people or into JSON for programs.

With `--json` stdout carries exactly one JSON document. Without it stdout carries the result as text. Progress and
notes always go to stderr, so that both can be piped.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from headgate.domain.evidence import legible
from headgate.domain.names import Project
from headgate_cli.errors import UsageError

_PIPE_WIDTH = 1000


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


def _stdout() -> Console:
    # A pipe has no edge at which lines would have to be folded: there a row of a table stays on one line.
    return Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command speaks to: `as_json` for programs, otherwise for people."""

    as_json: bool
    notes: Console = field(default_factory=_stderr)

    def note(self, text: str) -> None:
        """Tell people something on the way; never part of the result."""
        self.notes.print(text, markup=False, soft_wrap=True)

    def result(self, document: Mapping[str, Any], show: Callable[[Console], None]) -> None:
        """Give the result once: the document to a program, or what `show` prints to a person."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
        else:
            show(_stdout())


def write_page(path: Path, page: str | bytes) -> None:
    """Write a page into a file, in place of an older one; its folder is made if need be.

    Raises:
        UsageError: when it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page if isinstance(page, bytes) else page.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def seconds_text(seconds: float) -> str:
    """A duration as people read it: 40 ms, 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with what is counted: 1 label, 2 labels."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def name_of(whose: Project | str) -> str:
    """A project with its tenant, or a tenant, as people read it."""
    return whose if isinstance(whose, str) else f"{whose.tenant}/{whose.name}"


def moment_text(moment: str | None) -> str:
    """A moment of the ledger or of AWS (ISO 8601 in UTC) as people read it."""
    return moment[:19].replace("T", " ") if moment else ""


def share_text(share: float) -> str:
    """A probability as people read it; what is nearly sure is not called certain."""
    return ">99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def number_text(value: float) -> str:
    """A measure with four significant digits, without an exponent where that can be read."""
    return legible(value, 4)
