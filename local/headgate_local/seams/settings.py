"""Seam: what a template sets and MiniStack's CloudFormation leaves out: Object Lock, a topic's key, a key's rotation, a
table's recovery. All of them can be set by their APIs, and have the same effect when a stack sets them here.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb, kms, s3, sns
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]


def install() -> None:
    """Complete what these resources are made with."""
    for kind, complete in {
        "AWS::S3::Bucket": _lock,
        "AWS::SNS::Topic": _encrypt,
        "AWS::KMS::Key": _rotate,
        "AWS::DynamoDB::Table": _recover,
    }.items():
        handler = provisioners._RESOURCE_HANDLERS[kind]
        handler["create"] = _completed(handler["create"], complete)


def _completed(create: Callable[..., Any], complete: Callable[[str, Properties], None]) -> Callable[..., Any]:
    def created(logical: str, properties: Properties, stack: str) -> Any:
        made = create(logical, properties, stack)
        complete(str(made[0]), properties)
        return made

    return created


def _lock(name: str, properties: Properties) -> None:
    if not _is_true(properties.get("ObjectLockEnabled")):
        return
    rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    retention = {**rule, "Days": int(rule["Days"])} if rule and "Days" in rule else rule
    s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}
    s3._bucket_versioning[name] = "Enabled"


def _encrypt(arn: str, properties: Properties) -> None:
    if "KmsMasterKeyId" in properties:
        sns._topics[arn]["attributes"]["KmsMasterKeyId"] = properties["KmsMasterKeyId"]


def _rotate(key: str, properties: Properties) -> None:
    if _is_true(properties.get("EnableKeyRotation")):
        kms._keys[key]["KeyRotationEnabled"] = True


def _recover(name: str, properties: Properties) -> None:
    asked = properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
    dynamodb._pitr_settings[name] = _is_true(asked)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
