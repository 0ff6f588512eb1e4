"""Seam: what policies may ask of calls to EventBridge: of the events that one puts on a bus, where MiniStack knows the
bus alone, and of the rule that one is about, where it knows no name of AWS's for it. And a bus keeps no events, where
MiniStack remembers every one for good, which nobody can read.
"""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.services import eventbridge


def install() -> None:
    """Keep no events, and let conditions be compared with `events:source` and `events:detail-type` of every entry."""
    eventbridge._events_log_list = lambda: deque(maxlen=0)
    original = iam_actions.request_tag_context

    def request_tag_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = original(service, iam_action, body, params)
        return {**found, **conditions(body)} if iam_action == "events:PutEvents" else found

    iam_actions.request_tag_context = request_tag_context
    ours = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, *request: Any) -> str:
        *_, headers, body, _query, region, account = request
        found = rule(headers, body, f"arn:aws:events:{region}:{account}") if service == "events" else None
        return found if found is not None else str(ours(service, *request))

    iam_actions.extract_resource_arn = extract_resource_arn


def rule(headers: Mapping[str, str], body: bytes, arn: str) -> str | None:
    """The rule that a call is about; None where it is about none. On the default bus its ARN does not name the bus
    (service authorization reference: resource types defined by Amazon EventBridge).
    """
    operation = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
    if "Rule" not in operation and "Targets" not in operation:
        return None
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return None
    name, bus = asked.get("Rule") or asked.get("Name"), asked.get("EventBusName") or "default"
    if not isinstance(name, str):
        return None
    return f"{arn}:rule/{name}" if bus == "default" else f"{arn}:rule/{bus}/{name}"


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
