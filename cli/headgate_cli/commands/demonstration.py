"""`demo`: the whole story on real data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from headgate_cli import places
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output

if TYPE_CHECKING:
    from headgate_cli.story import Road, Story


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the local cloud running.")] = False,
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the page goes.")] = Path("out"),
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    as_json: options.Json = False,
) -> None:
    """Take three public datasets and a damaged file through the gate, and make a page of it.

    Starts a local cloud if none runs, and stops it again unless --keep.
    """
    from headgate_cli import demo as demonstration
    from headgate_cli import page
    from headgate_cli.connection import translated_errors

    out = Output(as_json)
    places.check(out_dir / "index.html")
    folder = demonstration.examples()
    with translated_errors(), demonstration.some_cloud(keep=keep, out=out) as (cloud, started):
        told = demonstration.tell(cloud, folder, timeout, out)
        path = page.write(told.story, out_dir)
    document = {
        "runs": told.documents,
        "seconds": round(told.story.seconds, 3),
        "page": str(path),
        "cloud": {"started": started, "kept": keep or not started},
    }
    out.result(document, lambda console: _show(console, told.story, path))
    failed = any(run["outcome"] == "FAILED" for run in told.documents)
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.DONE)


def _show(console: Console, story: "Story", page: Path) -> None:
    from rich.text import Text

    from headgate_cli.board import outcome_text
    from headgate_cli.output import seconds_text
    from headgate_cli.story import headline
    from headgate_cli.tables import rows

    lines = (
        (
            Text.assemble((road.project, "bold"), "\n", outcome_text(road.outcome)),
            f"{road.reason}\n{_measured(road)}".strip(),
            _times(road),
        )
        for road in story.roads
    )
    console.print()
    rows(console, ("dataset", "because", "seconds"), lines, empty="")
    console.print(
        f"{headline(story)} It took {seconds_text(story.seconds)}.\nThe page: {page.resolve().as_uri()}", soft_wrap=True
    )


def _measured(road: "Road") -> str:
    from headgate_cli.output import number_text

    measure = road.measure
    if not measure:
        return ""
    return f"{measure.metric}: {number_text(measure.challenger)}, trivial predictor {number_text(measure.trivial)}"


def _times(road: "Road") -> str:
    stages = [f"{stretch.name} {stretch.seconds:.1f}" for stretch in road.stretches if stretch.state != "unreached"]
    return "\n".join(" · ".join(stages[at : at + 3]) for at in range(0, len(stages), 3))
