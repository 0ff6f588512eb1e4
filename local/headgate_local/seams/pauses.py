"""Seam: an execution starts at once. MiniStack lets each one pause before its first state; AWS promises no pause."""

import functools
import threading
import time
from typing import Any

from ministack.services import stepfunctions

PAUSE_SECONDS = 0.15
"""What MiniStack sleeps before an execution's first state."""


class _Clock:
    """The module ``time``, but for that pause."""

    def __init__(self) -> None:
        self.starting = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        starting, self.starting.now = getattr(self.starting, "now", False), False
        if not (starting and seconds == PAUSE_SECONDS):
            time.sleep(seconds)


def install() -> None:
    """Leave the pause out."""
    clock, run = _Clock(), stepfunctions._run_execution

    @functools.wraps(run)
    def run_execution(execution_arn: str) -> None:
        clock.starting.now = True
        run(execution_arn)

    stepfunctions.time = clock
    stepfunctions._run_execution = run_execution
