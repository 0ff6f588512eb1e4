"""Writes down every AWS call of boto3 with the role that makes it: one JSON line for each, in a file or a folder.

Loaded by the tests' conftest and, through `worker/sitecustomize.py`, by the processes of the local cloud's Lambdas,
where `HEADGATE_RECORD` says so. The product does not know of it.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIABLE = "HEADGATE_RECORD"
"""A folder; every process appends to a file of its own in it."""
_writing = threading.Lock()
_acting: list[tuple[str, str]] = []
"""World and role of those who act, innermost last; tests call one function at a time."""


@contextmanager
def acting(world: str, role: str) -> Iterator[None]:
    """What is called in this block is called by a role: a function's logical id, or its folder's name."""
    _acting.append((world, role))
    try:
        yield
    finally:
        _acting.pop()


def install(world: str = "", role: str = "") -> None:
    """From now on write down every call of this process; does nothing unless `HEADGATE_RECORD` is set."""
    if not os.environ.get(VARIABLE):
        return
    from botocore.client import BaseClient

    call: Callable[..., Any] = BaseClient._make_api_call
    if not getattr(call, "records", False):
        BaseClient._make_api_call = recorded(call, world, role)


def recorded(call: Callable[..., Any], world: str = "", role: str = "") -> Callable[..., Any]:
    """`_make_api_call` of clients, which is written down too where calls are: of a client, an operation, parameters."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return call
    from botocore.exceptions import ClientError

    Path(folder).mkdir(parents=True, exist_ok=True)

    def recording(self: Any, operation: str, params: dict[str, Any]) -> Any:
        who = _acting[-1] if _acting else (world, role)
        line = {
            "world": who[0],
            "role": who[1],
            "service": self.meta.service_model.service_name,
            "operation": operation,
            "params": json.loads(json.dumps(params, default=_short)),
            "error": "",
            "tenant": _tenant(self),
        }
        try:
            return call(self, operation, params)
        except ClientError as error:
            line["error"] = error.response["Error"]["Code"]
            raise
        finally:
            _write(Path(folder), line)

    recording.records = True  # type: ignore[attr-defined]
    return recording


def _tenant(client: Any) -> str:
    """Whose session signs; "" where a role signs for itself."""
    credentials = client._request_signer._credentials
    if getattr(credentials, "method", "") != "assume-role":
        return ""
    found = re.search(r"tenant/(\S+)", client.meta.config.user_agent_extra or "")
    return found[1] if found else ""


def _short(value: Any) -> str:
    return f"<{type(value).__name__}>"  # bodies: no rows of anybody's data in a record


def _write(folder: Path, line: dict[str, Any]) -> None:
    with _writing, (folder / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
