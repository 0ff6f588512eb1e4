"""A deployment as it is: what buckets, tables, queues, logs and topics are set to, as the services themselves say."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.compliance import Bucket, Deployment, Logs, Queue, Table, Topic

_NOT_SET = {
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchBucketPolicy",
    "ObjectLockConfigurationNotFoundError",
}


@dataclass(frozen=True, slots=True)
class Places:
    """What a deployment consists of, by name; queues are those of dead letters, by address."""

    stack: str
    region: str
    buckets: Sequence[str]
    audit_bucket: str
    table: str
    queues: Sequence[str]
    topic: str


def deployed(client: Callable[[str], Any], places: Places) -> Deployment:
    """Look at everything; only settings are read, never what anything holds."""
    with translated("look at the deployment"):
        buckets = [_bucket(client("s3"), name, places) for name in (*places.buckets, places.audit_bucket)]
        alarmed = _alarmed(client("cloudwatch"), places.stack)
        return Deployment(
            places.region,
            buckets,
            [_table(client("dynamodb"), places.table)],
            [_queue(client("sqs"), url, alarmed) for url in places.queues],
            list(_logs(client("logs"), places.stack)),
            [_topic(client, places.topic)],
        )


def says_tls_only(statements: Sequence[Mapping[str, Any]], bucket: str) -> bool:
    """Whether a bucket's policy refuses whatever comes without TLS, whoever sends it and for whichever object.

    A statement counts that asks for nothing else: another condition, or a narrower resource, would let something pass.
    """
    return any(
        each["Effect"] == "Deny"
        and each.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and each.get("Condition") in [{"Bool": {"aws:SecureTransport": no}} for no in ("false", False, ["false"])]
        and {"s3:*", "*"} & set(_listed(each.get("Action")))
        and any(
            arn == "*" or arn.endswith((f":::{bucket}/*", f":::{bucket}*")) for arn in _listed(each.get("Resource"))
        )
        for each in statements
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value or ""]


def _kept_days(lock: Mapping[str, Any]) -> int:
    """For how many days objects cannot be deleted that say nothing else; 0 where nothing locks them."""
    kept = lock.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    return int(kept.get("Days", 0)) + 365 * int(kept.get("Years", 0))


def _bucket(s3: Any, name: str, places: Places) -> Bucket:
    policy = _set(s3.get_bucket_policy, Bucket=name).get("Policy", '{"Statement": []}')
    block = _set(s3.get_public_access_block, Bucket=name).get("PublicAccessBlockConfiguration", {})
    lock = _set(s3.get_object_lock_configuration, Bucket=name) if name == places.audit_bucket else None
    return Bucket(
        name,
        s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1",
        bool(_set(s3.get_bucket_encryption, Bucket=name)),
        s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled",
        len(block) == 4 and all(block.values()),
        says_tls_only(_listed(json.loads(policy)["Statement"]), name),
        None if lock is None else _kept_days(lock),
    )


def _table(dynamodb: Any, name: str) -> Table:
    table = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    # Without a key of KMS it is encrypted under DynamoDB's own.
    return Table(name, table["TableArn"].split(":")[3], True, recovery == "ENABLED")


def _queue(sqs: Any, url: str, alarmed: set[str]) -> Queue:
    name = url.rpartition("/")[2]
    wanted = ["SqsManagedSseEnabled", "KmsMasterKeyId"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted).get("Attributes", {})
    encrypted = found.get("SqsManagedSseEnabled") == "true" or bool(found.get("KmsMasterKeyId"))
    return Queue(name, encrypted, name in alarmed)


def _alarmed(cloudwatch: Any, stack: str) -> set[str]:
    """The queues that an alarm of the stack's watches and tells people of."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm"]
    )
    return {
        dimension["Value"]
        for page in pages
        for alarm in page["MetricAlarms"]
        if alarm.get("ActionsEnabled") and alarm.get("AlarmActions")
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }


def _logs(logs: Any, stack: str) -> list[Logs]:
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{stack}-")
    return [Logs(each["logGroupName"], each.get("retentionInDays")) for page in pages for each in page["logGroups"]]


def _topic(client: Callable[[str], Any], arn: str) -> Topic:
    key = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"].get("KmsMasterKeyId")
    rotates = bool(key) and client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    return Topic(arn.rpartition(":")[2], bool(key), rotates)


def _set(ask: Callable[..., Any], **given: Any) -> dict[str, Any]:
    """What a setting is; {} where it is not set."""
    try:
        answer: dict[str, Any] = ask(**given)
    except ClientError as error:
        if code_of(error) in _NOT_SET:
            return {}
        raise
    return answer
