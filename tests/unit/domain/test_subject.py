"""Which captured requests ask about a subject: by the column where it is told, by whole cells where it is not."""

import base64
import json
from typing import Any

import pytest

from headgate.domain.subject import Subject

SUBJECT = Subject("id", " 17 ")


def line(body: str, **more: str) -> bytes:
    part = {"data": body, **more}
    about = {"eventId": "17", "inferenceTime": "2026-01-17T17:17:17Z", "inferenceId": "17"}
    captured: dict[str, Any] = {"endpointInput": part, "endpointOutput": {"data": '{"predictions": [{"label": "17"}]}'}}
    return json.dumps({"captureData": captured, "eventMetadata": about}).encode()


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("body", "theirs"),
    [
        ('{"instances": [{"id": 3}, {"id": "17.0"}]}', True),
        ('{"inputs": {"age": [3, 4], "id": [16, 17]}}', True),
        ('{"instances": [{"id": 170, "age": 17}]}', False),
        ('{"inputs": {"age": [17], "id": [16]}}', False),
        ('{"instances": [[3, 17]]}', True),
        ('{"instances": [[3, 170]]}', False),
        ('{"id": 3}\n{"id": 17}\n', True),
        ('{"id": 3, "age": 17}\n', False),
        ("[3, 17]\n[4, 5]\n", True),
        ("17,3\n", True),
        ("17\n18\n", True),
        ("17", True),
        ("170,3\n", False),
        ("age,id\r\n3,17\r\n", True),
        ("age,id\r\n17,3\r\n", False),
        ("\ufeffid,age\n17,3\n", True),
        ("", False),
    ],
)
def test_requests_are_read_as_the_models_read_them(body: str, theirs: bool, encoded: bool) -> None:
    given = {"encoding": "BASE64"} if encoded else {}
    assert (
        SUBJECT.is_captured_in(line(base64.b64encode(body.encode()).decode() if encoded else body, **given)) == theirs
    )


def test_answers_are_read_too() -> None:
    parts = {"endpointOutput": {"data": '{"predictions": [{"id": "17"}]}', "encoding": "JSON"}}
    assert SUBJECT.is_captured_in(json.dumps({"captureData": parts}).encode())


@pytest.mark.parametrize("damaged", [b'{"captureData": {"a": "17"', line("!", encoding="BASE64"), b'["17"]'])
def test_a_damaged_line_that_may_name_the_subject_does(damaged: bytes) -> None:
    assert SUBJECT.is_captured_in(damaged)
    assert not Subject("id", "nobody").is_captured_in(damaged)


def test_pictures_have_no_columns() -> None:
    picture = base64.b64encode(bytes(range(256)) * 400).decode()
    assert not SUBJECT.is_captured_in(line(picture, encoding="BASE64"))
