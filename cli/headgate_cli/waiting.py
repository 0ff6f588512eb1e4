"""Looking again and again until there is something to see."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from headgate_cli.connection import Cloud

_Seen = TypeVar("_Seen")


def eventually(cloud: Cloud, look: Callable[[], _Seen | None], seconds: float) -> _Seen | None:
    """What `look` sees, once it is something; None when it saw nothing for so many seconds."""
    deadline, tick = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if (seen := look()) is not None:
            return seen
        tick.wait(0.2 if cloud.is_local else 2)
    return None
