"""An endpoint's container: serves one model on loopback until its stdin ends.

    python -m headgate_local.serving FOLDER

FOLDER is an unpacked model.tar.gz; HEADGATE_FORMAT says which format of its network to load. Prints ``{"port": N}``
once it can answer; says on stderr why it cannot.
No TensorFlow here: it starts in a fifth of a second and answers in a fifth of a millisecond.
"""

import contextlib
import csv
import io
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
from headgate_training.answers import Answer
from headgate_training.litert import LiteRtModel
from headgate_training.spec import Spec
from headgate_training.table import RequestError

Row = dict[str, Any]


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


def rows_of_json(body: bytes, _: Spec) -> list[Row]:
    """TensorFlow Serving's row format (``instances``) or column format (``inputs``)."""
    request = orjson.loads(body)
    if not isinstance(request, dict) or ("instances" not in request and "inputs" not in request):
        raise RequestError('The request needs "instances": a list of objects with one value for each column.')
    rows = request.get("instances")
    if rows is None:
        columns = request["inputs"]
        if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
            raise RequestError('"inputs" must be an object with one list for each column.')
        if len({len(column) for column in columns.values()}) > 1:
            raise RequestError('The columns in "inputs" differ in length.')
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if not isinstance(rows, list):
        raise RequestError('"instances" must be a list.')
    return rows


def rows_of_json_lines(body: bytes, _: Spec) -> list[Row]:
    """One row in each line."""
    return [orjson.loads(line) for line in body.splitlines() if line.strip()]


def rows_of_csv(body: bytes, spec: Spec) -> list[Row]:
    """One row in each line, no header, cells in the order of the model's columns."""
    names = [column.name for column in spec.columns]
    rows = []
    for number, cells in enumerate(csv.reader(io.StringIO(body.decode("utf-8"))), start=1):
        if cells and len(cells) != len(names):
            raise RequestError(f"Row {number} has {len(cells)} cells, but the model has {len(names)} columns.")
        if cells:
            rows.append(dict(zip(names, cells, strict=True)))
    return rows


READERS: dict[str, Callable[[bytes, Spec], list[Row]]] = {
    "application/json": rows_of_json,
    "application/jsonlines": rows_of_json_lines,
    "application/x-ndjson": rows_of_json_lines,
    "text/csv": rows_of_csv,
}


def respond(model: Model, content_type: str, body: bytes) -> tuple[int, bytes]:
    """The status and the JSON body for the body of an invocation."""
    reader = READERS.get(content_type.partition(";")[0].strip().lower())
    if reader is None:
        return 415, _error(f"Content type {content_type!r} is not one of: {', '.join(READERS)}.")
    try:
        rows = reader(body, model.spec)
        if not rows:
            return 400, _error("The request holds no rows: give one value for each column.")
        return 200, orjson.dumps({"predictions": model.answer(rows)})
    except RequestError as error:
        return 400, _error(str(error))
    except csv.Error as error:
        return 400, _error(f"The request is not valid {content_type}: {error}.")
    except ValueError:  # not JSON, not UTF-8
        return 400, _error(f"The request is not valid {content_type}.")


def _error(message: str) -> bytes:
    return orjson.dumps({"error": message})


def handler(answer: Callable[[str, bytes], tuple[int, bytes]]) -> type[BaseHTTPRequestHandler]:
    """The two paths of SageMaker's container contract, over kept-alive connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body leave in one packet

        def do_GET(self) -> None:
            self._send(200, b"{}") if self.path == "/ping" else self._send(404, _error("Not found."))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length")
            if length is None or not length.isdigit():
                self.close_connection = True
                self._send(411, _error("The request needs a Content-Length."))
                return
            body = self.rfile.read(int(length))
            if self.path != "/invocations":
                self._send(404, _error("Not found."))
                return
            try:
                status, content = answer(self.headers.get("Content-Type", ""), body)
            except Exception:
                traceback.print_exc()
                status, content = 500, _error("The model failed; its log says more.")
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
    lifeline.watch(lambda: os.read(0, 1), whole_group=True)
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
