"""One thread that does things when their time has come, and sleeps until then."""

import contextlib
import contextvars
import logging
import sched
import threading
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("headgate.autoscaling")


class Agenda:
    """Work to be done at a time, one after the other, each in the account and region it was entered from."""

    def __init__(self) -> None:
        self._entries = sched.scheduler(time.time)
        self._changed = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def at(self, when: float, work: Callable[..., None], *arguments: Any) -> sched.Event:
        """Do this at a time (seconds since 1970); answers what ``cancel`` takes. It must not take long."""
        context = contextvars.copy_context()
        entry = self._entries.enterabs(when, 0, _guarded, (context, work, arguments))
        self._wake()
        return entry

    def soon(self, work: Callable[..., None], *arguments: Any) -> sched.Event:
        """Do this as soon as what is under way is done."""
        return self.at(time.time(), work, *arguments)

    def after(self, seconds: float, work: Callable[..., None], *arguments: Any) -> sched.Event:
        """Do this some seconds from now."""
        return self.at(time.time() + seconds, work, *arguments)

    def cancel(self, entry: sched.Event | None) -> None:
        """Strike an entry out; one that was done already, or None, does not matter."""
        with contextlib.suppress(ValueError):
            if entry is not None:
                self._entries.cancel(entry)

    def close(self) -> None:
        """End the thread; what was not done stays undone."""
        self._closed = True
        self._changed.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _wake(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="autoscaling", daemon=True)
                self._thread.start()
        self._changed.set()

    def _run(self) -> None:
        while not self._closed:
            self._changed.clear()
            self._changed.wait(self._entries.run(blocking=False))


def _guarded(context: contextvars.Context, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    try:
        context.run(work, *arguments)
    except Exception:
        logger.exception("Scaling failed for a reason of the local cloud's")
