"""`compliance report`: which rules hold of the deployment, and which controls ask for them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate_cli import places
from headgate_cli.commands import options
from headgate_cli.errors import ExitCode
from headgate_cli.output import Output, write_page

app = typer.Typer(help="Rules that hold of the deployment, mapped to HIPAA, PCI DSS and NIST 800-53.")


@app.command()
def report(
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Also as one page of HTML.")] = None,
    tenant: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Whose records; may be repeated. Default: all.")
    ] = None,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> ExitCode:
    """Judge the deployment as it is, and what serves; ends with 5 when a rule does not hold."""
    if to is not None:
        places.check(to)
    with options.cloud(stack) as cloud:
        from headgate_cli import compliance

        document = compliance.report(cloud, tenant or [])
    if to is not None:
        write_page(to, compliance.page(document))
    Output(as_json).result(document, lambda console: _show(console, document))
    return ExitCode.DONE if document["compliant"] else ExitCode.FAILED


def _show(console: Console, document: dict[str, Any]) -> None:
    for each in document["rules"]:
        controls = ", ".join(f"{name} {number}" for name, number in each["controls"].items())
        sign = "holds" if each["holds"] else "BROKEN"
        console.print(f"{sign:7} {each['asks']}  ({controls})", markup=False, soft_wrap=True)
        for breach in each["breaches"]:
            console.print(f"        {breach['what']}: {breach['said']}", markup=False, soft_wrap=True)
    looked = ", ".join(f"{count} {name}" for name, count in document["looked_at"].items())
    whose = ", ".join(document["tenants"]) or "no tenant"
    console.print(f"Looked at: {looked}; records of {whose}.", markup=False, soft_wrap=True)
