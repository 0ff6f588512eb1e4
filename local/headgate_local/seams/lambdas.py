"""Seam: an exception in a Python Lambda keeps its class name; execution environments are forks, end when they are idle,
and only so many of them work.

AWS answers ``errorType`` with the class's name; MiniStack answers ``Runtime.HandlerError`` for every one, so that no
state machine could retry or catch an error by its name. MiniStack keeps one environment of every function for good:
50 MB for each, whereas on AWS an idle one ends. It begins each as a new process, which imports everything anew, from
layers that it unpacks anew (headgate_local.environments and headgate_local.layers say what that costs). And MiniStack
begins one more for every invocation that comes while the others work: a storm of events would start hundreds of
processes on a laptop, which then do nothing but start.
"""

import contextvars
import functools
import logging
import os
import subprocess
import sys
import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from headgate_local.environments import Environment, Environments
from headgate_local.idle import idle_seconds
from headgate_local.layers import Zips

logger = logging.getLogger("headgate.functions")
PLACE = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
"""Where MiniStack's worker script, the text that runs beside a function's code, reports an exception."""

AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""Invocations that work at the same time; others wait their turn."""
LONGEST_TURN = 20.0
"""Seconds after which an invocation no longer waits, so that one that waits for another one cannot stop both."""
REAP_SECONDS = 30.0
"""How often idle environments are looked for, unless they shall end sooner than that."""
_turns = threading.BoundedSemaphore(AT_ONCE)
_environments = Environments()
_raised: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("headgate_raised")


class SeamError(Exception):
    """Raised when MiniStack is not as this release of Headgate knows it; names what is missing."""


def install() -> None:
    """Let workers report the class and the stack, put them into what the invoker gets, and end idle workers."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if PLACE not in script:
        raise SeamError("ministack.core.lambda_runtime._PYTHON_WORKER_SCRIPT reports exceptions in another way.")
    named = PLACE.replace('"error": str(e)', '"error": str(e), "error_type": type(e).__name__')
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(PLACE, named)
    invoke = lambda_runtime.Worker.invoke
    execute = lambda_svc._execute_function_warm

    def remembering_invoke(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        result: dict[str, Any] = invoke(self, *args, **kwargs)
        _raised.set(result)
        return result

    def naming_execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        token, had_a_turn = _raised.set({}), _turns.acquire(timeout=LONGEST_TURN)
        try:
            result: dict[str, Any] = execute(func, event, request_id)
            raised = _raised.get()
        finally:
            if had_a_turn:
                _turns.release()
            _raised.reset(token)
        if result.get("error") and "error_type" in raised:
            trace = raised.get("trace", "").splitlines(keepends=True)
            result["body"] |= {
                "errorType": raised["error_type"],
                "requestId": request_id,
                "stackTrace": [line for line in trace[1:] if line.startswith("  File")],
            }
        return result

    lambda_runtime.subprocess = _Processes()
    lambda_runtime.zipfile = Zips()
    lambda_runtime.Worker.invoke = remembering_invoke
    lambda_svc._execute_function_warm = naming_execute
    lambda_svc._ensure_reaper_thread = _ensure_reaper


class _Processes:
    """The module `subprocess` as MiniStack's runtime of functions sees it: a script of Python begins as a fork."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: list[str], **options: Any) -> subprocess.Popen[Any] | Environment:
        if command[0] == sys.executable and len(command) == 2:
            return _environments.begin(command[1], options["cwd"], options["env"])
        return subprocess.Popen(command, **options)  # noqa: S603 - as MiniStack would


@functools.cache
def _ensure_reaper() -> None:
    """Begin to end idle environments, with the first that begins. MiniStack would look every 30 s, however few seconds
    an idle one has, and keep one of each function.
    """
    threading.Thread(target=_reap, daemon=True, name="idle-environments").start()


def _reap() -> None:
    while True:
        time.sleep(min(REAP_SECONDS, max(1.0, idle_seconds())))
        try:
            end_idle_workers()
        except Exception:
            logger.exception("Idle environments could not be ended; they are looked for again.")


def end_idle_workers(seconds: float | None = None) -> int:
    """End the environments that nobody has used for so many seconds.

    Returns:
        How many there were.
    """
    latest = time.time() - (idle_seconds() if seconds is None else seconds)
    ended = []
    with lambda_runtime._lock:
        for key, workers in list(lambda_runtime._workers.items()):
            idle = [worker for worker in workers if not worker.in_use and worker.last_used <= latest]
            lambda_runtime._workers[key] = [worker for worker in workers if worker not in idle]
            if not lambda_runtime._workers[key]:
                del lambda_runtime._workers[key]
            ended += idle
        if not lambda_runtime._workers:  # nor can one begin: that needs the lock
            _environments.rest()
    lambda_runtime.kill_workers(ended)  # takes up to two seconds, and invocations need the lock
    return len(ended)
