"""Seam: what is about one log stream asks for the permission on the stream, where MiniStack asks for it on its group.

A policy that lets a job write into streams of its own only names them, so that MiniStack would refuse every line.
"""

import json
from typing import Any

from ministack.core import iam_actions

OF_A_STREAM = {"logs:PutLogEvents", "logs:GetLogEvents", "logs:DeleteLogStream"}
"""Service authorization reference: actions defined by Amazon CloudWatch Logs."""


def install() -> None:
    """Add the stream to the ARN of its group."""
    ours = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, *request: Any) -> str:
        group = str(ours(service, *request))
        *_, headers, body, _query, _region, _account = request
        if service != "logs" or group == "*" or _action(headers) not in OF_A_STREAM:
            return group
        return group + stream(body)

    iam_actions.extract_resource_arn = extract_resource_arn


def _action(headers: dict[str, str]) -> str:
    operation = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
    return f"logs:{operation.rpartition('.')[2]}"


def stream(body: bytes) -> str:
    """What the stream that a request names adds to the ARN of its group; nothing for none."""
    try:
        name = json.loads(body or b"{}").get("logStreamName")
    except (ValueError, AttributeError):
        return ""
    return f":log-stream:{name}" if isinstance(name, str) else ""
