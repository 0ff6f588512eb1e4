"""Seam: the ``Object Created`` event of a versioned bucket names the version, as S3's does; MiniStack leaves it out."""

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, s3

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version of the object", default=None)


def install() -> None:
    """Put ``version-id`` into every event about an object that has one."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
        _version.set(version_id)
        fire(*arguments, version_id=version_id, **options)

    def dispatch_with_version(event: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        if event.get("Source") == "aws.s3" and (version := _version.get()):
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *arguments, **options)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version
