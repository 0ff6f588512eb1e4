"""What work for one tenant may touch: the session policy under which every function works for a tenant.

A session may do what its function's role allows *and* what this policy allows, never more than either (session
policies, IAM user guide). So the role says what a function does, action by action, and this policy whose things it does
it to; its actions are wide because the role's are narrow. What IAM cannot bound to a tenant (starting executions, task
tokens, metrics, composite alarms, scalable targets, queues, the system's topic, buses) is not here at all: it stays
with the function's own role.
"""

import json
from dataclasses import dataclass
from typing import Any

from headgate.domain.keys import endpoint_key, tenant_key
from headgate.domain.names import TENANT_TAG, places_of, tenant_stack

MOST_CHARACTERS = 2048
"""Of a session policy as text (AssumeRole, API reference)."""
_KINDS = (
    *("endpoint", "endpoint-config", "model", "model-package", "model-package-group"),
    *("training-job", "processing-job", "hyper-parameter-tuning-job"),
)


_ALARMS = ("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment is, and the three places in which it keeps what tenants own."""

    partition: str
    account: str
    data_bucket: str
    artifact_bucket: str
    ledger_table: str

    def anywhere(self, service: str, resource: str) -> str:
        """The ARN of a resource in whatever region and account of the partition that the account is in."""
        return f"arn:*:{service}:*:*:{resource}"


def session_policy(place: Place, tenant: str) -> dict[str, Any]:
    """The policy of sessions that work for a tenant; the same tenant in the same place gives the same policy.

    The text is limited, so partition, region and account are left to the role's own policy, and one statement grants
    what needs no condition: an ARN bounds the actions of its own service and no others.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow(
                # Of executions only this: StartExecution knows the machine, and not whose run it is.
                # Which service a role may be passed to, and of which system it is, says the function's own role.
                ["s3:*", "sagemaker:*", *_ALARMS, "states:DescribeExecution", "iam:PassRole", "sns:Publish"],
                [*_objects(place, tenant), *_named(place, tenant)],
            ),
            _lists(place, tenant),
            _items(place, tenant),
            # Keys have no names to tell them by, only tags, which their administrators give them.
            _allow("kms:*", "*", {"StringEquals": {f"aws:ResourceTag/{TENANT_TAG}": tenant}}),
        ],
    }


def as_text(policy: dict[str, Any]) -> str:
    """A policy as STS is given it, without spaces.

    Raises:
        ValueError: when it is longer than STS takes.
    """
    text = json.dumps(policy, separators=(",", ":"))
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"The session policy has {len(text)} characters, and STS takes {MOST_CHARACTERS}. Shorten the stack's name."
        )
    return text


def _objects(place: Place, tenant: str) -> list[str]:
    return [f"{bucket}/{prefix}*" for bucket, prefix in places_of(tenant, *_buckets(place))]


def _named(place: Place, tenant: str) -> list[str]:
    """What is known by names that begin with the tenant's. A wildcard may not stand for the type of a resource (IAM
    identifiers, IAM user guide), so every type is named.
    """
    return [
        *(place.anywhere("sagemaker", f"{kind}/{tenant}-*") for kind in _KINDS),
        place.anywhere("cloudwatch", f"alarm:headgate-{tenant}-*"),
        place.anywhere("states", f"execution:*:{tenant}-*"),
        f"arn:{place.partition}:iam::{place.account}:role/{tenant_stack('*', tenant)}-serving",
        place.anywhere("sns", tenant_stack("*", tenant)),
    ]


def _lists(place: Place, tenant: str) -> dict[str, Any]:
    """A list without a prefix has no such key, so it is refused."""
    prefixes = list(dict.fromkeys(f"{prefix}*" for _, prefix in places_of(tenant, *_buckets(place))))
    return _allow("s3:List*", list(_buckets(place)), {"StringLike": {"s3:prefix": prefixes}})


def _buckets(place: Place) -> tuple[str, str]:
    arn = f"arn:{place.partition}:s3:::"
    return f"{arn}{place.data_bucket}", f"{arn}{place.artifact_bucket}"


def _items(place: Place, tenant: str) -> dict[str, Any]:
    """Items by their partition; the index is for people, no function reads it. ForAllValues holds of no values too, as
    in a Scan, which names no key: the Null guard refuses that (IAM user guide, multivalued context keys).
    """
    table = place.anywhere("dynamodb", f"table/{place.ledger_table}")
    keys = [f"{tenant}#*", tenant_key(tenant), endpoint_key(f"{tenant}-*")]
    return _allow(
        "dynamodb:*",
        table,
        {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    )


def _allow(
    action: str | list[str], resource: str | list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement
