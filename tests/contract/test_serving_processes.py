"""Serving processes: failing models, stale connections, failed restarts, processes that say nothing."""

import http.client
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest
from waiting import eventually

from headgate_local.sagemaker.hosting import server as hosting
from headgate_local.sagemaker.hosting.server import InstanceGone, NotServable, Server
from headgate_local.serving import Server as Container

PROGRAM = """
import json, os, pathlib, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = pathlib.Path(sys.argv[-1])
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = os.environ.get("SAID", "").encode() or body
        if body == b"slow":
            time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = True  # and nothing in the answer says so
    def log_message(self, *_):
        pass

with (folder / "starts").open("a") as starts:
    starts.write("x")
if (folder / "silent").exists():
    sys.stdin.read()
if (folder / "broken").exists():
    sys.exit("broken")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
"""


def swallow(output: IO[bytes]) -> None:
    output.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts a server with a process that runs PROGRAM in the test's folder."""
    with ExitStack() as stack:

        def make(**members: Any) -> Server:
            server = Server(tmp_path, swallow, program=(sys.executable, "-c", PROGRAM), **members)
            stack.callback(server.close)
            return server

        yield make


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text())


def test_a_connection_that_ended_unseen_costs_no_request_and_no_instance(start, tmp_path) -> None:
    server = start()
    for number in range(200):
        body = str(number).encode()
        assert server.invoke(body, {}).body == body
        assert server.up
    assert starts(tmp_path) == 1


def test_the_environment_of_the_container_is_the_process_s(start) -> None:
    assert start(environment={"SAID": "this"}).invoke(b"", {}).body == b"this"


def test_a_process_that_hangs_is_ended_and_starts_again_and_one_that_is_slow_is_not(
    start, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(hosting, "PATIENCE", 0.2)
    monkeypatch.setattr(hosting, "PING", 0.2)
    server = start()
    with pytest.raises(TimeoutError):
        server.invoke(b"slow", {})
    assert (server.up, server.invoke(b"again", {}).body) == (True, b"again")
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        server.invoke(b"to nobody", {})
    eventually(lambda: starts(tmp_path) == 2 and server.up)
    assert server.invoke(b"here", {}).body == b"here"


def test_what_cannot_start_again_is_tried_until_it_can(start, tmp_path) -> None:
    server = start()
    (tmp_path / "broken").touch()
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: starts(tmp_path) >= 3)
    assert not server.up
    with pytest.raises(InstanceGone):
        server.invoke(b"x", {})
    (tmp_path / "broken").unlink()
    eventually(lambda: server.up)
    assert server.invoke(b"x", {}).body == b"x"


def test_one_that_is_closed_while_it_tries_tries_no_more(start, tmp_path) -> None:
    server = start()
    (tmp_path / "broken").touch()
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: starts(tmp_path) >= 2)
    server.close()
    seen = starts(tmp_path)
    (tmp_path / "broken").unlink()
    server.close()
    assert (starts(tmp_path), server.up) == (seen, False)


def test_a_process_that_says_nothing_is_ended(start, tmp_path) -> None:
    (tmp_path / "silent").touch()
    with pytest.raises(NotServable):
        start(ready=0.5)


def test_a_restart_that_says_nothing_can_be_closed(start, tmp_path) -> None:
    server = start()
    (tmp_path / "silent").touch()
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: starts(tmp_path) == 2)
    server.close()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_model_that_fails_answers_500_and_its_connection_stays(capsys) -> None:
    def answer(content_type: str, body: bytes) -> tuple[int, bytes]:
        if body == b"bad":
            raise RuntimeError("the model is broken")
        return 200, body

    container = Container(answer)
    serving = threading.Thread(target=container.serve_forever, daemon=True)
    serving.start()
    connection = http.client.HTTPConnection("127.0.0.1", container.server_port, timeout=30)
    seen = []
    for body in (b"good", b"bad", b"good"):
        connection.request("POST", "/invocations", body)
        response = connection.getresponse()
        seen.append((response.status, response.will_close))
        response.read()
    connection.close()
    container.shutdown()
    container.server_close()
    serving.join()
    assert seen == [(200, False), (500, False), (200, False)]
    assert "the model is broken" in capsys.readouterr().err
