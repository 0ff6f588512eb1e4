"""`predict`: rows in, answers out."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output


def predict(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON Lines; - reads stdin.")],
    project: options.ProjectName,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Ask the project's endpoint for one answer to each row."""
    owner, out = Project(tenant, project), Output(as_json)
    with options.cloud(stack) as cloud:
        from headgate_cli import prediction
        from headgate_cli.rows import read_rows

        answers = prediction.predict(cloud, owner, read_rows(file), out.note)
    out.result(answers, lambda console: _show_answers(console, answers))


def _show_answers(console: Console, answers: dict[str, Any]) -> None:
    from headgate_cli.story import said_of
    from headgate_cli.tables import rows

    lines = ((number, *said_of(answer)) for number, answer in enumerate(answers["predictions"], start=1))
    rows(console, ("row", "answer", "how sure"), lines, empty="No row was given.")
