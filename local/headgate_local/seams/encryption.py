"""Seam: S3 asks KMS, in the caller's name, when an object is written under a key or one that lies under a key is read.

MiniStack's S3 records the key and asks nobody. Nothing is encrypted here either; but whoever may not use the key gets
no object, by their own policies, their session's and the key's (Using SSE-KMS, S3 user guide).
"""

import contextvars
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import kms, s3, tagging

KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_context: contextvars.ContextVar[dict[str, dict[str, str]] | None] = contextvars.ContextVar(
    "uses of keys", default=None
)
"""By the ARNs of keys: what conditions see of how the request at hand uses them."""


def install() -> None:
    """Let requests to S3 ask for the keys, and let conditions see which one a request names."""
    checks, seen, enforce = iam_actions.s3_additional_checks, iam_actions._s3_object_context, iam_evaluator.enforce

    def s3_additional_checks(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = checks(method, path, headers, body, query)
        used = _uses(method, path, headers, query)
        _context.set({key: _seen(place) for _, key, place in used})
        return [*found, *((action, key) for action, key, _ in used)]

    def _s3_object_context(action: str, query: Any, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = seen(action, query, path, headers)
        key = _named(headers, query) if action == "s3:PutObject" else ""
        return {**found, f"s3:{KEY}": key} if key else found

    def enforce_with_keys(access_key: str, action: str, service: str, *arguments: Any, **options: Any) -> Any:
        if service == "s3" and action.startswith("kms:"):
            service = "kms"
            key = options["resource_arn"]
            # MiniStack looks for tags only where a role's own policy asks for them; here a session's does.
            tags = tagging.resource_tags(key) or {}
            tagged = {f"aws:ResourceTag/{name}": value for name, value in tags.items()}
            options["service_context"] = {**tagged, **(_context.get() or {}).get(key, {})}
        return enforce(access_key, action, service, *arguments, **options)

    iam_actions.s3_additional_checks = s3_additional_checks
    iam_actions._s3_object_context = _s3_object_context
    iam_evaluator.enforce = enforce_with_keys


def _seen(place: str) -> dict[str, str]:
    via = f"s3.{get_region()}.amazonaws.com"
    return {"kms:ViaService": via, "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{place}"}


def _uses(method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is done with which key for which object (`bucket/key`)."""
    place, action, found = unquote(path).lstrip("/"), iam_actions._s3_action(method, path, query), []
    if "/" not in place or (place.endswith("/") and place.count("/") == 1):
        return []
    if method == "GET" and action in ("GetObject", "GetObjectVersion"):
        found.append(("kms:Decrypt", _over(place, _first(query, "versionId")), place))
    if action == "PutObject":
        upload = _first(query, "uploadId")
        found.append(("kms:Decrypt" if upload else "kms:GenerateDataKey", _named(headers, query), place))
        if source := headers.get("x-amz-copy-source"):
            name, _, version = source.partition("?versionId=")
            name = unquote(name).lstrip("/")
            found.append(("kms:Decrypt", _over(name, version), name))
    return [(what, _arn(key), whose) for what, key, whose in found if _arn(key)]


def _named(headers: Mapping[str, str], query: Mapping[str, Any]) -> str:
    """The key that a request names; a part's is that of its upload."""
    if upload := _first(query or {}, "uploadId"):
        return str((s3._multipart_uploads.get(upload) or {}).get("preserved_headers", {}).get(KEY, ""))
    return headers.get(KEY, "")


def _over(place: str, version: str) -> str:
    """The key that an object lies under; "" where there is none, or no such object."""
    bucket, _, key = place.partition("/")
    record: dict[str, Any]
    if version:
        versions = s3._object_versions.get((bucket, key), [])
        record = next((each for each in versions if each["version_id"] == version), {})
    else:
        record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key) or {}
    return str(record.get("preserved_headers", {}).get(KEY, ""))


def _arn(key: str) -> str:
    record = kms._resolve_key(key) if key else None
    return str(record["Arn"]) if record else key


def _first(query: Mapping[str, Any], name: str) -> str:
    value = query.get(name, "")
    return str(value[0] if isinstance(value, list) else value)
