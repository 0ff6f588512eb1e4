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

from headgate_cli.errors import CloudInterruptedError, CommandError

DEFAULT_PORT = 4566
_INTERRUPTED_SECONDS = 10.0
"""How long the program has to end when both of us were interrupted; it needs half of that at most."""


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
        CommandError: when it does not come up, or a person interrupts; the program has said more on stderr.
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
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 our own program
        try:
            answer, _ = program.communicate()
        except KeyboardInterrupt:  # Ctrl-C is for both of us: it sees to it that nothing stays behind
            _see_end(program)
            raise CloudInterruptedError(f"The local cloud's `{arguments[0]}` was interrupted.") from None
    if program.returncode:
        raise CommandError(
            f"The local cloud's `{arguments[0]}` did not succeed. `headgate doctor` looks for the cause."
        )
    answered: dict[str, Any] = json.loads(answer)
    return answered


def _see_end(program: "subprocess.Popen[str]") -> None:
    """Let the program end as it does when it is interrupted; one that was not, or does not, is ended."""
    try:
        program.wait(_INTERRUPTED_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()  # a cloud that it had not finished starting ends by itself
        program.wait()
