"""Alarms on the live cloud: from a value to the event, the message and the function that it calls."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from contract.endings import acted
from contract.live import ACCOUNT, REGION, function_zip
from waiting import eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "events" / "examples" / "cloudwatch-alarm-state-change.json"
NAMESPACE = "Contract/Alarms"


@pytest.fixture
def queue(cloud, name):
    """A queue that everybody may send to."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


@pytest.fixture
def received(cloud, queue):
    """Waits for the next message in the queue for which the test holds; answers it."""

    def wait(fits=lambda _: True):
        def look():
            for message in (
                cloud.client("sqs")
                .receive_message(QueueUrl=queue[0], MaxNumberOfMessages=10, WaitTimeSeconds=1)
                .get("Messages", [])
            ):
                if fits(body := json.loads(message["Body"])):
                    return body
            return None

        return eventually(look)

    return wait


@pytest.fixture
def events(cloud, queue, name):
    """CloudWatch's events of this test's alarms come to the queue."""
    client = cloud.client("events")
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    pattern = {"source": ["aws.cloudwatch"], "resources": [{"prefix": arn}]}
    client.put_rule(Name=name, EventPattern=json.dumps(pattern))
    client.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue[1]}])


@pytest.fixture
def make_alarm(cloud, name):
    """Makes an alarm that rings on any value of the test's own metric above 0 within ten seconds."""

    def make(suffix: str = "", **members) -> str:
        wanted = {
            "AlarmName": name + suffix,
            "Namespace": NAMESPACE,
            "MetricName": name,
            "Statistic": "Sum",
            "Period": 10,
            "EvaluationPeriods": 1,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        cloud.client("cloudwatch").put_metric_alarm(**wanted | members)
        return name + suffix

    return make


@pytest.fixture
def put(cloud, name):
    def do(value: float) -> None:
        cloud.client("cloudwatch").put_metric_data(
            Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Value": value, "StorageResolution": 1}]
        )

    return do


def is_change_to(state: str):
    def fits(event: dict) -> bool:
        return event["detail-type"] == "CloudWatch Alarm State Change" and event["detail"]["state"]["value"] == state

    return fits


def shape(value):
    """The names and types of a document, without its values."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_a_breach_is_an_event_in_the_documented_shape(cloud, make_alarm, received, events, in_state) -> None:
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": "EndpointName", "Value": "acme-wards"}, {"Name": "VariantName", "Value": "challenger"}],
    }
    alarm = make_alarm(AlarmDescription="Too many server errors.", **metric)
    in_state(alarm, "OK")
    namespace = metric.pop("Namespace")
    cloud.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[{**metric, "Value": 3.0}])
    event = received(is_change_to("ALARM"))
    assert event["source"] == "aws.cloudwatch"
    assert event["resources"] == [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"]
    assert event["detail"]["alarmName"] == alarm
    assert event["detail"]["previousState"]["value"] == "OK"
    example = json.loads(EXAMPLE.read_text())
    assert shape(event) == shape(example)
    data, golden = (json.loads(each["detail"]["state"]["reasonData"]) for each in (event, example))
    assert shape(data) == shape(golden)


def test_a_changed_configuration_is_an_event_too(cloud, make_alarm, received, events) -> None:
    alarm = make_alarm()
    created = received(lambda event: event["detail"].get("operation") == "create")
    assert created["detail-type"] == "CloudWatch Alarm Configuration Change"
    assert created["detail"]["configuration"]["threshold"] == 0.0
    cloud.client("cloudwatch").delete_alarms(AlarmNames=[alarm])
    received(lambda event: event["detail"].get("operation") == "delete")


def test_a_topic_gets_the_message_of_aws(cloud, make_alarm, put, queue, received, in_state, name) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue[1])
    alarm = make_alarm(AlarmActions=[topic], AlarmDescription="why")
    put(1.0)
    in_state(alarm, "ALARM")
    envelope = received()
    assert envelope["Subject"] == f'ALARM: "{alarm}" in EU (Frankfurt)'
    message = json.loads(envelope["Message"])
    assert (message["AlarmName"], message["NewStateValue"], message["Region"]) == (alarm, "ALARM", "EU (Frankfurt)")
    assert message["OldStateValue"] in ("OK", "INSUFFICIENT_DATA")
    assert message["AWSAccountId"] == ACCOUNT
    assert message["AlarmActions"] == [topic]
    assert message["Trigger"] == {
        "MetricName": name,
        "Namespace": NAMESPACE,
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [],
        "Period": 10,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    (item,) = acted(cloud, alarm)
    assert item["HistorySummary"] == f"Successfully executed action {topic}"


REPORTING = """
import boto3, json, os

def handle(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


def test_a_function_is_called_with_the_alarm(cloud, make_alarm, put, queue, received, make_role, name) -> None:
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue[1]}
    function = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handle",
        Role=make_role(allowed, service="lambda.amazonaws.com"),
        Code={"ZipFile": function_zip(REPORTING)},
        Environment={"Variables": {"QUEUE": queue[0]}},
    )["FunctionArn"]
    alarm = make_alarm(AlarmActions=[function])
    put(1.0)
    event = received()
    assert event["source"] == "aws.cloudwatch"
    assert event["alarmArn"] == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"
    assert (event["accountId"], event["region"]) == (ACCOUNT, REGION)
    assert event["alarmData"]["state"]["value"] == "ALARM"
    assert event["alarmData"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] == name


