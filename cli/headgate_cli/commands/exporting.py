"""`export`: a version as a directory that runs without Headgate."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output


def export(  # noqa: PLR0913, PLR0917 - each is an option of the command
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Its number in the registry.")],
    project: options.ProjectName,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The directory to make.")],
    form: Annotated[
        str, typer.Option("--format", metavar="saved_model|litert|onnx", help="What to serve it by.")
    ] = "saved_model",
    force: Annotated[bool, typer.Option("--force", help="Replace an empty directory or an earlier export.")] = False,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Write a version into a directory that runs without Headgate, checked against its own example."""
    owner = Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate_cli import exporting

        exporting.check(form, to, force)
        files = exporting.export(exporting.fetch_version(cloud, owner, version), form, to, force)
    document = {"version": version, "format": form, "directory": str(to), "files": files}
    Output(as_json).result(document, lambda console: console.print(f"{to}: {len(files)} files. Start with README.md."))
