"""The process that execution environments are forks of (headgate_local.environments); it has one thread.

    python -P -m headgate_local.forked CONTROL

CONTROL is the file descriptor of a socket on which the cloud asks for forks. It ends when the cloud does, and so does
this process.
"""

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import site
import socket
import sys
from typing import Any

PRELOAD = (
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event",
    "aws_lambda_powertools.utilities.data_classes.sqs_event",
    "aws_lambda_powertools.utilities.typing",
    "boto3.dynamodb.types",
    "botocore.handlers",
    "concurrent.futures.thread",
    "csv",
    "pydantic.fields",
    "pydantic.functional_validators",
    "pydantic.json_schema",
    "pydantic.main",
    "statistics",
    "tarfile",
    "yaml",
)
"""What is on AWS's own image and in nearly every function's layer, so in no archive that a fork could find changed."""


def main() -> None:
    """Import, then fork for each request; a fork returns from here as the environment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the cloud, which ends this process
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a fork ended
    for name in PRELOAD:
        importlib.import_module(name)
    _share_descriptions()
    gc.collect()
    gc.freeze()
    request = _next_fork(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(request["variables"])
        os.chdir(request["cwd"])
        sys.argv = [request["script"]]
        sys.modules.pop("sitecustomize", None)  # what a new process with these variables would load first
        site.execsitecustomize()
        runpy.run_path(request["script"], run_name="__main__")


def _share_descriptions() -> None:
    """Read botocore's descriptions of the usual services once: JSON of up to 2 MB, anew in every session. A client, of
    nobody, brings all that there is to read and to import."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    nobody = botocore.session.Session()
    for service in ("sts", "dynamodb", "s3", "sagemaker", "cloudwatch", "stepfunctions"):
        nobody.create_client(service, "us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nobody")  # noqa: S106


def _next_fork(control: socket.socket) -> dict[str, Any] | None:
    """In a fork: what to run in it. In the parent: None, once the cloud has ended."""
    while True:
        size, descriptors, _, _ = socket.recv_fds(control, 4, 4)
        if not size:
            return None
        request: dict[str, Any] = json.loads(control.recv(int.from_bytes(size), socket.MSG_WAITALL))
        if os.fork() == 0:
            control.close()
            *streams, alive = descriptors  # `alive` is open as long as this process is
            _take(streams)
            os.write(alive, os.getpid().to_bytes(4))
            return request
        for number in descriptors:
            os.close(number)


def _take(streams: list[int]) -> None:
    """Make these the standard streams of this process."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", buffering=1 if number == 2 else -1, closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )


if __name__ == "__main__":
    main()