def test_an_action_that_fails_is_in_the_history(cloud, make_alarm, put, in_state, name) -> None:
    nobody = f"arn:aws:sns:{REGION}:{ACCOUNT}:nobody-{name}"
    alarm = make_alarm(AlarmActions=[nobody])
    put(1.0)
    in_state(alarm, "ALARM")
    (item,) = acted(cloud, alarm)
    assert item["HistorySummary"].startswith(f"Failed to execute action {nobody}")


def test_missing_values_are_treated_as_the_alarm_says(make_alarm, in_state) -> None:
    in_state(make_alarm("-breaching", TreatMissingData="breaching"), "ALARM")
    in_state(make_alarm("-within"), "OK")
    in_state(make_alarm("-missing", TreatMissingData="missing"), "INSUFFICIENT_DATA")


def test_set_by_hand_and_found_by_state_and_history(cloud, make_alarm, name) -> None:
    client, alarm = cloud.client("cloudwatch"), make_alarm(Period=60, TreatMissingData="ignore")
    client.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="by hand", StateReasonData='{"a": 1}')
    (found,) = client.describe_alarms(AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]
    assert (found["StateReason"], found["StateReasonData"]) == ("by hand", '{"a": 1}')
    assert client.describe_alarms(AlarmNamePrefix=name, StateValue="OK")["MetricAlarms"] == []
    newest, oldest = client.describe_alarm_history(AlarmName=alarm)["AlarmHistoryItems"]
    assert newest["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert json.loads(newest["HistoryData"])["newState"] == {
        "stateValue": "ALARM",
        "stateReason": "by hand",
        "stateReasonData": {"a": 1},
    }
    page = client.describe_alarm_history(AlarmName=alarm, MaxRecords=1, ScanBy="TimestampAscending")
    assert page["AlarmHistoryItems"] == [oldest]
    page = client.describe_alarm_history(
        AlarmName=alarm, MaxRecords=1, ScanBy="TimestampAscending", NextToken=page["NextToken"]
    )
    assert page["AlarmHistoryItems"] == [newest]


@pytest.mark.aws
def test_actions_are_turned_off_and_on(cloud, make_alarm) -> None:
    client, alarm = cloud.client("cloudwatch"), make_alarm()
    client.disable_alarm_actions(AlarmNames=[alarm])
    assert client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["ActionsEnabled"] is False
    client.enable_alarm_actions(AlarmNames=[alarm])
    assert client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["ActionsEnabled"] is True


@pytest.mark.aws
def test_alarms_are_found_by_their_metric_and_page_by_page(cloud, make_alarm, name) -> None:
    client, names = cloud.client("cloudwatch"), [make_alarm(f"-{number}") for number in range(3)]
    found = client.describe_alarms_for_metric(Namespace=NAMESPACE, MetricName=name)["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in found) == names
    pages = client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name, PaginationConfig={"PageSize": 2})
    sizes = [len(page["MetricAlarms"]) for page in pages]
    assert sizes == [2, 1]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({"Period": 15}, "ValidationError", marks=pytest.mark.aws),
        ({"ExtendedStatistic": "p99"}, "InvalidParameterCombination"),
        pytest.param({"ComparisonOperator": "Sideways"}, "ValidationError", marks=pytest.mark.aws),
        ({"AlarmActions": [f"arn:aws:ssm:{REGION}:{ACCOUNT}:opsitem:1"]}, "UnsupportedOperationException"),
        ({"ThresholdMetricId": "band"}, "UnsupportedOperationException"),
    ],
)
def test_what_cannot_be_is_refused(cloud, make_alarm, name, members, code) -> None:
    with pytest.raises(ClientError) as refused:
        make_alarm(**members)
    assert refused.value.response["Error"]["Code"] == code
    assert cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_functions_publish_what_lambda_publishes(cloud, make_alarm, in_state, make_role, name) -> None:
    client = cloud.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handle",
        Role=make_role(service="lambda.amazonaws.com"),
        Code={"ZipFile": function_zip("def handle(event, context):\n    raise ValueError('no')\n")},
    )
    dimensions = [{"Name": "FunctionName", "Value": name}]
    alarm = make_alarm(Namespace="AWS/Lambda", MetricName="Errors", Dimensions=dimensions)
    client.invoke(FunctionName=name)
    in_state(alarm, "ALARM")
    listed = cloud.client("cloudwatch").list_metrics(Namespace="AWS/Lambda", Dimensions=dimensions)["Metrics"]
    assert {"Invocations", "Errors", "Throttles", "Duration"} <= {each["MetricName"] for each in listed}
