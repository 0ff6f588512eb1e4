"""The same bodies to both places that serve: the local instance, and the handler of TensorFlow Serving's container.

TensorFlow Serving itself cannot run here. Its REST interface is stood in for by a server on the SavedModel's signature,
as strict with names and types as the real one; what calls the handler does what the container's service does.
"""

import csv
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from headgate_local.serving import Model, respond
from headgate_training.families import FAMILIES
from headgate_training.savedmodel import SavedModel

from .jobs import KINDS_COLUMNS, MIXED_COLUMNS, OF_GRIDS, Job

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
Ask = Callable[[str, bytes], tuple[int, bytes]]


class TensorFlowServing:
    """The row format of `:predict` (TensorFlow Serving, RESTful API), on the signature of one SavedModel."""

    def __init__(self, directory: Path) -> None:
        self._model = SavedModel(directory)
        self._inputs = {
            name: (tensor, self._model._session.graph.get_tensor_by_name(tensor).dtype)
            for name, tensor in self._model._inputs.items()
        }

    def predict(self, body: bytes) -> tuple[int, Any]:
        instances = json.loads(body)["instances"]
        for instance in instances:
            if not isinstance(instance, dict) or instance.keys() != self._inputs.keys():
                return 400, {"error": "Failed to process element: the inputs are named otherwise"}
            for name, (_, dtype) in self._inputs.items():
                wanted = str if dtype == tf.string else (int, float)
                if not isinstance(instance[name], wanted) or isinstance(instance[name], bool):
                    return 400, {"error": f"JSON Value: {type(instance[name])} is not of expected type"}
        feed = {
            tensor: np.array([instance[name] for instance in instances], object if dtype == tf.string else np.float64)
            for name, (tensor, dtype) in self._inputs.items()
        }
        try:
            columns = self._model._session.run(self._model._outputs, feed)
        except tf.errors.InvalidArgumentError as error:
            return 400, {"error": str(error)}
        given = [
            {name: _plain(values[row]) for name, values in sorted(columns.items())} for row in range(len(instances))
        ]
        return 200, {"predictions": given}


def _plain(value: Any) -> Any:
    """As TensorFlow Serving writes it: the shortest decimal of a float32."""
    if isinstance(value, bytes):
        return value.decode()
    return [float(str(each)) for each in value] if np.ndim(value) else float(str(value))


@pytest.fixture
def serve(socket_enabled: None) -> Iterator[Callable[[Path], str]]:
    """Starts TensorFlow Serving's stand-in and gives the address that the container hands to handlers."""
    servers: list[ThreadingHTTPServer] = []

    def start(directory: Path) -> str:
        stand_in = TensorFlowServing(directory)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, document = stand_in.predict(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(document, indent=4).encode())

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1/models/model:predict"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def both(serve: Callable[[Path], str]) -> Callable[[Job], tuple[Ask, Ask]]:
    """Both ways to ask a job's model: on the local instance, and in SageMaker's container."""

    def make(job: Job) -> tuple[Ask, Ask]:
        uri, handler, model = serve(job.version), load_handler(job.places.model), Model(job.places.model)

        def on_aws(content_type: str, body: bytes) -> tuple[int, bytes]:
            # PythonServiceResource._handle_invocation_post of sagemaker-tensorflow-serving-container.
            res = SimpleNamespace(status="200 OK", body=b"")
            context = SimpleNamespace(request_content_type=content_type or "application/json", rest_uri=uri)
            try:
                res.body, _ = handler(BytesIO(body), context)
            except Exception as error:
                res.status, res.body = "500 Internal Server Error", json.dumps({"error": str(error)}).encode()
            return int(res.status[:3]), res.body

        return lambda content_type, body: respond(model, content_type, body), on_aws

    return make


