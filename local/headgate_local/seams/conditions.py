"""Seam: two keys that conditions ask for, which MiniStack does not know or writes otherwise.

``dynamodb:LeadingKeys`` are the partition keys that a request names; without them ForAllValues holds of every request,
and a Null guard of none. ``aws:PrincipalArn`` of whoever took on a role is the role's ARN, not the session's (IAM user
guide, global condition keys); the trust of a role that takes on itself asks for it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb

_EQUALS = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")
_SESSION = re.compile(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.*")


def install() -> None:
    """Let the evaluator know both."""
    context, resolve = iam_actions.dynamodb_service_context, iam_evaluator._resolve_condition_key

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        found: dict[str, Any] = context(body)
        keys = leading_keys(body)
        return {**found, "dynamodb:LeadingKeys": keys} if keys else found

    def _resolve_condition_key(key: str, asked: Any) -> Any:
        value = resolve(key, asked)
        if key.lower() == "aws:principalarn" and (session := _SESSION.fullmatch(str(value))):
            return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}"
        return value

    iam_actions.dynamodb_service_context = dynamodb_service_context
    iam_evaluator._resolve_condition_key = _resolve_condition_key


def leading_keys(body: bytes) -> list[str]:
    """The partition keys that a request to DynamoDB names, of all its items; a Scan names none."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    return list(dict.fromkeys(_keys(request))) if isinstance(request, dict) else []


def _keys(request: dict[str, Any]) -> Iterator[str]:
    for item in request.get("TransactItems", []):
        for member in item.values():
            yield from _keys(member)
    batches = request.get("RequestItems", {})
    for table, batch in batches.items() if isinstance(batches, dict) else []:
        members = [{"Key": key} for key in batch["Keys"]] if isinstance(batch, dict) else _members(batch)
        for member in members:
            yield from _keys({**member, "TableName": table})
    name = _partition(request)
    for key in ("Key", "Item"):
        if name in request.get(key, {}):
            yield _text(request[key][name])
    yield from _queried(request, name)


def _members(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [member for item in batch for member in item.values()]


def _queried(request: dict[str, Any], name: str) -> Iterator[str]:
    """The partition of a Query, in the newer words or the older ones."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    for left, right in _EQUALS.findall(request.get("KeyConditionExpression", "")):
        if names.get(left, left) == name and right in values:
            yield _text(values[right])
    for value in request.get("KeyConditions", {}).get(name, {}).get("AttributeValueList", []):
        yield _text(value)


def _partition(request: dict[str, Any]) -> str:
    """The name of the partition key of a request's table, or of its index."""
    table = dynamodb._tables.get(str(request.get("TableName", "")).rpartition("/")[2]) or {}
    index = request.get("IndexName")
    indexes = [*(table.get("GlobalSecondaryIndexes") or []), *(table.get("LocalSecondaryIndexes") or [])]
    schemas = [each["KeySchema"] for each in indexes if each["IndexName"] == index]
    schema = schemas[0] if index and schemas else table.get("KeySchema", [])
    return next((str(key["AttributeName"]) for key in schema if key["KeyType"] == "HASH"), "")


def _text(value: dict[str, Any]) -> str:
    return str(next(iter(value.values()), ""))
