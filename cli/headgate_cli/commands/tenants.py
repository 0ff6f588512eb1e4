"""`tenant`: who may have work done, how much, and their leaving."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate_cli.commands import options
from headgate_cli.errors import UsageError
from headgate_cli.output import Output

app = typer.Typer(help="Who may have work done, and how much.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="3 to 18 lower-case letters and digits.")]
HOLD_DAYS = 30


@app.command()
def add(  # noqa: PLR0913
    name: Name,
    *,
    instances: Annotated[int | None, typer.Option(min=1, help="Most instances of one endpoint. Default: 10.")] = None,
    trials: Annotated[int | None, typer.Option(min=0, help="Most trials of one search. Default: 50.")] = None,
    projects: Annotated[int | None, typer.Option(min=1, help="Most projects, with a run each. Default: 50.")] = None,
    money: Annotated[float | None, typer.Option(min=0, help="USD for the runs of a month. Default: 1000.")] = None,
    storage: Annotated[float | None, typer.Option(min=0, help="GB in both buckets. Default: 1000.")] = None,
    principal: Annotated[str | None, typer.Option(metavar="ARN", help="Who may take on its data role.")] = None,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Who hears of its runs.")] = None,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Add a tenant, or change the quotas of one: a stack of its own, with its key, its role and its topic."""
    given: dict[str, object] = {
        "Instances": instances,
        "Trials": trials,
        "Projects": projects,
        "MoneyPerMonth": money,
        "StorageGigabytes": storage,
        "DataPrincipal": principal,
        "NotificationEmail": email,
    }
    if email is not None and not all(email.partition("@")):
        raise UsageError(f"{email} is no address of mail, such as people@example.org.")
    wanted = {
        key: f"{value:.15g}" if isinstance(value, float) else str(value)
        for key, value in given.items()
        if value is not None
    }
    with options.cloud(stack) as cloud:
        from headgate_cli import tenants

        document = tenants.add(cloud, name, wanted)
    Output(as_json).result(document, lambda console: _show(console, document))


@app.command("list")
def list_all(stack: options.Stack = None, as_json: options.Json = False) -> None:
    """List the tenants, their quotas and what they have used."""
    with options.cloud(stack) as cloud:
        from headgate_cli import tenants

        documents = tenants.list_all(cloud)
    Output(as_json).result({"tenants": documents}, lambda console: _show(console, *documents))


@app.command()
def suspend(name: Name, stack: options.Stack = None, as_json: options.Json = False) -> None:
    """Take no new data of a tenant; what serves goes on."""
    with options.cloud(stack) as cloud:
        from headgate_cli import tenants

        document = tenants.suspend(cloud, name)
    Output(as_json).result(document, lambda console: _show(console, document))


@app.command()
def resume(name: Name, stack: options.Stack = None, as_json: options.Json = False) -> None:
    """Let a tenant go on that is suspended, or is to be removed."""
    with options.cloud(stack) as cloud:
        from headgate_cli import tenants

        document = tenants.resume(cloud, name)
    Output(as_json).result(document, lambda console: _show(console, document))


@app.command()
def remove(
    name: Name,
    *,
    export: Annotated[Path, typer.Option(metavar="FOLDER", help="Where all that the tenant has is written first.")],
    hold_days: Annotated[int, typer.Option(min=0, help="Days in which `resume` keeps the tenant.")] = HOLD_DAYS,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Remove a tenant: nothing new is taken at once, and its things go with the second call, after the days of hold."""
    with options.cloud(stack) as cloud:
        from headgate_cli import leaving

        document = leaving.remove(cloud, name, export, hold_days)
    Output(as_json).result(document, lambda console: console.print(document["said"], markup=False, soft_wrap=True))


def _show(console: Console, *documents: dict[str, Any]) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    for each in documents:
        quotas, used = each["quotas"], each["used"]
        leaves = f", leaves on {each['leaves_on']}" if each["leaves_on"] else ""
        console.print(
            f"{each['tenant']}: {each['standing'].lower()}{leaves}. {used['money'].get(month, 0.0):.2f} of "
            f"{quotas['money']:g} USD this month, {used['storage']:g} of {quotas['storage']:g} GB, "
            f"{used['projects']} of {quotas['projects']} projects; at most {quotas['instances']} instances of an "
            f"endpoint and {quotas['trials']} trials of a search.",
            markup=False,
            soft_wrap=True,
        )
