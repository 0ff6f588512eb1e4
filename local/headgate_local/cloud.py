"""The local cloud's process: MiniStack with IAM enforced, and the services that Headgate adds to it.

    python -m headgate_local.cloud --port 4566

runs it in the foreground on loopback until SIGINT or SIGTERM; credentials come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from headgate_local.card import home
from headgate_local.leftovers import sweep

HOST = "127.0.0.1"
REGION = "eu-central-1"
UNBORN_SECONDS = 2.0
"""How long a cloud that nobody would find has to end in order: it holds nothing yet that could be lost."""


TEMPORARY = "headgate-cloud-"
"""How the name of a cloud's folder for what it needs for a while begins; its process's number follows."""


def sweep_temporary() -> None:
    """Take away the folders that killed clouds left behind, whichever home they had."""
    sweep(Path(tempfile.gettempdir()), TEMPORARY)


def environment(port: int) -> dict[str, str]:
    """MiniStack's settings. They are read when it is imported, so they must stand in the environment before."""
    return {
        "AUTH": "true",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        # What this cloud does not offer must not cost start-up time, memory or open ports.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def serve(port: int, listener: int | None = None) -> None:
    """Serve until told to stop; then end every process that was started on the way.

    `listener` is the file descriptor of a socket that listens on the port already.
    """
    os.environ.update(environment(port))
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack import app as ministack

    from headgate_local import seams
    from headgate_local.seams import door

    config = Config()
    if listener is None:
        config.bind = [f"{HOST}:{port}"]
    else:
        os.set_inheritable(listener, False)
        config.bind = [f"fd://{listener}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    config.accesslog = None

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        seams.install(os.environ["AWS_ENDPOINT_URL"])

        async def stopped() -> None:
            await stop.wait()
            threading.Thread(target=_let_none_work, name="ending", daemon=True).start()

        try:
            await hypercorn_serve(door.guarded(ministack.app), config, shutdown_trigger=stopped)
        finally:
            # Before the loop closes: it waits for its threads, and those wait for the processes that end here.
            _end_lambda_workers()
            seams.shutdown()

    asyncio.run(main())


def _end_unless_born(descriptor: int, folder: str) -> None:
    """End this process if the one that started it ends, however it does, before it has left a card.

    It writes a byte into the pipe that `descriptor` reads when the card is there. `folder` is its own; it goes
    even when requests that are under way keep it from ending in order.
    """
    os.set_inheritable(descriptor, False)

    def wait() -> None:
        with os.fdopen(descriptor, "rb", buffering=0) as birth:
            if birth.read(1):
                return
        sys.stderr.write("Whoever started this cloud has ended before it was ready; it ends, too.\n")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(UNBORN_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="birth", daemon=True).start()


def _end_lambda_workers() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.reset()


def _let_none_work() -> None:
    """End functions' processes, and those of invocations that have waited for their turn, until this process ends.

    Requests are waited for, and a function's may take a quarter of an hour: MiniStack lets none be cancelled.
    """
    while True:
        _end_lambda_workers()
        time.sleep(0.1)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="headgate_local.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--listener", type=int, help="file descriptor of a socket that listens on the port already")
    parser.add_argument("--born", type=int, help="file descriptor of a pipe: its end before a byte ends the cloud")
    options = parser.parse_args(arguments)
    Path(home()).mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # until it serves; the folder below goes then, too
    sweep_temporary()
    with tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder  # MiniStack leaves behind what environments that begin at the end unpack
        if options.born is not None:
            _end_unless_born(options.born, folder)
        serve(options.port, options.listener)
    return 0


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is ended and taken away. Python would wait for its executors' threads, and those may wait for hours:
    # for a task that a person has to answer, for an execution within another one.
    os._exit(ended)
