"""`audit verify` and `audit export`: who decided and changed what, and whether that record is as it was written."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output, counted

app = typer.Typer(help="The audit trail: every decision and change, with who, what, why, before and after.")

Whose = Annotated[str | None, typer.Option("--project", metavar="NAME", help="Default: all that the tenant has.")]


@app.command()
def verify(
    project: Whose = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> ExitCode:
    """Check that nothing of it was changed, left out, moved or added; fails with the first entry that is not sound."""
    with options.cloud(stack) as cloud:
        from headgate_cli.auditing import verified

        trails = verified(cloud, tenant, project)
    sound = not any(each["flaws"] for each in trails)
    Output(as_json).result({"sound": sound, "trails": trails}, lambda console: _show(console, trails))
    return ExitCode.DONE if sound else ExitCode.FAILED


@app.command()
def export(
    project: Whose = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Print every entry, one JSON document on a line; its hash is that of the text without "hash", keys sorted."""
    with options.cloud(stack) as cloud:
        from headgate_cli.auditing import exported

        entries = exported(cloud, tenant, project)
    lines = "\n".join(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in entries)
    Output(as_json).result({"entries": entries}, lambda console: console.print(lines, markup=False, soft_wrap=True))


def _show(console: Console, trails: list[dict[str, Any]]) -> None:
    for each in trails:
        name = "/".join(filter(None, (each["tenant"], each["project"])))
        waiting = f", {each['uncopied']} without a locked copy yet" if each["uncopied"] else ""
        console.print(
            f"{name}: {counted(each['entries'], 'entry', 'entries')}{waiting}",
            markup=False,
            soft_wrap=True,
        )
        for flaw in each["flaws"]:
            console.print(f"  entry {flaw['sequence']} {flaw['what']}", markup=False, soft_wrap=True)
        if not each["flaws"]:
            console.print("  as it was written", markup=False)
