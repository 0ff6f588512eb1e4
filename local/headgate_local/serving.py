"""An endpoint's container: serves one model on loopback until its stdin ends.

    python -m headgate_local.serving FOLDER

FOLDER is an unpacked model.tar.gz; HEADGATE_FORMAT says which format of its network to load. Prints ``{"port": N}``
once it can answer; says on stderr why it cannot.
No TensorFlow here: it starts in a fifth of a second and answers in a fifth of a millisecond.
"""

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

import orjson

from headgate_local import lifeline
from headgate_training import bodies
from headgate_training.answers import Answer
from headgate_training.litert import LiteRtModel
from headgate_training.rows import Row


class Model:
    """The model of an archive: raw rows in, answers out. Safe to use from many threads."""

    def __init__(self, folder: Path, engine: str = "float32") -> None:
        self._model = LiteRtModel(folder / "1", engine)
        self.spec = self._model.spec
        self._one_at_a_time = threading.Lock()

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer for each row; raises RequestError for rows that do not fit the model's columns."""
        with self._one_at_a_time:
            return self._model.answer(rows)


def respond(model: Model, content_type: str, body: bytes) -> tuple[int, bytes]:
    """The status and the JSON body for the body of an invocation."""
    names = [column.name for column in model.spec.columns]
    return bodies.respond(content_type, body, names, model.answer, _loads, orjson.dumps)


def _loads(body: bytes) -> Any:
    """JSON, in a fifth of the time that Python's own reader takes; that one also takes NaN."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return bodies.loads(body)


def handler(answer: Callable[[str, bytes], tuple[int, bytes]]) -> type[BaseHTTPRequestHandler]:
    """The two paths of SageMaker's container contract, over kept-alive connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body leave in one packet

        def do_GET(self) -> None:
            self._send(200, b"{}") if self.path == "/ping" else self._send(404, bodies.refusal("Not found."))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length")
            if length is None or not length.isdigit():
                self.close_connection = True
                self._send(411, bodies.refusal("The request needs a Content-Length."))
                return
            body = self.rfile.read(int(length))
            if self.path != "/invocations":
                self._send(404, bodies.refusal("Not found."))
                return
            try:
                status, content = answer(self.headers.get("Content-Type", ""), body)
            except Exception:
                traceback.print_exc()
                status, content = 500, bodies.refusal("The model failed; its log says more.")
            self._send(status, content)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """No line for each request: it would cost more than the answer."""

    return Handler


class Server(ThreadingHTTPServer):
    """Loopback, any free port; a thread for each kept-alive connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[str, bytes], tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), handler(answer))

    def server_bind(self) -> None:
        """Bind, without HTTPServer's look-up of the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def main(folder: str) -> int:
    """Load the model and serve."""
    lifeline.watch(lambda: os.read(0, 1), lifeline.end_group)
    try:
        model = Model(Path(folder), os.environ.get("HEADGATE_FORMAT", "float32"))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        sys.stderr.write(f"The model archive is not servable: {type(error).__name__}: {error}\n".replace(folder, ""))
        return 1
    server = Server(lambda content_type, body: respond(model, content_type, body))
    sys.stdout.write(orjson.dumps({"port": server.server_port}).decode() + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
