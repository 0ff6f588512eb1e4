"""An event that cannot be sent is told of, and those after it are sent."""

import logging
from typing import Any

import pytest
from ministack.services import eventbridge

from headgate_local.sagemaker.events import Events


def test_an_event_that_cannot_be_sent_is_logged_and_the_next_one_goes_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Any] = []

    def put(data: dict[str, Any], **_: Any) -> None:
        [entry] = data["Entries"]
        if entry["Resources"] == ["arn:bad"]:
            raise RuntimeError("a target broke")
        sent.append(entry["Resources"])

    monkeypatch.setattr(eventbridge, "_put_events", put)
    events = Events()
    with caplog.at_level(logging.ERROR):
        for arn in ("arn:bad", "arn:good"):
            events.model({"ModelArn": arn, "ModelName": "m"})
        events._thread.shutdown(wait=True)
    assert sent == [["arn:good"]]
    assert [record.message for record in caplog.records] == [
        "The event SageMaker Model State Change of ['arn:bad'] could not be sent"
    ]
