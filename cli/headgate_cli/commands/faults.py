"""`fault add|list|clear|actions`: let something go wrong in the local cloud, and see what holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headgate_cli.commands import options
from headgate_cli.errors import UsageError
from headgate_cli.output import Output, counted, moment_text

if TYPE_CHECKING:
    from headgate_cli.connection import Cloud

app = typer.Typer(help="Let something go wrong in the local cloud, on order.", no_args_is_help=True)


@app.command()
def add(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What shall go wrong; `fault actions` lists it.")],
    *,
    target: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Names that it strikes; may hold *. Default: all.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the action.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How often it strikes. Default: until cleared.")] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long: 30s, 10m, 1h. Default: until cleared.")
    ] = None,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Order a fault."""
    with _local(stack) as cloud:
        from headgate_cli import faults

        parameters = faults.settings(setting or [])
        if count is not None:
            parameters["count"] = str(count)
        if lasting is not None:
            parameters["duration"] = faults.duration(lasting)
        fault = faults.add(cloud, action, target, parameters)
    Output(as_json).result(fault, lambda console: _show_added(console, fault))


@app.command("list")
def list_faults(stack: options.Stack = None, as_json: options.Json = False) -> None:
    """List the faults in force, the newest first."""
    with _local(stack) as cloud:
        from headgate_cli import faults

        found = faults.active(cloud)
    Output(as_json).result({"faults": found}, lambda console: _show_faults(console, found))


@app.command()
def clear(
    fault: Annotated[str | None, typer.Argument(metavar="[ID]", help="Default: all.")] = None,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Take back a fault, or all of them."""
    with _local(stack) as cloud:
        from headgate_cli import faults

        cleared = faults.clear(cloud, fault)
    said = f"{counted(len(cleared), 'fault')} cleared." if cleared else "No fault was in force."
    Output(as_json).result({"cleared": cleared}, lambda console: console.print(said))


@app.command()
def actions(stack: options.Stack = None, as_json: options.Json = False) -> None:
    """List what can go wrong, and the parameters of each action."""
    with _local(stack) as cloud:
        from headgate_cli import faults

        known = faults.actions(cloud)
    Output(as_json).result({"actions": known}, lambda console: _show_actions(console, known))


@contextmanager
def _local(stack: str | None) -> "Iterator[Cloud]":
    """The local cloud; whoever means a stack on AWS is told what to do there."""
    if stack is not None:
        from headgate_cli.faults import LOCAL_ONLY

        raise UsageError(LOCAL_ONLY)
    with options.cloud(None) as cloud:
        yield cloud


def _show_added(console: Console, fault: dict[str, Any]) -> None:
    if fault["status"] == "running":
        console.print(f"Fault {fault['id']} is in force. Clear it with: headgate fault clear {fault['id']}")
    else:
        console.print(f"Fault {fault['id']} has struck.")


def _show_faults(console: Console, found: list[dict[str, Any]]) -> None:
    from headgate_cli.tables import rows

    lines = (
        (each["id"], each["action"], each["target"], _settings(each["parameters"]), moment_text(each["since"]))
        for each in found
    )
    rows(console, ("id", "action", "target", "parameters", "since"), lines, empty="No fault is in force.")


def _show_actions(console: Console, known: list[dict[str, Any]]) -> None:
    from rich.text import Text

    for each in known:
        console.print(Text.assemble((each["action"], "bold"), f"  strikes {each['strikes']}"), soft_wrap=True)
        console.print(Text(f"  {each['description']}"), soft_wrap=True)
        for name, about in each["parameters"].items():
            needed = " (required)" if about["required"] else ""
            console.print(Text(f"    {name}{needed}: {about['description']}"), soft_wrap=True)


def _settings(parameters: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
