"""Seam: what policies may ask of the events that a call puts on a bus; MiniStack knows the bus alone."""

import json
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Add `events:source` and `events:detail-type` of every entry to what conditions are compared with."""
    original = iam_actions.request_tag_context

    def request_tag_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = original(service, iam_action, body, params)
        return {**found, **conditions(body)} if iam_action == "events:PutEvents" else found

    iam_actions.request_tag_context = request_tag_context


def conditions(body: bytes) -> dict[str, Any]:
    """The values of the condition keys; nothing of what is no request."""
    try:
        entries = json.loads(body or b"{}").get("Entries", [])
    except ValueError:
        return {}
    entries = [entry for entry in entries if isinstance(entry, dict)]
    keys = {"events:source": "Source", "events:detail-type": "DetailType"}
    named = {key: [str(entry.get(field, "")) for entry in entries] for key, field in keys.items()}
    return {key: values[0] if len(values) == 1 else values for key, values in named.items() if values}
