"""Captured requests of demo/iris: as SageMaker writes them, and where."""

import json
from datetime import UTC, datetime
from typing import Any

from headgate.domain.names import Project

_PROJECT = Project("demo", "iris")
_AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def captured(row: dict[str, Any], told: dict[str, Any], inference: str, at: datetime = _AT) -> str:
    """A request of one row and its answer, as a line of a file."""
    asked = {"observedContentType": "application/json", "data": json.dumps({"instances": [row]}), "encoding": "JSON"}
    about = {"eventId": inference, "inferenceId": inference, "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    answered = {"data": json.dumps({"predictions": [told]}), "encoding": "JSON"}
    return json.dumps({"captureData": {"endpointInput": asked, "endpointOutput": answered}, "eventMetadata": about})


def place(name: str, at: datetime, config: str = "demo-iris-r1", variant: str = "main") -> str:
    """The key of a file of what a variant was asked in an hour."""
    return f"{_PROJECT.captured(config)}{_PROJECT.endpoint}/{variant}/{at:%Y/%m/%d/%H}/{name}.jsonl"
