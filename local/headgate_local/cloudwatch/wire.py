"""CloudWatch's three protocols: requests into plain dictionaries, and answers back into what the client spoke.

The dictionaries have the members of botocore's model; timestamps in them are seconds since 1970.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from botocore.model import DenormalizedStructureBuilder, Shape
from botocore.parsers import ResponseParserError, RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from botocore.utils import parse_timestamp

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import model, shaped

Response = tuple[int, dict[str, str], bytes]

SERVICE = "cloudwatch"
CBOR, JSON, QUERY = "cbor", "json", "query"
EMPTY_CBOR = b"\xa0"
ERROR = (
    DenormalizedStructureBuilder()
    .with_members({"__type": {"type": "string"}, "message": {"type": "string"}})
    .build_model()
)
NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"


def protocol_of(headers: Mapping[str, str]) -> str:
    """What the client of a request speaks."""
    content_type = headers.get("content-type", "")
    if "cbor" in content_type or "cbor" in headers.get("smithy-protocol", ""):
        return CBOR
    return JSON if "json" in content_type or "x-amz-target" in headers else QUERY


def read(path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> tuple[str, Record]:
    """The operation and the members of a request; an operation that there is not has no members.

    Raises:
        ApiError: SerializationException, if it cannot be read.
    """
    protocol = protocol_of(headers)
    if protocol == QUERY:
        given = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        given |= {name: value[0] if isinstance(value, list) else value for name, value in query.items()}
        operation = given.get("Action", "")
        return operation, _unflattened(given, operation)
    named = re.search(r"/operation/([^/?]+)", path) if protocol == CBOR else None
    operation = named.group(1) if named else headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        request = (_from_cbor(body) if protocol == CBOR else json.loads(body)) if body else {}
    except (ValueError, MemoryError, ResponseParserError) as error:  # a length that is not one takes all memory
        raise ApiError("SerializationException", f"The request is not {protocol.upper()}.") from error
    if not isinstance(request, dict):
        raise ApiError("SerializationException", "The request is not a structure.")
    return operation, _plain(request, _input(operation))


def answer(protocol: str, operation: str, response: Record) -> Response:
    """An answer of an operation."""
    shape = model(SERVICE).operation_model(operation).output_shape
    members = shaped(response, shape) if shape else {}
    if protocol == CBOR:
        return 200, _cbor_headers(), _cbor(_dated(members, shape), shape) if shape else EMPTY_CBOR
    if protocol == JSON:
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(members).encode()
    inner = "".join(_xml(members, shape)) if shape else ""
    result = f"<{operation}Result>{inner}</{operation}Result>" if shape else ""
    metadata = f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
    text = f'<{operation}Response xmlns="{NAMESPACE}">{result}{metadata}</{operation}Response>'
    return 200, {"Content-Type": "text/xml"}, text.encode()


def refusal(protocol: str, error: ApiError) -> Response:
    """A refusal."""
    members = {"__type": error.code, "message": error.message}
    fault = "Sender" if error.status < 500 else "Receiver"
    compatible = {"x-amzn-query-error": f"{error.code};{fault}"}
    if protocol == CBOR:
        return error.status, _cbor_headers() | compatible, _cbor(members, ERROR)
    if protocol == JSON:
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return error.status, headers | compatible, json.dumps(members).encode()
    described = f"<Type>{fault}</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    text = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{described}</Error><RequestId>{uuid4()}</RequestId></ErrorResponse>'
    )
    return error.status, {"Content-Type": "text/xml"}, text.encode()


def _from_cbor(body: bytes) -> Any:
    """By botocore's reader, so that no further library is needed."""
    parser = RpcV2CBORParser()
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))


def _cbor(members: Any, shape: Shape) -> bytes:
    """By botocore's writer, which is made for requests and writes any shape."""
    written = bytearray()
    RpcV2CBORSerializer()._serialize_data_item(written, members, shape)
    return bytes(written)


