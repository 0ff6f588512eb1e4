"""What SageMaker's TensorFlow Serving container runs before the model: ``code/inference.py`` of the archive.

The container's own conversion refuses CSV for a model with named inputs, and knows no null, no number written as text
and no row without braces. Here requests are read by the code that the local instance server runs, and TensorFlow
Serving is asked in its row format, in types that it takes. Python alone, nothing else: the image promises no more.
"""

import contextlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, Protocol

sys.path.insert(0, str(Path(__file__).parent))  # in the archive the package lies beside this file

from headgate_training import bodies
from headgate_training.rows import RequestError, Row, RowChecker, too_large

SPEC = Path(__file__).parents[1] / "1" / "assets.extra" / "spec.json"
JSON = "application/json"
PATIENCE = 60.0
"""Seconds that an invocation may take, as SageMaker has it."""
FRAMES = 4
"""How far up the container's service is looked for."""


class Body(Protocol):
    """The stream of a request."""

    def read(self) -> bytes:
        """All of it."""
        ...


class Context(Protocol):
    """What the container tells of a request."""

    request_content_type: str
    rest_uri: str


class _Column(NamedTuple):
    name: str
    kind: str


class _Refused(Exception):
    """Raised when TensorFlow Serving refuses what was asked; carries its status and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Model:
    """The model behind TensorFlow Serving, by its spec."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        columns = [_Column(column["name"], column["kind"]) for column in spec["columns"]]
        self.names = [column.name for column in columns]
        self._checker = RowChecker(columns)
        self._answer = ("value", "low", "high") if spec["task"] == "regression" else ("label", "probabilities")

    def answer(self, rows: Sequence[Row], uri: str) -> list[dict[str, Any]]:
        """One answer for each row; raises RequestError for rows that do not fit the columns."""
        numbers, texts = self._checker.cells(rows)
        numeric, strings = self._checker.numeric, [name for name, _ in self._checker.texts]
        try:
            instances = [
                dict(zip(numeric, map(float, values), strict=True)) | dict(zip(strings, words, strict=True))  # type: ignore[arg-type]
                for values, words in zip(numbers, texts, strict=True)
            ]
        except OverflowError:
            raise too_large() from None
        given = _ask(uri, json.dumps({"instances": instances}).encode())["predictions"]
        return [{name: answer[name] for name in self._answer} for answer in given]


def handler(data: Body, context: Context) -> tuple[bytes, str]:
    """Answer one request; the container's service calls this."""
    model = _model()
    try:
        status, body = bodies.respond(
            context.request_content_type, data.read(), model.names, lambda rows: model.answer(rows, context.rest_uri)
        )
    except _Refused as error:
        status, body = error.status, bodies.refusal(str(error))
    if status != HTTPStatus.OK and not _tell(status):
        raise RequestError(json.loads(body)["error"])  # which the service answers as {"error": ...}, with 500
    return body, JSON


_loaded: list[Model] = []


def _model() -> Model:
    if not _loaded:
        _loaded.append(Model(json.loads(SPEC.read_text(encoding="utf-8"))))
    return _loaded[0]


def _ask(uri: str, body: bytes) -> Any:
    request = urllib.request.Request(uri, body, {"Content-Type": JSON})  # noqa: S310 - TensorFlow Serving on this host
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(said)["error"]
        raise _Refused(error.code, str(said)) from error


def _tell(status: int) -> bool:
    """Give the response another status than 200, which a handler cannot; whether that was possible.

    The service (python_service.py) sets 200 on its response, calls the handler and answers every exception with 500,
    which would blame the model for a bad request. Its response is the variable ``res`` of the calling frame.
    """
    frame = sys._getframe(1)
    for _ in range(FRAMES):
        if frame.f_back is None:
            return False
        frame = frame.f_back
        response = frame.f_locals.get("res")
        if response is not None and hasattr(response, "status"):
            response.status = f"{status} {HTTPStatus(status).phrase}"
            return True
    return False
