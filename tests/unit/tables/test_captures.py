"""Captured requests as a table: what each body means, and what is left out."""

import base64
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.domain.spec import SpecColumn
from headgate.tables.captures import CaptureCounts, read_captures
from headgate.tables.engine import Limits, opened
from headgate_training.bodies import respond
from headgate_training.rows import RowChecker

COLUMNS = [
    SpecColumn(name="age", kind="numeric"),
    SpecColumn(name="ward", kind="categorical"),
    SpecColumn(name="smoker", kind="boolean"),
]
CELLS = "f0, f1, f2"
ONE = '{"instances": [{"age": 1, "ward": "B2", "smoker": true}]}'


def captured(content_type: str, body: str, *, rows: int = 1, inference: str | None = None, **changes: object) -> str:
    """A line as SageMaker writes it."""
    answer = json.dumps({"predictions": [{"label": "yes", "probabilities": [0.2, 0.8]}] * rows})
    about = {"eventId": "e-1", "inferenceTime": "2026-03-01T10:00:00Z"} | (
        {"inferenceId": inference} if inference else {}
    )
    asked = {"observedContentType": content_type, "mode": "INPUT", "data": body, "encoding": "JSON"} | changes
    answered = {"observedContentType": "application/json", "mode": "OUTPUT", "data": answer, "encoding": "JSON"}
    data = {"endpointInput": asked, "endpointOutput": answered}
    return json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"})


Read = Callable[..., tuple[CaptureCounts, list[tuple[object, ...]]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(*files: bytes, select: str = CELLS) -> tuple[CaptureCounts, list[tuple[object, ...]]]:
        paths = [tmp_path / f"{number}.jsonl" for number in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        with opened(tmp_path, Limits(memory_mb=128, threads=1)) as engine:
            found = read_captures(engine, paths, COLUMNS)
            return found, engine.rows(f"SELECT {select} FROM captured")

    return run


BODIES = [
    ("application/json", ONE),
    ("", ONE),
    ("application/json; charset=utf-8", '{"instances": [{"smoker": false, "age": "2.5", "ward": null}]}'),
    (
        "application/json",
        '{"instances": [{"age": NaN, "ward": "", "smoker": ""}, {"age": 2, "ward": "Ü", "smoker": "True"}]}',
    ),
    ("application/json", '{"inputs": {"age": [1, null], "ward": ["B2", "C1"], "smoker": ["True", false]}}'),
    ("application/json", '{"instances": null, "inputs": {"age": [7], "ward": ["\\"instances\\""], "smoker": [true]}}'),
    (
        "application/jsonlines",
        '{"age": 1, "ward": "B2", "smoker": true}\r\n\n{"age": 2, "ward": "C1", "smoker": false}\n',
    ),
    ("application/x-ndjson", '{"age": 1, "ward": "True", "smoker": "FALSE"}'),
    ("text/csv", "1,B2,true\n2.5,,false\n,C1,\n"),
    ("text/csv", "ward,smoker,age\r\nB2,True,1\r\n\r\n,,nan"),
    ("text/csv", "1,B2,true\r"),
    ("text/csv; charset=utf-8", '\ufeffward,smoker,age\n"B, ""2""\nfloor 1",True,1\n'),
]


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_a_body_means_what_the_reader_of_requests_reads(read: Read, content_type: str, body: str) -> None:
    checker, meant = RowChecker(COLUMNS), []

    def answer(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        for numbers, texts in zip(*checker.cells(rows), strict=True):
            number = float(numbers[0])
            meant.append((None if math.isnan(number) else number, *(text or None for text in texts)))
        return [{} for _ in rows]

    assert respond(content_type, body.encode(), [column.name for column in COLUMNS], answer)[0] == 200
    found, rows = read(captured(content_type, body, rows=len(meant)).encode())
    assert rows == meant
    assert found == CaptureCounts(rows=len(meant), requests=1, probes=0, malformed=0)


def test_rows_carry_their_request_their_number_and_their_answer(read: Read) -> None:
    body = json.dumps({"instances": [json.loads(ONE)["instances"][0]] * 2})
    select = "inference, event, number, moment::VARCHAR, label, probabilities, value"
    _, rows = read(captured("application/json", body, rows=2, inference="abc").encode(), select=select)
    about = ("2026-03-01 10:00:00", "yes", [0.2, 0.8], None)
    assert rows == [("abc", "e-1", 1, *about), ("abc", "e-1", 2, *about)]


def test_a_regression_answers_values(read: Read) -> None:
    line = json.loads(captured("application/json", ONE))
    line["captureData"]["endpointOutput"]["data"] = '{"predictions": [{"value": 3.5, "low": 1, "high": 6}]}'
    assert read(json.dumps(line).encode(), select="value, label")[1] == [(3.5, None)]


def test_bodies_in_base64_are_read_alike(read: Read) -> None:
    encoded = base64.b64encode(ONE.encode()).decode()
    assert read(captured("application/json", encoded, encoding="BASE64").encode())[1] == [(1.0, "B2", "true")]


@pytest.mark.parametrize(
    "line",
    [
        b"not json {",
        b'{"captureData": {"endpointInput"',
        b"[1, 2]",
        b'{"other": "thing"}',
        b'{"captureData": "\xff\xfe"}',
        captured("application/json", '{"instances": [').encode(),
        captured("application/json", "[1, 2]").encode(),
        captured("application/json", ONE, rows=2).encode(),
        captured("application/json", '{"inputs": {"age": [1]}}', rows=2).encode(),
        captured("image/png", "x").encode(),
        captured("text/csv", "1,B2").encode(),
        captured("text/csv", '1,"B2').encode(),
        captured("text/csv", "1,B2,true\n1,B2", rows=2).encode(),
        captured("text/csv", "1,B2\r,true").encode(),
        captured("text/csv", "age,ward,smoker\n1,B2").encode(),
        captured("text/csv", "").encode(),
        captured("application/json", "!!", encoding="BASE64").encode(),
        captured("application/json", ONE).replace("predictions", "error").encode(),
        json.dumps({"captureData": {"endpointInput": {"data": ONE, "encoding": "JSON"}}}).encode(),
    ],
)
def test_a_damaged_capture_is_counted_and_the_others_are_read(read: Read, line: bytes) -> None:
    sound = captured("application/json", ONE).encode()
    found, rows = read(b"\n".join([sound, line, sound]) + b"\n", sound)
    assert found == CaptureCounts(rows=3, requests=3, probes=0, malformed=1)
    assert rows == [(1.0, "B2", "true")] * 3


def test_a_file_that_nothing_can_read_does_not_spoil_the_others(read: Read) -> None:
    endless = b'{"captureData": "' + b"x" * 40_000_000
    found, rows = read(endless + b"\n", captured("application/json", ONE).encode())
    assert (found.malformed, rows) == (1, [(1.0, "B2", "true")])


def test_requests_of_our_own_do_not_count(read: Read) -> None:
    lines = [captured(kind, body, inference="headgate-probe-1") for kind, body in (BODIES[0], BODIES[7], BODIES[8])]
    found, rows = read("\n".join(lines).encode())
    assert (found, rows) == (CaptureCounts(rows=0, requests=0, probes=3, malformed=0), [])
