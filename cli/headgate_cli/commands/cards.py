"""`card`: everything known of a challenger, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output, write_page


def card(
    which: Annotated[str, typer.Argument(metavar="RUN|VERSION", help="A version's number needs --project.")],
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Whose version it is.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where the page goes. Default: RUN-card.html.")
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Fetch the model card of a run or of a version: one page to read, send and print."""
    owner = Project(tenant, project) if project else None
    with options.cloud(stack) as cloud:
        from headgate_cli.cards import fetch, find

        ref = find(cloud, which, owner)
        found = fetch(cloud, ref)
    page = to or (None if as_json else Path(f"{ref.run}-card.html"))
    if page:
        write_page(page, found.page)
    document = {"run": ref.run, "page": str(page) if page else None, "card": found.content}
    Output(as_json).result(
        document,
        lambda console: console.print(
            f"The card of {ref.run}: {page.resolve().as_uri() if page else ''}", soft_wrap=True
        ),
    )
