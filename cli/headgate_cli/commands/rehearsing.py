"""`rehearse`: what goes wrong at night, by day."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli import places
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode, UsageError
from headgate_cli.output import Output

if TYPE_CHECKING:
    from headgate_cli.timeline import Played


class Scene(StrEnum):
    """What can be rehearsed."""

    BAD_MODEL = "bad-model"
    DRIFT = "drift"
    OUTAGE = "outage"
    LATENCY = "latency"
    STORM = "storm"
    NIGHT = "night"


def rehearse(  # noqa: PLR0913 - one parameter for each option of the command line
    scene: Annotated[Scene, typer.Argument(metavar="SCENE", help=f"One of: {', '.join(Scene)}.")],
    *,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose endpoint; a night makes projects of its own.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or JSON Lines with rows to ask the endpoint about.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where the page goes. Default: out/SCENE.html.")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to wait for each step.")] = 600.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a local cloud running that was started for it.")] = False,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Make it happen, with real requests, and show how it ends: never on a stack that matters.

    A night plays bad-model, drift, outage and a storm on projects made for it, on the local cloud.
    """
    out = Output(as_json)
    page = to or Path("out") / f"{scene}.html"
    places.check(page)
    if scene is Scene.NIGHT:
        played, title = _night(timeout, out, keep=keep)
    elif project is None or rows is None:
        raise UsageError(f"Say whose endpoint and what to ask it: headgate rehearse {scene} --project NAME --rows FILE")
    else:
        played, title = _one(scene, Project(tenant, project), rows, timeout, stack, out)
    from headgate_cli import night_page

    night_page.write(played, title, page)
    document = {"scenes": [each.document for each in played], "page": str(page)}
    out.result(document, lambda console: _show(console, played, page))
    raise typer.Exit(ExitCode.DONE if all(each.good for each in played) else ExitCode.FAILED)


def _night(timeout: float, out: Output, *, keep: bool) -> tuple[list["Played"], str]:
    import tempfile

    from headgate_cli.connection import translated_errors
    from headgate_cli.demo import some_cloud
    from headgate_cli.night import Night

    with (
        translated_errors(),
        some_cloud(keep=keep, out=out) as (cloud, _),
        tempfile.TemporaryDirectory() as folder,
    ):
        return Night(cloud, Path(folder), timeout, out.note).play(), cloud.title


def _one(
    scene: Scene, project: Project, rows: Path, timeout: float, stack: str | None, out: Output
) -> tuple[list["Played"], str]:
    with options.cloud(stack) as cloud:
        from headgate_cli.night import play
        from headgate_cli.rehearsal import Rehearsal, instances_of
        from headgate_cli.rows import read_rows
        from headgate_cli.timeline import Timeline

        line = Timeline(scene, project.name, out.note)
        rehearsal = Rehearsal(cloud, project, instances_of(cloud, project, read_rows(rows)), line, timeout)
        return [play(scene, rehearsal)], cloud.title


def _show(console: Console, played: Sequence["Played"], page: Path) -> None:
    from headgate_cli.output import seconds_text
    from headgate_cli.tables import rows

    lines = (
        (
            each.timeline.scene,
            "as it should" if each.good else "NOT as it should",
            each.ending,
            ", ".join(f"{name} {seconds_text(value)}" for name, value in each.seconds.items()),
        )
        for each in played
    )
    console.print()
    rows(console, ("scene", "ended", "how", "after the alarm"), lines, empty="")
    console.print(f"The page: {page.resolve().as_uri()}", soft_wrap=True)
