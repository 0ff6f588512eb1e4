"""Starting, stopping and finding the local cloud. It is another program: the command line only runs it.

The program prints its progress on stderr, which people see as it comes, and a JSON answer on stdout; what clients need
stands on the card that it leaves behind.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, TypedDict, cast

from headgate_cli.errors import CommandError

DEFAULT_PORT = 4566


class Card(TypedDict):
    """What a running local cloud leaves in `$HEADGATE_HOME/local.json`."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    data_bucket: str
    artifact_bucket: str
    stack: str
    pid: int
    log: str


def home() -> Path:
    """Where the local cloud keeps its card and its files."""
    return Path(os.environ.get("HEADGATE_HOME") or Path.home() / ".headgate")


def read_card() -> Card | None:
    """The card of the local cloud; None when there is none, or none that can be read."""
    try:
        card = json.loads((home() / "local.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    complete = isinstance(card, dict) and Card.__required_keys__ <= card.keys()
    return cast("Card", card) if complete else None


def start(port: int | None = None) -> Card:
    """Start the local cloud and wait until its stack is deployed.

    Raises:
        CommandError: when it does not come up; the program has said why on stderr.
    """
    _run("up", *(["--port", str(port)] if port is not None else []))
    card = read_card()
    if card is None:
        raise CommandError("The local cloud started but left no card. `headgate doctor` looks for the cause.")
    return card


def stop(*, purge: bool) -> bool:
    """Stop the local cloud; with `purge` also delete its log and working files.

    Returns:
        Whether one was running.
    """
    return bool(_run("down", *(["--purge"] if purge else [])).get("was_running"))


def listens(port: int) -> bool:
    """Whether something on this computer already listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "headgate_local", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 our own program
    if done.returncode:
        raise CommandError(
            f"The local cloud's `{arguments[0]}` did not succeed. `headgate doctor` looks for the cause."
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
