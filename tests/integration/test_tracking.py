"""A tracking server is told in its own words; one that is away, or never answers, holds up nothing.

MLflow's server needs more packages than the project has. The one here speaks its interface by MLflow's own tables of
paths and messages, so that a request or an answer that MLflow does not know fails; its runs lie in MLflow's own store.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.service_pb2 import (
    CreateExperiment,
    CreateRun,
    GetExperimentByName,
    LogBatch,
    MlflowService,
    SearchRuns,
    UpdateRun,
)
from mlflow.tracking import MlflowClient
from mlflow.utils.proto_json_utils import message_to_json, parse_dict
from mlflow.utils.rest_utils import extract_api_info_for_service

from headgate.tracking import Tracking
from headgate_training import tracking


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in tracking.IMPATIENT | tracking.QUIET:
        monkeypatch.setenv(name, "")  # remembered, so that what is set below ends with the test
        monkeypatch.delenv(name)
    (tmp_path / "output").mkdir()
    card = {"identity": {"tenant": "acme", "project": "valves", "run": "acme-valves-1"}, "spec": {}, "training": {}}
    (tmp_path / "output" / "card.json").write_text(json.dumps(card | {"evaluation": {}}))
    return tmp_path


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port of loopback that is ours."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def address(taken: socket.socket) -> str:
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_nobody_listens(root: Path, taken: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    assert not tracking.tell(root, address(taken))
    assert "warning: MLflow was not told of this run" in capsys.readouterr().out


@pytest.mark.timeout(60)
def test_nobody_answers(root: Path, taken: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "IMPATIENT", tracking.IMPATIENT | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1"})
    taken.listen()
    assert not tracking.tell(root, address(taken))


RECORD: dict[str, Any] = {
    "tenant": "acme", "project": "valves", "run": "acme-valves-1", "dataset": "1", "outcome": "PROMOTED",
    "reason_code": "SERVING", "version": "3", "arrived_at": "2026-11-24T00:00:00.000Z",
    "ended_at": "2026-11-24T00:10:00.000Z",
    "cost": {
        "estimated_usd": 0.5,
        "parts": [{"what": "training", "estimated_usd": 0.5}, {"what": "evaluation", "estimated_usd": None}],
    },
}  # fmt: skip


class Server:
    """MLflow's interface over a store of its own, in a thread."""

    def __init__(self, store: str) -> None:
        self.client = MlflowClient(tracking_uri=store)
        self.asked: list[str | None] = []
        self.users: list[str | None] = []
        paths = extract_api_info_for_service(MlflowService, "/api/2.0")
        self.messages = {place: message for message, (place, _) in paths.items()}
        self.operations = {
            GetExperimentByName: self._experiment,
            CreateExperiment: lambda asked: {"experiment_id": self.client.create_experiment(asked.name)},
            SearchRuns: self._search,
            CreateRun: self._create,
            LogBatch: self._log,
            UpdateRun: self._end,
        }

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        message = self.messages[path]()
        known = {field.name for field in message.DESCRIPTOR.fields}
        assert set(body) <= known, path
        parse_dict(body, message)
        self.asked.append(path.rpartition("mlflow/")[2])
        return self.operations[type(message)](message)

    def _experiment(self, asked: Any) -> dict[str, Any]:
        found = self.client.get_experiment_by_name(asked.experiment_name)
        if found is None:
            raise MlflowException("none of that name")
        return json.loads(message_to_json(GetExperimentByName.Response(experiment=found.to_proto())))

    def _search(self, asked: Any) -> dict[str, Any]:
        runs = self.client.search_runs(list(asked.experiment_ids), asked.filter, max_results=asked.max_results)
        return json.loads(message_to_json(SearchRuns.Response(runs=[run.to_proto() for run in runs])))

    def _create(self, asked: Any) -> dict[str, Any]:
        tags = {tag.key: tag.value for tag in asked.tags}
        run = self.client.create_run(asked.experiment_id, asked.start_time, tags, asked.run_name)
        return json.loads(message_to_json(CreateRun.Response(run=run.to_proto())))

    def _log(self, asked: Any) -> dict[str, Any]:
        for tag in asked.tags:
            self.client.set_tag(asked.run_id, tag.key, tag.value)
        for each in asked.metrics:
            self.client.log_metric(asked.run_id, each.key, each.value, each.timestamp, each.step)
        return {}

    def _end(self, asked: Any) -> dict[str, Any]:
        self.client.set_terminated(asked.run_id, "FAILED" if asked.status == 4 else "FINISHED", asked.end_time)
        return {}

    def runs(self) -> list[Run]:
        found = self.client.get_experiment_by_name("headgate/acme/valves")
        return list(self.client.search_runs([found.experiment_id])) if found else []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    mlflow = Server(f"sqlite:///{tmp_path}/runs.db")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._reply(url.path, dict(parse_qsl(url.query)))

        def do_POST(self) -> None:
            self._reply(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _reply(self, path: str, body: dict[str, Any]) -> None:
            mlflow.users.append(self.headers["Authorization"])
            try:
                status, told = 200, mlflow.answer(path, body)
            except MlflowException:
                status, told = 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield mlflow, f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def test_a_run_that_was_not_evaluated_is_made_known_once(server: tuple[Server, str]) -> None:
    mlflow, place = server
    for _ in range(2):
        assert Tracking(f"http://{place}/").tell(RECORD | {"outcome": "FAILED", "version": None}) is None
    [run] = mlflow.runs()
    assert (run.info.run_name, run.info.status) == ("acme-valves-1", "FAILED")
    assert run.data.tags["headgate.outcome"] == "FAILED"
    assert "headgate.version" not in run.data.tags
    assert run.data.metrics == {"cost.estimated_usd": 0.5, "cost.training_usd": 0.5}
    assert len(mlflow.client.get_metric_history(run.info.run_id, "cost.estimated_usd")) == 1
    assert run.info.end_time - run.info.start_time == 600_000


def test_outcome_and_cost_join_what_the_evaluation_told(server: tuple[Server, str], root: Path) -> None:
    mlflow, place = server
    assert tracking.tell(root, str(mlflow.client.tracking_uri))  # by MLflow's own client, as in the container
    assert Tracking(f"http://{place}").tell(RECORD) is None
    [run] = mlflow.runs()
    assert run.info.status == "FINISHED"
    assert (run.data.tags["headgate.outcome"], run.data.tags["headgate.version"]) == ("PROMOTED", "3")
    assert run.data.metrics["cost.estimated_usd"] == 0.5
    assert "runs/create" not in mlflow.asked


def test_a_password_in_the_address_goes_where_passwords_go(server: tuple[Server, str]) -> None:
    mlflow, place = server
    assert Tracking(f"http://user:p%40ss@{place}").tell(RECORD) is None
    assert set(mlflow.users) == {"Basic dXNlcjpwQHNz"}


def test_a_server_of_another_kind_is_told_nothing(taken: socket.socket) -> None:
    taken.listen()

    def talk() -> None:
        connection, _ = taken.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    thread = Thread(target=talk)
    thread.start()
    assert Tracking(address(taken)).tell(RECORD) == "JSONDecodeError"
    thread.join()


def test_a_server_that_is_away_fails_no_run(taken: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tracking(address(taken)).tell(RECORD) == "URLError"
    taken.listen()
    monkeypatch.setattr("headgate.tracking.SECONDS", 0.2)
    assert Tracking(address(taken)).tell(RECORD) == "TimeoutError"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_a_server_that_answers_byte_by_byte_is_not_waited_for(
    begun: bytes, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken.listen()
    enough = Event()

    def drip() -> None:
        connection, _ = taken.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(begun)
            with contextlib.suppress(ConnectionError):
                while not enough.wait(0.05):
                    connection.sendall(b" ")

    thread = Thread(target=drip)
    thread.start()
    monkeypatch.setattr("headgate.tracking.SECONDS", 0.5)
    asked = time.monotonic()
    assert Tracking(address(taken)).tell(RECORD) == "TimeoutError"
    assert time.monotonic() - asked < 5
    enough.set()
    thread.join()


def test_a_server_cannot_send_us_to_another_one(server: tuple[Server, str], taken: socket.socket) -> None:
    mlflow, place = server
    taken.listen()

    def redirect() -> None:
        connection, _ = taken.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: http://{place}/\r\n\r\n".encode())

    thread = Thread(target=redirect)
    thread.start()
    assert Tracking(f"http://user:secret@{address(taken).removeprefix('http://')}").tell(RECORD) == "HTTPError"
    thread.join()
    assert mlflow.users == []
