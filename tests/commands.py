"""Every command of the command line, as typer knows it."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from headgate_cli.main import app


def every_command() -> Mapping[str, Any]:
    """Each by its words, such as `fault add`."""
    return dict(_commands(typer.main.get_command(app), ()))


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name, each in command.commands.items():
        yield from _commands(each, (*words, name))


def takes(command: Any, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)
