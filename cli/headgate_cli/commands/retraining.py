"""`retrain`: train a project anew on data that it has."""

from typing import Annotated

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.commands.data import show_dropped
from headgate_cli.errors import OUTCOME_EXIT_CODES
from headgate_cli.output import Output


def retrain(  # noqa: PLR0913 - one parameter for each option of the command line
    project: options.ProjectName,
    *,
    window: Annotated[
        str | None,
        typer.Option(metavar="WINDOW", help="all, last:5 (datasets) or days:90. Default: as project.yaml says."),
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress and wait for the outcome.")] = False,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Train a project anew on the datasets that it has; what comes of it is judged like any other version."""
    out, owner = Output(as_json), Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate_cli import dropping, retraining
        from headgate_cli.following import Progress
        from headgate_cli.runs import ref_of

        run = retraining.ask(cloud, owner, window, reason)
        progress = Progress(ref_of(run), run)
        if wait and not run.ended:
            progress = dropping.wait(cloud, [ref_of(run)], timeout, out)[0]
        document = dropping.document(cloud, progress)
    out.result(document, lambda console: show_dropped(console, document))
    if progress.outcome:
        raise typer.Exit(OUTCOME_EXIT_CODES[progress.outcome])