def load_handler(folder: Path) -> Callable[..., tuple[bytes, str]]:
    """The handler of an archive, imported as the container imports it; without a trace of that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.syspath_prepend(folder)  # restores the path as it was
        return _import_handler(folder)


def _import_handler(folder: Path) -> Callable[..., tuple[bytes, str]]:
    spec = importlib.util.spec_from_file_location("inference", folder / "code" / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[..., tuple[bytes, str]] = module.handler
    return handler


ROWS = [
    {
        "mean radius (µm)": 3.25,
        "50% a+b/c": 12,
        "ward 😀": "B2",
        "smoker?": True,
        "admitted": "2024-02-29T08:30:00",
    },
    {"mean radius (µm)": None, "50% a+b/c": "7.5", "ward 😀": None, "smoker?": "false", "admitted": ""},
]
NAMES = list(MIXED_COLUMNS)
CELLS = [[3.25, 12, "B2", "true", "2024-02-29T08:30:00"], ["", "7.5", "", "false", ""]]
LINE = "\n".join(",".join(map(str, cells)) for cells in CELLS)
BACKWARDS = "\r\n".join(",".join(map(str, cells[::-1])) for cells in [NAMES, *CELLS])
UNDERSTOOD = {
    "instances": (JSON, json.dumps({"instances": ROWS})),
    "without a content type": ("", json.dumps({"instances": ROWS})),
    "inputs": (JSON, json.dumps({"inputs": {name: [row[name] for row in ROWS] for name in NAMES}})),
    "lines": (LINES, "\n".join(map(json.dumps, ROWS))),
    "lines, blank ones between": ("application/x-ndjson", "\n\n".join(map(json.dumps, ROWS)) + "\n"),
    "csv": (f"{CSV}; charset=utf-8", LINE),
    "csv with a header in another order": (CSV, "\ufeff" + BACKWARDS + "\r\n"),
    "NaN for what is missing": (JSON, json.dumps({"instances": ROWS}).replace("null", "NaN", 1)),
}
REFUSED = {
    "no JSON": (JSON, '{"instances": ['),
    "a lone surrogate": (JSON, json.dumps({"instances": [ROWS[0] | {"ward 😀": "\ud800"}]})),
    "no instances": (JSON, json.dumps(ROWS)),
    "inputs of different lengths": (JSON, json.dumps({"inputs": {"a": [1], "b": []}})),
    "no rows": (JSON, json.dumps({"instances": []})),
    "no lines": (LINES, "\n"),
    "a column too few": (JSON, json.dumps({"instances": [ROWS[0], {"smoker?": True}]})),
    "a column too many": (JSON, json.dumps({"instances": [ROWS[0] | {"outcome": "often"}]})),
    "a row that is a list": (JSON, json.dumps({"instances": CELLS})),
    "text for a number": (JSON, json.dumps({"instances": [ROWS[0] | {"50% a+b/c": "many"}]})),
    "a truth for a number": (JSON, json.dumps({"instances": [ROWS[0] | {"50% a+b/c": True}]})),
    "a number too large": (JSON, json.dumps({"instances": [ROWS[0] | {"50% a+b/c": 10**400}]})),
    "a number for text": (JSON, json.dumps({"instances": [ROWS[0] | {"ward 😀": 2}]})),
    "no date": (JSON, json.dumps({"instances": [ROWS[1], ROWS[0] | {"admitted": "29.2.2024"}]})),
    "no day of the calendar": (LINES, json.dumps(ROWS[0] | {"admitted": "2023-02-29"})),
    "too few cells": (CSV, "1,2,3"),
    "an unfinished quotation": (CSV, '1,2,"B'),
    "not UTF-8": (CSV, b"\xff\xfe"),
    "a type that is none of them": ("application/x-npy", b"\x93NUMPY"),
}


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - OF_GRIDS))
def test_the_same_bodies_have_the_same_answers(
    both: Callable[[Job], tuple[Ask, Ask]], request: pytest.FixtureRequest, family: str
) -> None:
    local, aws = both(request.getfixturevalue("mixed_job" if family == "dnn" else f"{family}_job"))
    first = None
    for name, (content_type, text) in UNDERSTOOD.items():
        (status, here), (status_there, there) = local(content_type, text.encode()), aws(content_type, text.encode())
        assert (status, status_there) == (200, 200), (name, here, there)
        mine, theirs = json.loads(here)["predictions"], json.loads(there)["predictions"]
        assert [list(answer) for answer in mine] == [list(answer) for answer in theirs]
        assert [answer["label"] for answer in mine] == [answer["label"] for answer in theirs]
        for answer, other in zip(mine, theirs, strict=True):
            assert answer["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
        first = first or mine
        assert mine == first, f"{name} means something else than {next(iter(UNDERSTOOD))}"


@pytest.mark.parametrize("family", sorted(OF_GRIDS))
def test_images_steps_and_free_text_mean_the_same_in_every_body(
    both: Callable[[Job], tuple[Ask, Ask]], kinds_job: Callable[[str], Job], family: str
) -> None:
    job = kinds_job(family)
    places = both(job)
    golden = json.loads((job.version / "assets.extra" / "golden.json").read_text())["golden"]
    asked = [example["request"] for example in golden] + [golden[0]["request"] | {"note": 'a, "b"\n; İ \U0001f600'}]
    table = StringIO()
    writer = csv.DictWriter(table, list(KINDS_COLUMNS)[::-1])
    writer.writeheader()
    writer.writerows(asked)
    bodies = {
        JSON: json.dumps({"instances": asked}),
        LINES: "\n".join(map(json.dumps, asked)),
        CSV: table.getvalue(),
    }
    for content_type, text in bodies.items():
        for ask in places:
            status, body = ask(content_type, text.encode())
            assert status == 200, (content_type, body)
            given = json.loads(body)["predictions"]
            assert len(given) == len(asked)
            for answer, example in zip(given, golden, strict=False):
                assert answer == pytest.approx(example["answer"], rel=1e-3, abs=1e-3), content_type


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_in_the_same_words(
    both: Callable[[Job], tuple[Ask, Ask]], mixed_job: Job, name: str
) -> None:
    local, aws = both(mixed_job)
    content_type, text = REFUSED[name]
    body = text if isinstance(text, bytes) else text.encode()
    here = local(content_type, body)
    assert here == aws(content_type, body)
    assert here[0] == (415 if name.startswith("a type") else 400)


def test_numbers_have_the_same_answers(
    both: Callable[[Job], tuple[Ask, Ask]], train_example: Callable[[str], Job]
) -> None:
    job = train_example("manufacturing")
    golden = json.loads((job.version / "assets.extra" / "golden.json").read_text())["golden"]
    body = json.dumps({"instances": [example["request"] for example in golden]}).encode()
    answers = [json.loads(ask(JSON, body)[1])["predictions"] for ask in both(job)]
    for here, there, example in zip(*answers, golden, strict=True):
        assert list(here) == list(there) == ["value", "low", "high"]
        assert here == pytest.approx(there, rel=1e-5, abs=1e-5)
        assert here == pytest.approx(example["answer"], rel=1e-4, abs=1e-4)


def test_a_refusal_that_cannot_change_the_status_is_an_error_of_the_same_words(mixed_job: Job) -> None:
    handler = load_handler(mixed_job.places.model)
    context = SimpleNamespace(request_content_type=CSV, rest_uri="http://127.0.0.1:9/")
    with pytest.raises(ValueError, match="Row 1 has 3 cells"):
        handler(BytesIO(b"1,2,3"), context)


def test_the_handler_needs_python_alone(mixed_job: Job) -> None:
    program = "import inference, sys; print(inference._model().names, [n for n in sys.modules if 'numpy' in n])"
    isolated = [sys.executable, "-S", "-B", "-X", "utf8", "-c", program]
    ran = subprocess.run(
        isolated, cwd=mixed_job.places.model / "code", env={}, capture_output=True, encoding="utf-8", check=True
    )
    assert ran.stdout.strip() == f"{NAMES} []"


def test_an_instance_loads_the_format_that_it_is_told(mixed_job: Job) -> None:
    body = json.dumps({"instances": ROWS}).encode()
    sure, small = (respond(Model(mixed_job.places.model, name), JSON, body) for name in ("float32", "int8"))
    assert sure[0] == small[0] == 200
    assert sure[1] != small[1]
