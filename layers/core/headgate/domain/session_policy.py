"""What work for one tenant may touch: the session policy under which every function works for a tenant.

A session may do what its function's role allows *and* what this policy allows, never more than either (session
policies, IAM user guide). So the role says what a function does, action by action, and this policy whose things it does
it to; its actions are wide because the role's are narrow. What IAM cannot bound to a tenant (starting executions, task
tokens, metrics, composite alarms, scalable targets, queues, topics, buses) is not here at all: it stays with the
function's own role.
"""

import json
from dataclasses import dataclass
from typing import Any

MOST_CHARACTERS = 2048
"""Of a session policy as text (AssumeRole, API reference)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment is, and the three places in which it keeps what tenants own."""

    partition: str
    region: str
    account: str
    data_bucket: str
    artifact_bucket: str
    ledger_table: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def session_policy(place: Place, tenant: str) -> dict[str, Any]:
    """The policy of sessions that work for a tenant; the same tenant in the same place gives the same policy."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            *_objects(place, tenant),
            _items(place, tenant),
            _allow("sagemaker:*", place.arn("sagemaker", f"*/{tenant}-*")),
            _allow(
                ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"],
                place.arn("cloudwatch", f"alarm:headgate-{tenant}-*"),
            ),
            # Which names none of its executions by: StartExecution knows the machine only.
            _allow("states:DescribeExecution", place.arn("states", f"execution:*:{tenant}-*")),
            # The role says which one.
            _allow(
                "iam:PassRole",
                f"arn:{place.partition}:iam::{place.account}:role/*",
                {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            ),
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


def _objects(place: Place, tenant: str) -> list[dict[str, Any]]:
    data, artifacts = (f"arn:{place.partition}:s3:::{bucket}" for bucket in (place.data_bucket, place.artifact_bucket))
    captured = f"_captured/{tenant}/*"
    return [
        _allow("s3:*", [f"{data}/{tenant}/*", f"{artifacts}/{tenant}/*", f"{artifacts}/{captured}"]),
        # A list without a prefix has no such key, so it is refused.
        _allow("s3:List*", [data, artifacts], {"StringLike": {"s3:prefix": [f"{tenant}/*", captured]}}),
    ]


def _items(place: Place, tenant: str) -> dict[str, Any]:
    """Items by their partition, and by the tenant in the index. ForAllValues holds of no values too, as in a Scan,
    which names no key: the Null guard refuses that (IAM user guide, multivalued context keys).
    """
    table = place.arn("dynamodb", f"table/{place.ledger_table}")
    keys = [tenant, f"{tenant}#*", f"TENANT#{tenant}", f"ENDPOINT#{tenant}-*"]
    return _allow(
        "dynamodb:*",
        [table, f"{table}/index/*"],
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
