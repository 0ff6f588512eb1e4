"""Names of captured rows, which whoever labels them writes and whoever counts them reads."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.captures import PROBE, answers_of, is_probe, row_id, row_of
from headgate.domain.names import Project


@given(st.text(min_size=1, max_size=64), st.integers(1, 10_000))
def test_a_rows_name_tells_its_request_and_its_number(inference_id: str, number: int) -> None:
    assert row_of(row_id(inference_id, number)) == (inference_id, number)


@pytest.mark.parametrize("name", ["order-17", "order#a", "order#", "order#0", "order#-1", "order#²"])
def test_a_name_without_a_number_means_the_first_row(name: str) -> None:
    assert row_of(name) == (name, 1)


@pytest.mark.parametrize(
    ("inference_id", "ours"), [(f"{PROBE}1", True), ("order-17", False), ("", False), (None, False)]
)
def test_requests_of_our_own_are_known_by_their_id(inference_id: str | None, ours: bool) -> None:
    assert is_probe(inference_id) is ours


def test_what_is_captured_lies_apart_by_configuration() -> None:
    project = Project("demo", "iris")
    assert project.captured() == "_captured/demo/iris/"
    assert project.captured(project.release_name(3)) == "_captured/demo/iris/demo-iris-r3/"


def captured(output: str, encoding: str = "JSON", **about: str) -> str:
    data = {
        "endpointInput": {"data": '{"instances": [{}]}', "encoding": "JSON"},
        "endpointOutput": {"data": output, "encoding": encoding},
    }
    return json.dumps({"captureData": data, "eventMetadata": {"inferenceTime": "2026-01-01T00:00:00Z", **about}})


OUTPUT = '{"predictions": [{"label": "yes", "probabilities": [0.1, 0.9]}, {"value": 3.5}]}'


@pytest.mark.parametrize(
    "line",
    [
        captured(OUTPUT, inferenceId="a"),
        captured(base64.b64encode(OUTPUT.encode()).decode(), "BASE64", inferenceId="a"),
    ],
)
def test_rows_of_a_captured_request_are_numbered_from_one(line: str) -> None:
    first, second = answers_of(line)
    assert (first.inference_id, first.number, first.label, first.value) == ("a", 1, "yes", None)
    assert (second.inference_id, second.number, second.label, second.value) == ("a", 2, None, 3.5)
    assert first.asked == second.asked


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        captured("no JSON"),
        captured("[]"),
        captured('{"predictions": 3}'),
        captured('{"predictions": [3]}'),
        captured("%%%", "BASE64"),
        captured(OUTPUT, inferenceId=f"{PROBE}1"),
    ],
)
def test_damaged_captures_and_our_own_requests_are_left_out(line: str) -> None:
    assert answers_of(line) == []
