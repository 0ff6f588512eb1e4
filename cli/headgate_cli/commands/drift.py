"""`drift`: whether what an endpoint is asked still looks like what its version was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output, moment_text, write_page


def drift(
    project: options.ProjectName,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where the page goes. Default: PROJECT-drift.html.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Show the monitor's last window: which features moved and by how much, and fetch its page."""
    with options.cloud(stack) as cloud:
        from headgate_cli.drift import last_window

        judged = last_window(cloud, Project(tenant, project))
    page = to or (None if as_json else Path(f"{project}-drift.html"))
    if page:
        write_page(page, judged.page)
    document = {"page": str(page) if page else None, **judged.report}
    Output(as_json).result(document, lambda console: _show(console, judged.report, page))


def _show(console: Console, report: Mapping[str, Any], page: Path | None) -> None:
    from headgate_cli.tables import rows

    window = report["window"]
    console.print(report["says"], soft_wrap=True)
    lines = (
        (
            each["name"],
            "yes" if each["drifted"] else "no",
            f"{each['psi']:.3f}",
            f"{each['missing_before']:.1%}",
            f"{each['missing']:.1%}",
        )
        for each in report["features"]
    )
    columns = ("feature", "moved", "stability index", "missing in training", "missing now")
    rows(console, columns, lines, empty="No feature was seen.")
    for note in report["notes"]:
        console.print(note, soft_wrap=True)
    told = (
        f"{report['captured']['rows']} rows from {moment_text(window['begun_at'])} to {moment_text(window['ended_at'])}"
    )
    console.print(f"{told}, answered by version {report['version']}.", soft_wrap=True)
    if page:
        console.print(f"The page: {page.resolve().as_uri()}", soft_wrap=True)