def typed(value: Any, shape: Shape) -> Any:
    """A value whose numbers and times may be text, as in a template, in the types of the model.

    Raises:
        ApiError: SerializationException, if a text is not what it should be.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: typed(value[name], member) for name, member in shape.members.items() if name in value}
    if shape.type_name == "list" and isinstance(value, list):
        return [typed(item, shape.member) for item in value]
    return _scalar(value, shape) if isinstance(value, str) else value


def _cbor_headers() -> dict[str, str]:
    return {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def _input(operation: str) -> Shape | None:
    known = model(SERVICE)
    return known.operation_model(operation).input_shape if operation in known.operation_names else None


def _plain(value: Any, shape: Shape | None) -> Any:
    """A decoded value with its times as seconds; what the model does not have is left out, as AWS does."""
    if shape is None:
        return {}
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: _plain(value[name], member) for name, member in shape.members.items() if value.get(name) is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_plain(item, shape.member) for item in value]
    if shape.type_name == "timestamp":
        return _seconds(value)
    return _float(value) if shape.type_name in ("float", "double") else value


def _float(value: Any) -> Any:
    """A number, however it was written; JSON has no other way to write those three than as texts."""
    if value in ("NaN", "Infinity", "-Infinity") or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return float(value)
        except OverflowError:
            raise ApiError("SerializationException", "A number is too large.") from None
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = parse_timestamp(value)
        except ValueError:
            raise ApiError("SerializationException", f"{value} is not a time.") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return value


def _unflattened(given: Mapping[str, str], operation: str) -> Record:
    """The members of a form: ``Dimensions.member.1.Name=a`` and so on."""
    shape = _input(operation)
    request: Record = _member(given, "", shape) or {} if shape else {}
    return request


def _member(given: Mapping[str, str], prefix: str, shape: Shape) -> Any:
    """The value of a form's member, None if it is not there."""
    if shape.type_name == "structure":
        dotted = f"{prefix}." if prefix else ""
        found = {name: _member(given, f"{dotted}{name}", member) for name, member in shape.members.items()}
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        items = list(_items(given, f"{prefix}.member", shape.member))
        return items if items or prefix in given else None
    if prefix not in given:
        return None
    return _scalar(given[prefix], shape)


def _items(given: Mapping[str, str], prefix: str, shape: Shape) -> Iterator[Any]:
    number = 1
    while (item := _member(given, f"{prefix}.{number}", shape)) is not None:
        yield item
        number += 1


def _scalar(text: str, shape: Shape) -> Any:
    kinds: dict[str, Callable[[str], Any]] = {
        "integer": int,
        "long": int,
        "float": float,
        "double": float,
        "boolean": lambda given: given.lower() == "true",
        "timestamp": _seconds,
    }
    try:
        return kinds.get(shape.type_name, str)(text)
    except ValueError:
        raise ApiError("SerializationException", f"{text} is not of type {shape.type_name}.") from None


def _dated(value: Any, shape: Shape) -> Any:
    """A response with dates for its times."""
    if shape.type_name == "structure":
        return {name: _dated(member, shape.members[name]) for name, member in value.items()}
    if shape.type_name == "list":
        return [_dated(item, shape.member) for item in value]
    return datetime.fromtimestamp(value, UTC) if shape.type_name == "timestamp" else value


def _xml(value: Any, shape: Shape) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in value.items():
            yield f"<{name}>{''.join(_xml(member, shape.members[name]))}</{name}>"
    elif shape.type_name == "list":
        for item in value:
            yield f"<member>{''.join(_xml(item, shape.member))}</member>"
    elif shape.type_name == "map":
        for key, item in value.items():
            yield f"<entry><key>{escape(key)}</key><value>{''.join(_xml(item, shape.value))}</value></entry>"
    elif shape.type_name == "timestamp":
        yield datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    elif shape.type_name == "boolean":
        yield str(value).lower()
    else:
        yield escape(str(value))
