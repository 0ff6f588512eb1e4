"""`predict`: rows in, answers out."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.errors import UsageError
from headgate_cli.output import Output


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV or JSON Lines, - for stdin; or pictures, or a ZIP of them."),
    ],
    project: options.ProjectName,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Ask the project's endpoint for one answer to each row, or to each picture."""
    owner, out = Project(tenant, project), Output(as_json)
    with options.cloud(stack) as cloud:
        from headgate_cli import prediction
        from headgate_cli.pictures import Pictures, are_pictures
        from headgate_cli.rows import read_rows

        if are_pictures(files):
            pictures = Pictures(files)
            answers = prediction.predict(cloud, owner, pictures.rows, out.note) | {"files": pictures.names}
        elif len(files) > 1:
            raise UsageError("Rows come from one file; only of PNG and JPEG pictures there may be several.")
        else:
            answers = prediction.predict(cloud, owner, read_rows(files[0]), out.note)
    out.result(answers, lambda console: _show_answers(console, answers))


def _show_answers(console: Console, answers: dict[str, Any]) -> None:
    from headgate_cli.story import said_of
    from headgate_cli.tables import rows

    predictions = answers["predictions"]
    asked = answers.get("files") or range(1, len(predictions) + 1)
    lines = ((what, *said_of(answer)) for what, answer in zip(asked, predictions, strict=True))
    rows(console, ("picture" if "files" in answers else "row", "answer", "how sure"), lines, empty="No row was given.")
