"""Tags, which live in the record of the resource that carries them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record, paginate
from headgate_local.sagemaker.resources import Collection

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

MOST = 50
"""Tags that a resource can carry."""


def check(request: Record) -> None:
    """Raise ValidationException for tags that only AWS can give; keys with the prefix are its own in any case."""
    if any(tag["Key"].lower().startswith("aws:") for tag in request.get("Tags", [])):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")


def add(sagemaker: "SageMaker", request: Record) -> Record:
    """AddTags: new keys are added, known ones take the new value."""

    def merge(record: Record) -> Record:
        merged = {tag["Key"]: tag for tag in [*record.get("Tags", []), *request["Tags"]]}
        if len(merged) > MOST:
            raise invalid(f"A resource can carry at most {MOST} tags.")
        return {"Tags": list(merged.values())}

    return {"Tags": _change(sagemaker, request["ResourceArn"], merge)["Tags"]}


def listing(sagemaker: "SageMaker", request: Record) -> Record:
    """ListTags."""
    _, record = _owner(sagemaker, request["ResourceArn"])
    page, token = paginate(record.get("Tags", []), request, MOST)
    return {"Tags": page, **token}


def delete(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteTags; keys that are not there do not matter."""

    def keep(record: Record) -> Record:
        return {"Tags": [tag for tag in record.get("Tags", []) if tag["Key"] not in request["TagKeys"]] or None}

    _change(sagemaker, request["ResourceArn"], keep)
    return {}


def everything(sagemaker: "SageMaker") -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Every resource's ARN and its tags."""
    for collection in sagemaker.collections.values():
        for record in collection.all():
            yield record[collection.kind.arn], record.get("Tags", [])


def _owner(sagemaker: "SageMaker", arn: str) -> tuple[Collection, Record]:
    for collection in sagemaker.collections.values():
        for record in collection.all():
            if record[collection.kind.arn] == arn:
                return collection, record
    raise invalid(f"Could not find resource {arn}.")


def _change(sagemaker: "SageMaker", arn: str, decide: Callable[[Record], Record]) -> Record:
    collection, record = _owner(sagemaker, arn)
    return collection.change(record[collection.kind.name], decide)
