"""Checks requests and answers against botocore's own model of a service, and refuses requests in AWS's words.

botocore's ParamValidator checks types and required members, and of the constraints only some minimums; AWS checks
lengths, ranges, patterns and enumerations too, and so does this.
"""

import functools
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

from headgate_local.api.errors import ApiError, invalid

logger = logging.getLogger("headgate.sagemaker")

STRICT = "HEADGATE_STRICT"
"""The variable of the environment that turns malformed answers into errors."""
WIRE_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),
}
# Unicode classes that `re` lacks, each by the closest that it has (a little wider).
UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": r"\s", r"\p{Alnum}": r"a-zA-Z0-9"}


@functools.cache
def model(service: str = "sagemaker") -> ServiceModel:
    """The service model that boto3's clients are made from."""
    return botocore.session.get_session().get_service_model(service)


def read(body: bytes) -> dict[str, Any]:
    """The members of a request in JSON; raises ApiError: SerializationException, if it is no JSON object."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        raise ApiError("SerializationException", "The request is not JSON.") from None
    if not isinstance(request, dict):
        raise ApiError("SerializationException", "The request is not a JSON object.")
    return request


def validate(operation: str, request: dict[str, Any], service: str = "sagemaker") -> None:
    """Raise the ValidationException (or SerializationException) that AWS answers to a malformed request."""
    found = list(_problems(model(service).operation_model(operation).input_shape, request, ""))
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise invalid(count + "; ".join(found))


def answer(operation: str, response: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    """A response as it goes out: of every structure only the members that its shape has.

    One that AWS could not give is a mistake of ours. It is logged, and with HEADGATE_STRICT=1, which the tests set,
    it is an error.
    """
    shape = model(service).operation_model(operation).output_shape
    if shape is None:
        return {}
    answered: dict[str, Any] = shaped(response, shape)
    if wrong := "; ".join(_wrong(shape, answered)):
        logger.error("%s answers what AWS cannot: %s", operation, wrong)
        if os.environ.get(STRICT) == "1":
            raise ApiError("InternalFailure", f"The answer is malformed: {wrong}", 500)
    return answered


def _wrong(shape: Shape, value: Any) -> list[str]:
    try:
        return list(_problems(shape, value, ""))
    except ApiError as error:
        return [error.message]


def shaped(value: Any, shape: Shape) -> Any:
    """A response of this shape: of every structure only the members that the shape has."""
    if shape.type_name == "structure":
        members = {name: value[name] for name in shape.members if value.get(name) is not None}
        return {name: shaped(member, shape.members[name]) for name, member in members.items()}
    if shape.type_name == "list":
        return [shaped(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {key: shaped(item, shape.value) for key, item in value.items()}
    return value


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _is_of(WIRE_TYPES[shape.type_name], value):
        raise ApiError(
            "SerializationException", f"{path or 'The request'} must be of type {shape.type_name}, not {_name(value)}."
        )
    yield from _constraints(shape, value, path)
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield _problem(None, _child(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _problems(member, value[name], _child(path, name))
    elif shape.type_name == "list":
        for number, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.{key}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.value")


def _is_of(kinds: tuple[type, ...], value: Any) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    sized = shape.type_name in ("string", "list", "map")
    if shape.type_name in ("structure", "boolean", "timestamp", "blob"):
        return
    size, what = (len(value), "length") if sized else (value, "value")
    if (low := shape.metadata.get("min")) is not None and size < low:
        yield _problem(value, path, f"Member must have {what} greater than or equal to {low}")
    if (high := shape.metadata.get("max")) is not None and size > high:
        yield _problem(value, path, f"Member must have {what} less than or equal to {high}")
    if shape.type_name != "string":
        return
    if (allowed := getattr(shape, "enum", None)) and value not in allowed:
        yield _problem(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    if source := shape.metadata.get("pattern"):
        pattern = _compile(source)
        if pattern is not None and not pattern.fullmatch(value):
            yield _problem(value, path, f"Member must satisfy regular expression pattern: {source}")


@functools.cache
def _compile(source: str) -> re.Pattern[str] | None:
    """The pattern, or None for the few of the model that Python cannot read (AWS's are Java's)."""
    pattern = source
    for unicode_class, closest in UNICODE_CLASSES.items():
        pattern = pattern.replace(unicode_class, closest)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _child(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _problem(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _name(value: Any) -> str:
    names = {dict: "structure", list: "list", str: "string", bool: "boolean", int: "integer", float: "float"}
    return names.get(type(value), "null")
