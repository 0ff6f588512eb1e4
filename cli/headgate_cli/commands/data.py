"""`drop` and `watch`: data in, and what becomes of it."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.errors import OUTCOME_EXIT_CODES, ExitCode
from headgate_cli.output import Output
from headgate_cli.planning import plan, project_name

if TYPE_CHECKING:
    from headgate_cli.following import Progress


class Task(StrEnum):
    """What a model is to predict."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


def drop(  # noqa: PLR0913 - one parameter for each option of the command line
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="One file, or several, or a directory.")],
    *,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="The line of models. Default: from the file's name.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to predict. Default: inferred.")
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What to predict. Default: inferred.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress and wait for the outcome.")] = False,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Drop data: the gate decides what becomes of it.

    Several files, or a directory, form one dataset. --target and --task are kept in the project's project.yaml.
    """
    out, owner = Output(as_json), Project(tenant, project or project_name(files[0]))
    planned = plan(owner, files, datetime.now(UTC))
    settings = {name: str(value) for name, value in (("target", target), ("task", task)) if value}
    with options.cloud(stack) as cloud:
        from headgate_cli import dropping
        from headgate_cli.following import Progress

        ref = dropping.drop(cloud, owner, planned, settings, out)
        if wait:
            out.note(f"Run {ref.run}")  # who interrupts the waiting can look for it
        progress = dropping.wait(cloud, [ref], timeout, out)[0] if wait else Progress(ref)
        document = dropping.document(cloud, progress)
    out.result(document, lambda console: show_dropped(console, document))
    if progress.outcome:
        raise typer.Exit(OUTCOME_EXIT_CODES[progress.outcome])


def watch(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Default: all that have not ended.")] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Watch a run, or all runs of a tenant that have not ended, until they end."""
    out = Output(as_json)
    with options.cloud(stack) as cloud:
        from headgate_cli import astray, dropping
        from headgate_cli.runs import Records, ref_of

        book = Records(cloud)
        records = [book.find_run(run)] if run else [r for r in book.ledger.runs_of_tenant(tenant) if not r.ended]
        if not records:
            out.note(f"Nothing runs for {tenant}. `headgate drop FILE` starts something.")
            if hint := astray.hint(cloud, tenant):
                out.note(hint)
        ended = dropping.wait(cloud, [ref_of(record) for record in records], timeout, out) if records else []
        documents = [dropping.document(cloud, progress) for progress in ended]
    out.result({"runs": documents}, lambda console: _show_all(console, documents))
    raise typer.Exit(_exit_code(ended) if run else ExitCode.DONE)


def _exit_code(ended: "list[Progress]") -> ExitCode:
    return OUTCOME_EXIT_CODES[ended[0].outcome or "FAILED"]


def _show_all(console: Console, documents: list[dict[str, Any]]) -> None:
    for document in documents:
        show_dropped(console, document)


def show_dropped(console: Console, document: dict[str, Any]) -> None:
    """Show what came of a dataset, as `dropping.document` tells it."""
    if document["outcome"] is None:
        console.print(f"Run {document['run']}\nFollow it with: headgate watch {document['run']}", soft_wrap=True)
        return
    from headgate_cli.board import outcome_text, seconds_table
    from headgate_cli.tables import facts

    facts(
        console,
        {
            "outcome": outcome_text(document["outcome"]),
            "reason": document["reason"],
            "run": document["run"],
            "version": document["version"],
            "endpoint": document["endpoint"],
            "seconds": seconds_table(document["seconds"]),
        },
    )
