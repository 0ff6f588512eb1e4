"""The options that commands share, and what they stand for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # boto3 takes longer to import than `--help` may take
    from headgate_cli.connection import Cloud

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Stack = Annotated[
    str | None,
    typer.Option(
        envvar="HEADGATE_STACK",
        metavar="NAME",
        help="A stack on AWS, with the ordinary credentials. Default: the local cloud.",
    ),
]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="Who owns the project.")]
ProjectName = Annotated[str, typer.Option("--project", metavar="NAME", help="The line of models.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to wait at most.")]

DEFAULT_TENANT = "demo"
DEFAULT_TIMEOUT = 3600.0


@contextmanager
def cloud(stack: str | None) -> "Iterator[Cloud]":
    """The cloud a command talks to; whatever AWS answers inside becomes an error that a person can act on."""
    from headgate_cli.connection import connect, translated_errors

    with translated_errors():
        yield connect(stack)
