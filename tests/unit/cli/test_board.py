import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rich.console import Console

from headgate.domain.names import Project
from headgate.domain.runs import Run
from headgate_cli.board import show_until_ended
from headgate_cli.following import Progress
from headgate_cli.runs import RunRef
from headgate_cli.stages import Stage

REF = RunRef(Project("demo", "iris"), "aaaaaaaaaa")
MOMENT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.fixture
def looks(make_run: Callable[..., Run]) -> list[list[Progress]]:
    """A run that waits, validates, and is refused."""
    validate = Stage("validate", "Validate The Dataset", MOMENT, 0.5)
    waiting, running = make_run("aaaaaaaaaa"), make_run("aaaaaaaaaa", state="RUNNING")
    ended = make_run("aaaaaaaaaa", state="REJECTED", reason="Row 3 [is] cut off.")
    return [
        [Progress(REF)],
        [Progress(REF, waiting, note="waits for x", waits=True)],
        [Progress(REF, running, (Stage("validate", "Validate The Dataset", MOMENT, 0, running=True),))],
        [Progress(REF, ended, (validate,), "", "SUCCEEDED")],
    ]


def test_where_nobody_watches_each_change_is_one_line(looks: list[list[Progress]]) -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    last = show_until_ended([look for look in looks for _ in range(3)], console)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "iris: waits for x",
        "iris: validate 0.5 s",
        "iris: REJECTED. Row 3 [is] cut off.",
    ]
    assert last == looks[-1]


def test_on_a_terminal_the_end_stays_to_be_read(looks: list[list[Progress]]) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    show_until_ended([look * 2 for look in looks], console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "rejected" in shown
    assert "Row 3 [is] cut off." in shown
