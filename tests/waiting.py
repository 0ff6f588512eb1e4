"""Waiting for what comes of itself: with a deadline, and without a sleep that is longer than it has to be."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")


def eventually(look: Callable[[], _Seen | None], what: str = "what is waited for", seconds: float = 60.0) -> _Seen:
    """Look until there is something true to see; fails after a deadline with what was last seen."""
    deadline, tick, pause = time.monotonic() + seconds, threading.Event(), 0.005
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last seen: {seen!r}"
        tick.wait(pause)
        pause = min(pause * 1.5, 0.1)
    return seen
