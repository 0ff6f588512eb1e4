"""What ties a process to the local cloud: when the cloud ends, however it ends, so does the process."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from headgate_local.proc import children_of

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SWEEP_SECONDS = 5.0
"""How long processes that were killed have to end; only what hangs in the kernel takes longer than an instant."""


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; elsewhere ``watch`` alone does it.

    The parent is the *thread* that started this process: it must be one that lives as long as the cloud.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Ask Linux to make this process the parent of all below it whose own parent ends: none gets out of its reach.

    Elsewhere those that made a session of their own do.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value)


def watch(wait_for_end: Callable[[], object], end: Callable[[], object]) -> None:
    """Call ``end`` once ``wait_for_end`` returns: it blocks while this process is to live."""

    def run() -> None:
        with contextlib.suppress(OSError):
            wait_for_end()
        end()

    threading.Thread(target=run, name="lifeline", daemon=True).start()


def end_group() -> None:
    """Kill this process and its process group."""
    os.killpg(0, signal.SIGKILL)


def end_descendants() -> None:
    """Kill everything below this process, whatever sessions it has made. ``adopt_orphans`` must have been called."""
    deadline = time.monotonic() + SWEEP_SECONDS
    with contextlib.suppress(ChildProcessError):  # there is none left
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
            for child in children_of(os.getpid()):  # those of a child that ends become ours
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.002)
