"""All tuning jobs that are not at their end. Knows nothing of Optuna, so that the cloud starts without it."""

import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING

from headgate_local.sagemaker.jobs.runner import CloudStops

if TYPE_CHECKING:
    from headgate_local.sagemaker.tuning.tuner import Tuner


class Tunings:
    """Runs tuning jobs, each in a thread of its own. Safe to use from many threads."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Tuner, threading.Event]] = {}

    def start(self, arn: str, tuner: "Tuner") -> None:
        """Run a tuning job to its end; raises RuntimeError if there are no more threads to be had."""
        ended = threading.Event()
        running = self._running[arn] = tuner, ended

        def run() -> None:
            try:
                with contextlib.suppress(CloudStops):
                    tuner.run()
            finally:
                if self._running.get(arn) is running:  # and not already the next of that name
                    del self._running[arn]
                ended.set()

        context = contextvars.copy_context()
        try:
            threading.Thread(target=context.run, args=(run,), name=f"tuning {tuner.name}", daemon=True).start()
        except RuntimeError:
            del self._running[arn]
            raise

    def stop(self, arn: str) -> None:
        """Have a tuning job start no further jobs, and stop those that run; one that has ended does not mind."""
        if found := self._running.get(arn):
            found[0].wind_up()

    def wait(self, arn: str, seconds: float) -> bool:
        """Whether a tuning job has ended, within this time."""
        found = self._running.get(arn)
        return found is None or found[1].wait(seconds)

    def close(self) -> None:
        """Let no further job start; those that run are ended by whom they belong to."""
        for tuner, _ in list(self._running.values()):
            tuner.close()
