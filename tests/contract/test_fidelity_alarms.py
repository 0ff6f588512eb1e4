"""Where metrics and alarms differ from AWS: one test for each line of docs/fidelity.md.

A test here passes while the difference stands, as in ``test_fidelity``.
"""

import json

import pytest
from contract.endings import acted
from waiting import eventually


@pytest.fixture
def make_alarm(cloud, name):
    """Makes an alarm of this test's own on a metric; answers a function that looks at its state."""

    def make(**members):
        wanted = {
            "AlarmName": name,
            "Namespace": "Contract/Fidelity",
            "MetricName": name,
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        client = cloud.client("cloudwatch")
        client.put_metric_alarm(**wanted | members)
        return lambda: client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    return make


def test_queues_have_metrics_only_while_an_alarm_watches_them(cloud, make_alarm, name) -> None:
    cloudwatch, sqs = cloud.client("cloudwatch"), cloud.client("sqs")
    watched, other = (sqs.create_queue(QueueName=f"{name}-{each}")["QueueUrl"] for each in ("watched", "other"))
    state = make_alarm(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": watched.rpartition("/")[2]}],
    )
    for queue in (watched, other):
        sqs.send_message(QueueUrl=queue, MessageBody="m")
    eventually(lambda: state() == "ALARM")

    def metrics(queue: str) -> set[str]:
        dimensions = [{"Name": "QueueName", "Value": queue.rpartition("/")[2]}]
        listed = cloudwatch.list_metrics(Namespace="AWS/SQS", Dimensions=dimensions)["Metrics"]
        return {each["MetricName"] for each in listed}

    states = ("Visible", "NotVisible", "Delayed")
    assert metrics(watched) == {f"ApproximateNumberOfMessages{each}" for each in states}
    assert metrics(other) == set()


def test_what_cannot_be_undone_rings_before_the_end_of_its_period(cloud, make_alarm, name) -> None:
    state = make_alarm(Period=3600)
    data = [{"MetricName": name, "Value": 1.0}]
    cloud.client("cloudwatch").put_metric_data(Namespace="Contract/Fidelity", MetricData=data)
    eventually(lambda: state() == "ALARM")


def test_actions_need_no_policy_of_the_topic_they_go_to(cloud, make_alarm, name) -> None:
    denied = {"Effect": "Deny", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    policy = {"Version": "2012-10-17", "Statement": [{**denied, "Resource": "*"}]}
    topic = cloud.client("sns").create_topic(Name=name, Attributes={"Policy": json.dumps(policy)})["TopicArn"]
    make_alarm(AlarmActions=[topic], TreatMissingData="breaching")
    (item,) = acted(cloud, name)
    assert item["HistorySummary"] == f"Successfully executed action {topic}"
