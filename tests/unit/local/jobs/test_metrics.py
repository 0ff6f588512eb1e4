"""What metric definitions find in lines, and waiting for it."""

import threading

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.jobs.metrics import Readings, definitions


def values(regex: str, text: str) -> list[float]:
    (definition,) = definitions({"MetricDefinitions": [{"Name": "m", "Regex": regex}]})
    return list(definition.values(text))


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        (r"Train_error=(.*?);", "Train_error=0.138318; Valid_error=0.324557;", [0.138318]),
        (r"loss: ([0-9.]+) (acc)?", "loss: 0.5 acc", [0.5]),
        (r"(?:a=(\d+))|(?:b=(\d+))", "b=2", [2.0]),
        (r"\d+\.\d+", "0.25 then 0.5", [0.25, 0.5]),
        (r"loss=(\S+)", "loss=-1.5e-3", [-0.0015]),
        (r"loss=(\S+)", "loss=nan", []),
        (r"loss=(\S+)", "loss=inf", []),
        (r"loss=(\S+)", "loss=low", []),
        (r"loss=(\S+)", "nothing", []),
    ],
)
def test_values_of_a_line(regex, text, found) -> None:
    assert values(regex, text) == found


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ApiError, match="metric m is invalid"):
        values("(", "")


def test_readings_are_kept_by_job_and_metric() -> None:
    readings = Readings()
    readings.add("a", [("loss", 1.0, 0.5), ("loss", 2.0, 0.4), ("acc", 2.0, 0.9)])
    readings.add("b", [("loss", 3.0, 7.0)])
    assert readings.of("a") == {"loss": [(1.0, 0.5), (2.0, 0.4)], "acc": [(2.0, 0.9)]}
    assert readings.of("nobody") == {}


def test_waiting_ends_with_the_first_new_reading() -> None:
    readings = Readings()
    waiting = threading.Thread(target=lambda: readings.add("a", [("loss", 1.0, 0.5)]))
    waiting.start()
    assert readings.wait("a", 0, 60) == 1
    waiting.join()


def test_waiting_ends_with_the_job_and_with_its_time() -> None:
    readings = Readings()
    assert readings.wait("a", 0, 0.01) == 0
    readings.end("a")
    assert readings.wait("a", 0, 600) == 0


def test_what_is_forgotten_leaves_nothing() -> None:
    readings = Readings()
    readings.add("a", [("loss", 1.0, 0.5)])
    readings.end("a")
    readings.forget("a")
    assert readings.of("a") == {}
    assert not readings._jobs
    assert not readings._ended


def test_a_new_job_of_an_old_name_begins_with_none() -> None:
    readings = Readings()
    readings.add("a", [("loss", 1.0, 0.5)])
    readings.end("a")
    readings.begin("a")
    assert readings.of("a") == {}
    assert readings.wait("a", 0, 0.01) == 0
