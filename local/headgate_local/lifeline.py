"""What ties a process to the local cloud: when the cloud ends, however it ends, so does the process."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; elsewhere ``watch`` alone does it.

    The parent is the *thread* that started this process: it must be one that lives as long as the cloud.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def watch(wait_for_end: Callable[[], object], *, whole_group: bool) -> None:
    """Kill this process (and its process group) once ``wait_for_end`` returns: it blocks while the cloud lives."""

    def run() -> None:
        with contextlib.suppress(OSError):
            wait_for_end()
        if whole_group:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=run, name="lifeline", daemon=True).start()
