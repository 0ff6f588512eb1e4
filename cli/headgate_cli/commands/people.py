"""`approve` and `reject`: a person's word on what goes into service."""

from typing import Annotated, Any

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output

Version = Annotated[str | None, typer.Argument(metavar="VERSION", help="Of the registry; else the one that waits.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Kept, with your name, for whoever asks later.")]


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
