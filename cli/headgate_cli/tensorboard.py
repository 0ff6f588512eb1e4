"""TensorBoard's logs of a run: from the artifact bucket to this computer, and a TensorBoard on loopback for them."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import RunRef

START_SECONDS = 60.0


def fetch(cloud: Cloud, ref: RunRef, folder: Path) -> int:
    """Download the logs of a run, and tell how many files they are.

    Raises:
        UsageError: when the run has none.
    """
    client = cloud.client("s3")
    prefix = f"{ref.folder}tensorboard/"
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=cloud.artifact_bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", []) if not each["Key"].endswith("/")]
    if not keys:
        raise UsageError(f"{ref.run} has no logs for TensorBoard: it was not trained, or does not train yet.")
    for key in keys:
        path = (folder / key.removeprefix(prefix)).resolve()
        if folder.resolve() not in path.parents:
            continue  # a key may name its way out of the folder; none that Headgate wrote does
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(cloud.artifact_bucket, key, str(path))
    return len(keys)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A TensorBoard for a folder on a free port of loopback: its address, and its process, which ends with this.

    Raises:
        CommandError: when TensorBoard is not installed, or does not come up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us so ends TensorBoard, too
    asked = ["--logdir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "tensorboard.main", *asked], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        _await(url, process)
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        signal.signal(signal.SIGTERM, before)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return
        if process.poll() is not None:
            said = (process.stderr.read() if process.stderr else b"").decode(errors="replace").strip().splitlines()
            raise CommandError(f"TensorBoard did not start: {said[-1] if said else 'it said nothing'}")
        if time.monotonic() > deadline:
            raise CommandError(f"TensorBoard did not answer within {START_SECONDS:.0f} s.")
        time.sleep(0.1)
