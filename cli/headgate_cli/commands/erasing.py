"""`erase`: a data subject's rows are taken out of what a project keeps."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode, UsageError
from headgate_cli.output import Output


def erase(
    project: options.ProjectName,
    key: Annotated[str, typer.Option(metavar="COLUMN=VALUE", help="Whose rows; - in place of VALUE asks for it.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the audit trail; name nobody in it.")],
    *,
    take_over: Annotated[bool, typer.Option(help="Go on though a call that was cut off has not ended.")] = False,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Take a data subject's rows out of uploads, datasets and captured requests, in all versions, for good."""
    column, equals, value = key.partition("=")
    if value == "-":
        value = typer.prompt("Value", hide_input=True, err=True)
    if not (column and equals and value.strip()):
        raise UsageError("Say whose rows with --key COLUMN=VALUE.")
    with options.cloud(stack) as cloud:
        from headgate.domain.subject import Subject
        from headgate_cli.erasing import Erasure

        document = Erasure(cloud, Project(tenant, project), Subject(column, value)).run(reason, take_over=take_over)
    Output(as_json).result(document, lambda console: _show(console, document))
    raise typer.Exit(ExitCode.FAILED if document["unread"] else ExitCode.DONE)


def _show(console: Console, document: dict[str, Any]) -> None:
    for line in _said(document):
        console.print(line, markup=False, soft_wrap=True)


def _said(document: dict[str, Any]) -> Iterator[str]:
    yield f"{document['rows']} rows in {document['objects']} versions of objects are gone."
    if document["without_column"]:
        yield f"{document['without_column']} versions of objects have no column {document['column']}."
    if document["removed_whole"]:
        names = ", ".join(document["removed_whole"])
        yield f"Removed whole, since the column is not in them: datasets {names}."
    if document["versions_to_retrain"]:
        versions, name = document["versions_to_retrain"], document["project"]
        listed = f"version{'s' if len(versions) > 1 else ''} {', '.join(versions)}"
        yield f"Trained on them: {listed}. `headgate retrain --project {name}` trains on what is left."
    if document["unread"]:
        yield "Left, since they cannot be read as tables. Look at them, and delete the versions that hold the subject:"
        yield from document["unread"]
