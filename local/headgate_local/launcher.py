"""Starts and stops the local cloud: the process, the stack in it, and the card that says where it is."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO

import boto3

from headgate_local.card import Card, home, work
from headgate_local.cloud import HOST, REGION, UNBORN_SECONDS, sweep_temporary
from headgate_local.deploy import STACK, deploy

DEFAULT_PORT = 4566
ROOT = Path(__file__).resolve().parents[2]
_MODULE = "headgate_local.cloud"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_UNBORN_SECONDS = UNBORN_SECONDS + 3.0
"""How long a half started cloud has to end by itself; see `headgate_local.cloud`."""
_TURN_SECONDS = 240.0
"""How long another `up` or `down` is waited for: a stack has two minutes to come up."""
Progress = Callable[[str], None]


class LocalCloudError(Exception):
    """Raised when the local cloud cannot be started or stopped; the message says what to do."""


def up(port: int | None, progress: Progress) -> Card:
    """Start the local cloud with the stack in it, or find the one that runs.

    `port` is the one to listen on; None takes 4566, or a free one when that is taken.

    Raises:
        LocalCloudError: when the port is taken, the process does not come up or the one that runs does not answer.
    """
    with _alone(progress):
        running = Card.load()
        if running is not None and is_running(running):
            _wait_for_answer(running.endpoint_url, running.log, lambda: is_running(running))
            progress(f"already running at {running.endpoint_url}")
            return running
        Card.remove()
        template = ROOT / "template.yaml"
        if not template.is_file():
            raise LocalCloudError(
                "template.yaml was not found; run Headgate from its checkout (make setup installs it so)."
            )
        card = _give_birth(port, template, progress)
        progress("ready")
        return card


def down(purge: bool, progress: Progress) -> bool:
    """Stop the local cloud and everything that it started; `purge` also removes its log and working files.

    Its card goes when it has ended, not before: without it nobody would find it.

    Returns:
        Whether one was running.
    """
    with _alone(progress):
        card = Card.load()
        running = card is not None and is_running(card)
        if card is not None and running:
            progress(f"stopping the local cloud at {card.endpoint_url}")
            _stop(card)
        Card.remove()
        sweep_temporary()  # of one that had to be killed, now or before
        if purge:
            (home() / "local.log").unlink(missing_ok=True)
            shutil.rmtree(work(), ignore_errors=True)  # of a cloud that was killed; others leave nothing there
        if running:
            progress("stopped")
        return running


@contextlib.contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Wait until nobody else starts or stops the cloud of this home, and keep others waiting meanwhile.

    However this process ends, the lock ends with it.
    """
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("wb") as lock:
        deadline, told = time.monotonic() + _TURN_SECONDS, False
        while not _taken(lock):
            if not told:
                progress("waiting for another `headgate up` or `headgate down`")
                told = True
            if time.monotonic() > deadline:
                raise LocalCloudError(
                    f"Another `headgate up` or `headgate down` has not ended for {_TURN_SECONDS:.0f} s; end it first."
                )
            time.sleep(0.05)
        yield


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _give_birth(port: int | None, template: Path, progress: Progress) -> Card:
    """Start a cloud, deploy the stack to it and leave its card; or leave nothing, however this process ends."""
    log = home() / "local.log"
    credentials = (f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
    with _listener(port) as listener:
        endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
        progress(f"starting the local cloud at {endpoint_url}")
        process, birth = _start(listener, log, credentials)
    with birth:
        try:
            with _interruptible():
                _wait_for_answer(endpoint_url, str(log), lambda: process.poll() is None)
                session = boto3.Session(*credentials, region_name=REGION)
                outputs = deploy(session, endpoint_url, template, progress)
                card = Card(
                    endpoint_url=endpoint_url,
                    region=REGION,
                    access_key_id=credentials[0],
                    secret_access_key=credentials[1],
                    data_bucket=outputs["DataBucket"],
                    artifact_bucket=outputs["ArtifactBucket"],
                    stack=STACK,
                    pid=process.pid,
                    log=str(log),
                )
                card.save()
            with contextlib.suppress(BrokenPipeError):  # it has ended since, as it may at any time from now on
                birth.write(b"!")
        except BaseException:  # also when a person interrupts: nothing half started stays behind
            Card.remove()
            birth.close()  # and so it ends itself
            try:
                process.wait(_UNBORN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()  # what it started ends with it
                process.wait()
            raise
    return card


def is_running(card: Card) -> bool:
    """Whether the process of the card is its local cloud. It need not answer: a busy one may take its time.

    A process of another home's cloud may have the number by now; that one has another port.
    """
    ours = f"{_MODULE} --port {card.endpoint_url.rpartition(':')[2]} "
    if sys.platform == "linux":
        try:
            command_line = Path(f"/proc/{card.pid}/cmdline").read_bytes()
        except OSError:
            return False
        return ours.encode() in command_line.replace(b"\0", b" ")
    command = ["ps", "-ww", "-o", "command=", "-p", str(card.pid)]
    return ours in subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make sure that an interruption is heard: Python drops one that falls into a destructor or a weak reference's end.

    In the main thread; elsewhere no signal arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.set()
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
        if heard.is_set():
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _listener(port: int | None) -> socket.socket:
    """A socket that listens where the local cloud shall. It is handed on open: nobody else can take its port."""
    for candidate in (DEFAULT_PORT, 0) if port is None else (port,):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
            listener.listen(128)
        except OSError:
            listener.close()
        else:
            return listener
    raise LocalCloudError(f"Port {port} is taken; choose another one with --port.")


def _start(
    listener: socket.socket, log: Path, credentials: tuple[str, str]
) -> tuple["subprocess.Popen[bytes]", IO[bytes]]:
    """The cloud's process, and the pipe that it reads: it ends itself if that is closed before a byte was written."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": credentials[0],
        "AWS_SECRET_ACCESS_KEY": credentials[1],
    }
    port = str(listener.getsockname()[1])
    reader, writer = os.pipe()
    birth = os.fdopen(writer, "wb", buffering=0)
    descriptors = [listener.fileno(), reader]
    with os.fdopen(reader), log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
            [sys.executable, "-m", _MODULE, "--port", port, "--listener", str(descriptors[0]), "--born", str(reader)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,
        )
    return process, birth


def _wait_for_answer(endpoint_url: str, log: str, lives: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(endpoint_url):
        if not lives():
            raise LocalCloudError(f"The local cloud ended before it answered; its log is {log}.")
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"The local cloud at {endpoint_url} did not answer within {_START_SECONDS:.0f} s; its log is {log}."
            )
        time.sleep(0.05)


def _answers(endpoint_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(card: Card) -> None:
    """Ask the process to end, then end it; answers when it has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(card.pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):  # one of our own must be reaped
                os.waitpid(card.pid, os.WNOHANG)
            if not is_running(card):
                return
            time.sleep(0.05)
    raise LocalCloudError(f"The local cloud (process {card.pid}) does not end, even when it is killed.")
