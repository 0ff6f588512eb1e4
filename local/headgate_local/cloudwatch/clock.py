"""When alarms are looked at: one thread that sleeps until something is due, or until a watched value arrives."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger("headgate.cloudwatch")

TICK = 0.5
"""Seconds between two looks at most often, however many values arrive."""
SETTLE = 0.02
"""Seconds that are waited after a first value, for those that come with it."""


class Clock:
    """Calls ``tick`` when it is due. ``tick`` answers the time of its next call, None for none until a wake."""

    def __init__(self, tick: Callable[[float], float | None], now: Callable[[], float]) -> None:
        self._tick, self._now = tick, now
        self._condition = threading.Condition()
        self._woken = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs already; without alarms there is none."""
        with self._condition:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="cloudwatch-alarms", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Look soon: within a tick. Cheap when it has been said already."""
        if self._woken:
            return
        with self._condition:
            self._woken = True
            self._condition.notify()

    def close(self) -> None:
        """End the thread."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        due: float | None = None
        earliest = 0.0
        while self._wait_until(due, earliest):
            self._woken = False
            now = self._now()
            earliest = now + TICK
            try:
                due = self._tick(now)
            except Exception:
                logger.exception("An evaluation of alarms failed")
                due = earliest

    def _wait_until(self, due: float | None, earliest: float) -> bool:
        """Wait until a time, or a wake but not before ``earliest``; answers whether to go on."""
        with self._condition:
            while not self._closed:
                now = self._now()
                if due is not None and now >= due:
                    return True
                if self._woken:
                    if now >= earliest:
                        break
                    until = earliest if due is None else min(earliest, due)
                    self._condition.wait(until - now)
                else:
                    self._condition.wait(None if due is None else due - now)
            else:
                return False
        return not self._pause(SETTLE)

    def _pause(self, seconds: float) -> bool:
        """Wait a moment; answers whether the clock was closed meanwhile."""
        with self._condition:
            return self._condition.wait_for(lambda: self._closed, seconds)
