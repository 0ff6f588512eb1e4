"""Throughput: many clients at once, at an endpoint, at its instance's own server, and at one uvicorn worker.

Used by `benchmarks.prediction`. All three answer with the same function; the clients are threads of a process of their
own, each with one kept-alive connection on which it asks again as soon as it has its answer.
"""

import multiprocessing
import socket
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.wire import KeptAlive

CLIENTS = 8
SECONDS = 3.0


def serve_uvicorn(port: Connection, folder: Path) -> None:
    """One uvicorn worker that answers with what an instance answers with."""
    import uvicorn

    from headgate_local.serving import Model, respond

    model = Model(folder)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, answer = respond(model, dict(scope["headers"]).get(b"content-type", b"").decode(), body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    # told that it is TCP, as the one that uvicorn makes by itself: else asyncio does not set TCP_NODELAY
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port.send(listener.getsockname()[1])
    uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off")).run(sockets=[listener])


def throughput(contestants: dict[str, tuple[int, bytes]], turns: int) -> dict[str, float]:
    """Requests a second of each contestant (port, request), the median of its turns."""
    counted: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, (port, request) in contestants.items():
            counted[name].append(_rate(port, request))
    return {name: sorted(rates)[len(rates) // 2] for name, rates in counted.items()}


def _rate(port: int, request: bytes) -> float:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_drive, args=(theirs, port, request), daemon=True)
    process.start()
    theirs.close()
    counts: Sequence[int] = ours.recv()
    process.join()
    return sum(counts) / SECONDS


def _drive(answer: Connection, port: int, request: bytes) -> None:
    counts = [0] * CLIENTS
    begin = threading.Barrier(CLIENTS)

    def ask(number: int) -> None:
        client = KeptAlive(port, request)
        client()
        begin.wait()
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            client()
            counts[number] += 1

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    answer.send(counts)
