"""Values as items of DynamoDB, and back."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def as_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values as DynamoDB writes them."""
    return {name: _serialize(_storable(value)) for name, value in values.items()}


def _storable(value: Any) -> Any:
    """DynamoDB knows decimals, not floats, and no NaN: what is not finite is stored as null."""
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def as_values(item: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an item; numbers are int where they are whole, float where not."""
    return {name: _number(_deserialize(value)) for name, value in item.items()}


def fetched(client: Any, table: str, pk: str, sk: str) -> dict[str, Any] | None:
    """The values of the item under a key as they are now: a consistent read. None where there is none."""
    answer = client.get_item(TableName=table, Key=as_item({"pk": pk, "sk": sk}), ConsistentRead=True)
    return as_values(answer["Item"]) if "Item" in answer else None


def built(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A dataclass of the values that it has fields for; newer writers may know more."""
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, slots=True)
class Write:
    """A write: what DynamoDB is asked for, of which kind (Put or Update), and the fields that it sets, serialized."""

    kind: str
    request: Mapping[str, Any]
    fields: Mapping[str, Any]

    @classmethod
    def put(cls, table: str, values: Mapping[str, Any], **condition: Any) -> "Write":
        """An item in the place of the one that is there, on a condition (`ConditionExpression` and what it needs)."""
        item = as_item(values)
        return cls("Put", {"TableName": table, "Item": item, **condition}, item)

    @property
    def key(self) -> dict[str, Any]:
        """The key of the item that is written, serialized."""
        source = self.request["Item"] if self.kind == "Put" else self.request["Key"]
        return {"pk": source["pk"], "sk": source["sk"]}

    @property
    def part(self) -> dict[str, Any]:
        """The write as a part of a transaction."""
        return {self.kind: self.request}


NEW = {"ConditionExpression": "attribute_not_exists(pk)"}
"""The condition that there is no such item yet."""


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _number(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_number(inner) for inner in value]
    return value
