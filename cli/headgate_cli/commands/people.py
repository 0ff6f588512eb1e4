"""`approve`, `reject`, `freeze` and `unfreeze`: a person's word on what is put in service, and whether."""

from typing import Annotated, Any

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output

Version = Annotated[str | None, typer.Argument(metavar="VERSION", help="Of the registry; else the one that waits.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Kept, with your name, for whoever asks later.")]
Whose = Annotated[str | None, typer.Option("--project", metavar="NAME", help="Default: all that the tenant has now.")]


def approve(
    project: options.ProjectName,
    version: Version = None,
    reason: Reason = "",
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Put the version in service that waits for a person's approval."""
    _decide(Project(tenant, project), version, reason, stack, as_json, approved=True)


def reject(
    project: options.ProjectName,
    version: Version = None,
    reason: Reason = "",
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Leave the version that waits for a person's approval; what serves goes on."""
    _decide(Project(tenant, project), version, reason, stack, as_json, approved=False)


def _decide(
    owner: Project, version: str | None, reason: str, stack: str | None, as_json: bool, *, approved: bool
) -> None:
    with options.cloud(stack) as cloud:
        from headgate_cli.registry import decide

        document: dict[str, Any] = decide(cloud, owner, version, reason, approved=approved)
    Output(as_json).result(
        document,
        lambda console: console.print(
            f"Version {document['version']} is {document['approval'].lower()}. `headgate watch {document['run']}` "
            "shows what comes of it.",
            markup=False,
        ),
    )


def freeze(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; whoever meets the freeze reads it.")],
    *,
    project: Whose = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="A time (UTC unless it says), or a span: 90m, 12h, 3d. Default: until lifted."
        ),
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Put nothing new in service for a while; what serves goes on, and rollbacks stay possible."""
    with options.cloud(stack) as cloud:
        from headgate_cli import freezes

        documents = freezes.freeze(cloud, tenant, project, reason, until)
        said = [f"{each['project']}: {freezes.frozen_text(each)}" for each in documents]
    _tell(documents, said, as_json)


def unfreeze(
    project: Whose = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Let new versions go into service again; the next dataset is the first that does."""
    with options.cloud(stack) as cloud:
        from headgate_cli import freezes

        documents = freezes.unfreeze(cloud, tenant, project)
        said = [
            f"{each['project']}: not frozen any more; it was since {each['at']}: {each['why']}" for each in documents
        ]
    _tell(documents, said, as_json)


def _tell(documents: list[dict[str, Any]], said: list[str], as_json: bool) -> None:
    Output(as_json).result(
        {"freezes": documents}, lambda console: console.print("\n".join(said), markup=False, soft_wrap=True)
    )
