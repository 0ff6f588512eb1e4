"""Captured data that cannot be written is lost, and nothing else."""

import logging
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from headgate_local.sagemaker.clients import TransferError
from headgate_local.sagemaker.hosting.capture import Capture

CONFIG = {
    "DestinationS3Uri": "s3://captured/here",
    "InitialSamplingPercentage": 100,
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
}


@pytest.mark.parametrize(
    "problem",
    [TransferError("no"), EndpointConnectionError(endpoint_url="http://busy"), OSError(28, "No space left on device")],
)
def test_what_cannot_be_written_is_lost_with_a_warning(problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    class Storage:
        def upload(self, file: Path, uri: str, key: str | None) -> None:
            raise problem

    storage: Any = Storage()
    capture = Capture(CONFIG, "endpoint", "all", storage)
    capture.take(("text/csv", b"1"), ("application/json", b"2"), None, "")
    with caplog.at_level(logging.WARNING):
        capture.flush()
    assert [record.message.partition(":")[0] for record in caplog.records] == ["Captured data is lost"]
