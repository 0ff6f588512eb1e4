"""Which process the card of a local cloud means."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from headgate_local.card import Card
from headgate_local.launcher import is_running


@pytest.fixture
def process() -> Iterator[int]:
    """A process that bears the command line of a cloud on port 45660."""
    command = [sys.executable, "-c", "input()", "-m", "headgate_local.cloud", "--port", "45660", "--listener", "3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        yield running.pid


@pytest.mark.parametrize(("port", "running"), [(45660, True), (4566, False), (5660, False)])
def test_a_card_means_the_cloud_on_its_port_whoever_else_has_its_number(process: int, port: int, running: bool) -> None:
    card = Card(f"http://127.0.0.1:{port}", "eu-central-1", "k", "s", "d", "a", "headgate", process, "local.log")
    assert is_running(card) == running
