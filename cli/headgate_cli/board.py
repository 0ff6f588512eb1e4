"""Live progress of runs on stderr: a moving table on a terminal, plain lines everywhere else."""

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from headgate_cli.following import Progress, utc_now
from headgate_cli.output import seconds_text

OUTCOME_STYLES = {
    "PROMOTED": "bold green",
    "REJECTED": "bold red",
    "NOT_PROMOTED": "bold yellow",
    "ROLLED_BACK": "bold red",
    "SUPERSEDED": "bold yellow",
    "FAILED": "bold red",
}
_MARKS = {"PROMOTED": "✓", "REJECTED": "✗", "FAILED": "✗", "ROLLED_BACK": "↺"}


def show_until_ended(looks: Iterable[list[Progress]], console: Console) -> list[Progress]:
    """Show every look at the runs as it comes.

    Returns:
        The last look, in which every run has ended.
    """
    last: list[Progress] = []
    if console.is_terminal:
        board = _Board()
        with Live(board, console=console, refresh_per_second=10, transient=False):
            for last in looks:
                board.progress = last
        return last
    told: set[tuple[str, str]] = set()
    for last in looks:
        for progress in last:
            for line in _lines(progress):
                if (progress.ref.run, line) not in told:
                    told.add((progress.ref.run, line))
                    console.print(f"{_title(progress)}: {line}", markup=False, soft_wrap=True)
    return last


class _Board:
    """A row for each run; rich asks for it ten times a second, so that clocks run between two looks."""

    def __init__(self) -> None:
        self.progress: Sequence[Progress] = ()
        self._began = monotonic()
        self._ended: dict[str, float] = {}
        self._spinners: dict[str, Spinner] = {}

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        for progress in self.progress:
            table.add_row(*self._row(progress))
        if len(self.progress) == 1:  # its reason comes with the result
            return table
        return Group(table, *(_ending(progress) for progress in self.progress if progress.outcome))

    def _row(self, progress: Progress) -> tuple[RenderableType, ...]:
        run = progress.ref.run
        elapsed = monotonic() - self._began
        if progress.outcome:
            elapsed = self._ended.setdefault(run, elapsed)
            style = OUTCOME_STYLES[progress.outcome]
            mark: RenderableType = Text(_MARKS.get(progress.outcome, "■"), style)
            now = Text(progress.outcome.replace("_", " ").lower(), style)
        else:
            mark = self._spinners.setdefault(run, Spinner("dots", style="cyan"))
            now = Text(progress.note or "between two stages", "cyan")
        return mark, Text(_title(progress), "bold"), now, Text(seconds_text(elapsed), "dim"), _trail(progress)


def _trail(progress: Progress) -> Text:
    """The stages behind the run, each with its seconds."""
    trail, now = Text(style="dim"), utc_now()
    for stage in progress.stages:
        trail.append(" · " if trail else "")
        trail.append(stage.name, "cyan" if stage.running else "red" if stage.broken else "")
        trail.append(f" {seconds_text(stage.elapsed(now))}")
    return trail


def _ending(progress: Progress) -> Text:
    record = progress.record
    return Text.assemble((f"{_title(progress)}: ", "bold"), (record.reason or "" if record else ""))


def _lines(progress: Progress) -> list[str]:
    """Everything there is to say so far about one run."""
    if progress.record is None:
        return []
    waiting = [progress.note] if progress.waits else []
    stages = [f"{stage.name} {seconds_text(stage.seconds)}" for stage in progress.stages if not stage.running]
    ending = [f"{progress.outcome}. {progress.record.reason or ''}".rstrip()] if progress.settled else []
    return stages + waiting + ending


def _title(progress: Progress) -> str:
    return progress.ref.project.name


def outcome_text(outcome: str | None) -> Text:
    """An outcome in its colour, for tables."""
    return Text(outcome or "running", OUTCOME_STYLES.get(outcome or "", "cyan"))


def seconds_table(seconds: Mapping[str, float]) -> str:
    """Seconds by stage in one line."""
    return " · ".join(f"{stage} {seconds_text(value)}" for stage, value in seconds.items())
