"""`reconcile`: a round of the reconciler by hand."""

from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output, counted


def reconcile(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only this project.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell: nothing is changed, nobody is told.")] = False,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Look for what was lost, left behind or changed by hand; repair what can be, and tell people of the rest."""
    owner = Project(tenant, project) if project else None
    with options.cloud(stack) as cloud:
        from headgate_cli.reconciling import round_by_hand

        document = round_by_hand(cloud, owner, dry=dry_run)
    Output(as_json).result(document, lambda console: _show(console, document, dry=dry_run))
    raise typer.Exit(ExitCode.FAILED if _untold(document) else ExitCode.DONE)


def _untold(document: dict[str, Any]) -> list[str]:
    """Why people could not be told, for each finding that they could not be told of."""
    return [each["untold"] for each in document["findings"] if each["untold"]]


def _show(console: Console, document: dict[str, Any], *, dry: bool) -> None:
    from headgate_cli.tables import rows

    found = document["findings"]
    lines = (
        (f"{d['tenant']}/{d['project']}" if d["project"] else "", d["kind"], f"{d['subject']}: {d['said']}", d["done"])
        for d in found
    )
    fine = f"All is well with {counted(document['projects'], 'project')}."
    rows(console, ("project", "found", "what", "would be done" if dry else "done"), lines, empty=fine)
    if untold := _untold(document):
        said = (
            f"People could not be told of {len(untold)} of these: {', '.join(sorted(set(untold)))}. "
            "Look at the notification topic and its key; the next round tells them."
        )
        console.print(said, markup=False, soft_wrap=True)
