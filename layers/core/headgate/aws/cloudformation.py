"""CloudFormation's custom resources: the answer that every request must get, whatever happens."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_REASON_LENGTH = 1000


@contextmanager
def answer(event: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Answer a custom resource's request when the block ends: SUCCESS with the attributes put into the dict, or FAILED.

    A stack waits until its timeout for an answer that does not come, so an error is answered, and then raised. Lambda
    makes an asynchronous request twice more when it failed: whose work must not be done behind the answer forbids it.
    """
    attributes: dict[str, str] = {}
    physical_id = event.get("PhysicalResourceId") or f"{event['LogicalResourceId']}-{event['RequestId']}"
    try:
        yield attributes
    except Exception as error:
        _send(event, physical_id, "FAILED", {}, f"{type(error).__name__}: {error}"[:_REASON_LENGTH])
        raise
    _send(event, physical_id, "SUCCESS", attributes, "")


def _send(event: dict[str, Any], physical_id: str, status: str, attributes: dict[str, str], reason: str) -> None:
    body = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": attributes,
    }
    # The URL is presigned by CloudFormation for exactly this PUT with an empty content type.
    request = urllib.request.Request(  # noqa: S310
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass
