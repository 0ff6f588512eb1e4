"""`incidents`, `explain` and `rollback`: what alarms came to, why, and the way back by hand."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output, moment_text, name_of, seconds_text


def incidents(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only this project's.")] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """List what alarms came to: what was done about each and why, the newest first."""
    owner = Project(tenant, project) if project else None
    with options.cloud(stack) as cloud:
        from headgate_cli.incidents import listed

        documents = listed(cloud, tenant, owner)
    Output(as_json).result(
        {"incidents": documents}, lambda console: _show_incidents(console, documents, owner or tenant)
    )


def explain(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT")],
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Explain one incident: what rang, what was decided and why, what came of it, and what to do now."""
    with options.cloud(stack) as cloud:
        from headgate.domain.incidents import document
        from headgate_cli.incidents import found

        described = document(found(cloud, incident))
    Output(as_json).result(described, lambda console: _show_incident(console, described))


def rollback(  # noqa: PLR0913 - one parameter for each option of the command line
    project: options.ProjectName,
    *,
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Default: the last version that served well before.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept.")] = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Also to a version that was condemned.")] = False,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Go back to a version that served before, all at once. The one that is left does not come back by itself.

    While a release is on its way, that one is taken back.
    """
    owner = Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate.domain.incidents import document
        from headgate_cli.incidents import EXIT_CODES, roll_back

        ended = roll_back(cloud, owner, to, reason, anyway=anyway, timeout=timeout)
        described = document(ended)
    Output(as_json).result(described, lambda console: _show_incident(console, described))
    if (code := EXIT_CODES.get(ended.outcome or "", ExitCode.NOT_PROMOTED)) != ExitCode.DONE:
        raise typer.Exit(code)


_FROZEN = "The project was frozen: when you have looked, `headgate unfreeze --project {project} --tenant {tenant}`."


def _show_incidents(console: Console, documents: list[dict[str, Any]], whose: Project | str) -> None:
    from headgate_cli.tables import rows

    # The name of an incident tells when, `explain` tells the rest: the four fit a terminal of 80 columns.
    lines = ((d["incident"], d["kind"], d["outcome"] or d["state"], d["reason"]) for d in documents)
    rows(console, ("incident", "alarm", "outcome", "why"), lines, empty=f"No alarm of {name_of(whose)} rang yet.")


def _show_incident(console: Console, document: Mapping[str, Any]) -> None:
    from headgate_cli.tables import facts

    page = f"docs/runbooks/{document['runbook']}.md" if document["runbook"] else None
    seconds = document["seconds"]
    facts(
        console,
        {
            "incident": document["incident"],
            "alarm": f"{document['alarm']} ({document['kind']})",
            "at": moment_text(document["at"]),
            "it said": document["said"],
            "about release": _number(document["release"]),
            "decided": document["action"],
            "because": document["reason"],
            "outcome": document["outcome"] or document["state"],
            "done": document["done"],
            "release made": _number(document["rollback"]),
            "took": seconds_text(seconds) if seconds is not None else None,
            "what to do": page,
            "then": _FROZEN.format(**document) if document["freezes"] else None,
        },
    )


def _number(sequence: int | None) -> str | None:
    return str(sequence) if sequence is not None else None
