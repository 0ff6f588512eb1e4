"""`feedback`: what answers should have been."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output, counted


def feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON Lines with id and label; - for stdin.")],
    project: options.ProjectName,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Tell what the answers to earlier requests should have been, by the ids of their rows.

    Labels may come late, and again: the last one counts.
    """
    owner, out = Project(tenant, project), Output(as_json)
    with options.cloud(stack) as cloud:
        from headgate_cli.feedback import send

        sent = send(cloud, owner, file, datetime.now(UTC))
    out.result(sent, lambda console: console.print(f"{counted(sent['rows'], 'label')} sent.", soft_wrap=True))
