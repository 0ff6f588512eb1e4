"""The compliance rules hold of the template as it would be deployed, and each of them notices what it is for."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.lint_template import REGION, ROOT
from tests.prove.stack import Stack

from headgate.aws.deployed import says_tls_only
from headgate.domain.compliance import RULES, Bucket, Deployment, Key, Logs, Queue, Served, Table, Topic, Trail, judged

ONLY = {"Bool": {"aws:SecureTransport": "false"}}
GOOD = Served("demo/iris", "1", True, True, True)


def of_template(stack: Stack) -> Deployment:
    """What the template makes."""
    buckets = dict(_buckets(stack))
    alarms = [stack.plain(each) for _, each in stack.of("AWS::CloudWatch::Alarm")]
    watched = {
        dimension["Value"] for alarm in alarms if alarm.get("AlarmActions") for dimension in alarm.get("Dimensions", [])
    }
    keys = {stack.named(name): stack.plain(each) for name, each in stack.of("AWS::KMS::Key")}
    return Deployment(
        REGION,
        list(buckets.values()),
        [
            Table(
                name,
                REGION,
                each["SSESpecification"]["SSEEnabled"],
                each["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
            )
            for name, each in stack.of("AWS::DynamoDB::Table")
        ],
        [
            Queue(name, each.get("SqsManagedSseEnabled", False), stack.named(name) in watched)
            for name, each in stack.of("AWS::SQS::Queue")
            if "DeadLetters" in name
        ],
        [Logs(name, stack.plain(each).get("RetentionInDays")) for name, each in stack.of("AWS::Logs::LogGroup")],
        [
            Topic(name, True, keys[stack.plain(each["KmsMasterKeyId"])]["EnableKeyRotation"])
            for name, each in stack.of("AWS::SNS::Topic")
        ],
        [Key("demo", True)],
        [GOOD],
        [Trail("demo", True), Trail("demo/iris", True)],
    )


def _buckets(stack: Stack) -> Iterator[tuple[str, Bucket]]:
    policies = {each["Bucket"]["Ref"]: each["PolicyDocument"] for _, each in stack.of("AWS::S3::BucketPolicy")}
    for name, each in stack.of("AWS::S3::Bucket"):
        block = each["PublicAccessBlockConfiguration"]
        rule = each.get("ObjectLockConfiguration", {}).get("Rule")
        yield (
            name,
            Bucket(
                name,
                REGION,
                bool(each["BucketEncryption"]["ServerSideEncryptionConfiguration"]),
                each["VersioningConfiguration"]["Status"] == "Enabled",
                len(block) == 4 and all(block.values()),
                says_tls_only([stack.plain(each) for each in policies[name]["Statement"]], stack.named(name)),
                stack.plain(rule)["DefaultRetention"]["Days"] if name == "AuditBucket" else None,
            ),
        )


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    return of_template(Stack("111122223333"))


def test_every_rule_holds_of_the_template(deployment: Deployment) -> None:
    assert len(deployment.buckets) >= 3
    assert len(deployment.queues) >= 7
    assert len(deployment.logs) >= 30
    assert {each.rule.name: each.breaches for each in judged(deployment) if not each.holds} == {}


def test_the_page_names_every_rule_with_its_controls() -> None:
    page = (ROOT / "docs" / "compliance.md").read_text()
    told = re.findall(r"^\| `([a-z-]+)` \|[^|]+\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert told == [(rule.name, rule.hipaa, rule.pci, rule.nist) for rule in RULES]


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "encryption-at-rest": ("buckets", {"encrypted": False}),
    "encryption-in-transit": ("buckets", {"over_tls": False}),
    "no-public-access": ("buckets", {"private": False}),
    "key-rotation": ("topics", {"rotates": False}),
    "versions-kept": ("buckets", {"versioned": False}),
    "point-in-time-recovery": ("tables", {"recoverable": False}),
    "audit-locked": ("buckets", {"locked": 1}),
    "logs-kept": ("logs", {"days": 7}),
    "alarms-present": ("queues", {"alarmed": False}),
    "data-residency": ("tables", {"region": "us-east-1"}),
    "model-cards-present": ("served", {"card": False}),
    "approvals-recorded": ("served", {"approved": False}),
    "audit-sound": ("trails", {"sound": False}),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_notices_what_it_is_for_and_no_other_does(rule: Any, deployment: Deployment) -> None:
    kind, change = BROKEN[rule.name]
    first, *others = getattr(deployment, kind)
    broken = replace(deployment, **{kind: [replace(first, **change), *others]})
    found = {each.rule.name: each.breaches for each in judged(broken) if not each.holds}
    assert list(found) == [rule.name]
    assert found[rule.name][0][0] in (first.name,)
    assert all((rule.hipaa, rule.pci, rule.nist, rule.asks))


def test_a_tenants_key_that_does_not_rotate_is_noticed(deployment: Deployment) -> None:
    found = {each.rule.name: each.breaches for each in judged(replace(deployment, keys=[Key("acme", False)]))}
    assert found["key-rotation"] == [("acme", "Its key does not rotate.")]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}, "Action": ["s3:*"]}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:role/one"}}, False),
        ({"Action": "s3:PutObject"}, False),
        ({"Effect": "Allow"}, False),
        ({"Condition": {}}, False),
        ({"Condition": {**ONLY, "StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]}, True),
        ({"Resource": "arn:aws:s3:::data"}, False),
        ({"Resource": "arn:aws:s3:::data/demo/*"}, False),
        ({"Action": None, "NotAction": "s3:GetObject"}, False),
    ],
)
def test_a_bucket_takes_only_tls_when_everybody_is_refused_without(statement: dict[str, Any], says: bool) -> None:
    refused = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": ONLY}
    assert says_tls_only([refused | statement], "data") is says
