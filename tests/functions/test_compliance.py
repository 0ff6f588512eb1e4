"""The deployment is judged as it is, through the real handler, on moto's account set up as the template says."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

BUCKETS = ("data", "artifacts", "audit")


def locked_for(days: int) -> dict[str, Any]:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}}
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}


SUSPENDED = {"Status": "Suspended"}


@pytest.fixture
def broken(
    invoke: Any, aws: boto3.Session, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], set[str]]:
    """The rules that a look finds broken."""
    s3, queue = aws.client("s3"), aws.client("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    for name in BUCKETS:
        private = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(private, True))
        refused = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{name}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [refused]}))
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object_lock_configuration(Bucket="audit", **locked_for(2190))
    aws.client("dynamodb").update_continuous_backups(
        TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"SqsManagedSseEnabled": "true"})
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("kms").enable_key_rotation(KeyId=key)
    topic = aws.client("sns").list_topics()["Topics"][0]["TopicArn"]
    aws.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    group = "/aws/lambda/headgate-Reconcile"
    aws.client("logs").create_log_group(logGroupName=group)
    aws.client("logs").put_retention_policy(logGroupName=group, retentionInDays=365)
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="headgate-DeadAlarm",
        MetricName="ApproximateNumberOfMessagesVisible",
        Namespace="AWS/SQS",
        Dimensions=[{"Name": "QueueName", "Value": "dead"}],
        AlarmActions=[topic],
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        EvaluationPeriods=1,
        Period=60,
        Statistic="Maximum",
    )

    def look() -> set[str]:
        caplog.clear()
        assert invoke("on_compliance_due", {}) is None
        said = [vars(each) for each in caplog.records]
        rules = {str(each["rule"]) for each in said if each["message"] == "rule broken"}
        assert {"broken": sorted(rules)} == {"broken": said[-1]["broken"]}
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["ComplianceBreaches"] == [len(rules)]
        return rules

    return look


def test_what_is_set_as_the_template_says_is_compliant(broken: Callable[[], set[str]]) -> None:
    assert broken() == set()


@pytest.mark.parametrize(
    ("service", "change", "given", "rule"),
    [
        ("s3", "delete_bucket_policy", {"Bucket": "data"}, "encryption-in-transit"),
        ("s3", "delete_public_access_block", {"Bucket": "artifacts"}, "no-public-access"),
        ("s3", "put_bucket_versioning", {"Bucket": "data", "VersioningConfiguration": SUSPENDED}, "versions-kept"),
        ("s3", "put_object_lock_configuration", {"Bucket": "audit", **locked_for(1)}, "audit-locked"),
        ("cloudwatch", "disable_alarm_actions", {"AlarmNames": ["headgate-DeadAlarm"]}, "alarms-present"),
        ("logs", "delete_retention_policy", {"logGroupName": "/aws/lambda/headgate-Reconcile"}, "logs-kept"),
    ],
)  # fmt: skip
def test_somebody_who_edits_the_stack_is_noticed_by_the_next_look(
    service: str, change: str, given: dict[str, Any], rule: str, broken: Callable[[], set[str]], aws: boto3.Session
) -> None:
    getattr(aws.client(service), change)(**given)
    assert broken() == {rule}
