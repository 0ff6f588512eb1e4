"""Composite alarms on the live cloud: rules over other alarms, and actions that another alarm holds back."""

import json

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION
from waiting import eventually


@pytest.fixture
def child(cloud, name):
    """Makes an alarm without data, whose state is set by hand; answers its name."""

    def make(letter: str, state: str = "OK") -> str:
        client, alarm = cloud.client("cloudwatch"), f"{name}-{letter}"
        client.put_metric_alarm(
            AlarmName=alarm,
            Namespace="Contract/Composite",
            MetricName=name,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        client.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="to begin with")
        return alarm

    return make


@pytest.fixture
def composite(cloud, name):
    """Makes a composite alarm of this test's own; answers what it is."""

    def make(rule: str, **members):
        cloud.client("cloudwatch").put_composite_alarm(AlarmName=name, AlarmRule=rule, **members)
        return described(cloud, name)

    return make


def described(cloud, name: str):
    (found,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ]
    return found


def set_state(cloud, alarm: str, state: str) -> None:
    cloud.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="by hand")


def test_a_rule_is_evaluated_when_it_is_made_and_when_a_child_changes(cloud, child, composite, name) -> None:
    one, two = child("a"), child("b")
    assert composite(f'ALARM("{one}") AND NOT OK({two})')["StateValue"] == "OK"
    set_state(cloud, one, "ALARM")
    assert described(cloud, name)["StateValue"] == "OK"
    set_state(cloud, two, "INSUFFICIENT_DATA")
    found = described(cloud, name)
    assert found["StateValue"] == "ALARM"
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{two}"
    assert found["StateReason"].startswith(f"{arn} transitioned to INSUFFICIENT_DATA at ")
    triggering = json.loads(found["StateReasonData"])["triggeringAlarms"]
    assert triggering[0]["arn"] == arn
    assert triggering[0]["state"]["value"] == "INSUFFICIENT_DATA"


def test_a_rule_may_name_alarms_by_arn_and_ask_for_some_of_them(cloud, child, composite, name) -> None:
    names = [child(letter) for letter in "abc"]
    arns = [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}" for alarm in names]
    composite(f"AT_LEAST(2, ALARM, ({', '.join(arns)}))")
    set_state(cloud, names[0], "ALARM")
    assert described(cloud, name)["StateValue"] == "OK"
    set_state(cloud, names[2], "ALARM")
    assert described(cloud, name)["StateValue"] == "ALARM"


def test_its_event_has_the_rule_and_what_triggered_it(cloud, child, composite, name) -> None:
    sqs, events, one = cloud.client("sqs"), cloud.client("events"), child("a")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue, alarm = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"detail-type": ["CloudWatch Alarm State Change"], "resources": [alarm]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])
    composite(f"ALARM({one})", AlarmDescription="why")
    set_state(cloud, one, "ALARM")

    def look():
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["state"]["value"] == "ALARM":
                return event
        return None

    detail = eventually(look)["detail"]
    assert detail["configuration"] == {"description": "why", "alarmRule": f"ALARM({one})"}
    assert detail["previousState"]["value"] == "OK"
    assert "triggeringAlarms" in json.loads(detail["state"]["reasonData"])


@pytest.mark.aws
def test_children_and_parents_are_found(cloud, child, composite, name) -> None:
    client, one, two = cloud.client("cloudwatch"), child("a"), child("b")
    composite(f"ALARM({one}) OR ALARM({two})")
    found = client.describe_alarms(ChildrenOfAlarmName=name)
    assert [alarm["AlarmName"] for alarm in found["MetricAlarms"]] == [one, two]
    assert [alarm["AlarmName"] for alarm in client.describe_alarms(ParentsOfAlarmName=one)["CompositeAlarms"]] == [name]


def test_a_child_cannot_go_before_its_parent(cloud, child, composite, name) -> None:
    client, one = cloud.client("cloudwatch"), child("a")
    composite(f"ALARM({one})")
    with pytest.raises(ClientError, match="depending on it"):
        client.delete_alarms(AlarmNames=[one])
    client.delete_alarms(AlarmNames=[name])
    client.delete_alarms(AlarmNames=[one])


def test_actions_wait_and_are_held_back_by_the_suppressor(cloud, child, composite, name) -> None:
    one, quiet = child("a"), child("quiet")
    periods = {"ActionsSuppressorWaitPeriod": 120, "ActionsSuppressorExtensionPeriod": 1}
    composite(f"ALARM({one})", ActionsSuppressor=quiet, **periods)
    set_state(cloud, one, "ALARM")
    assert described(cloud, name)["ActionsSuppressedBy"] == "WaitPeriod"
    set_state(cloud, quiet, "ALARM")
    assert described(cloud, name)["ActionsSuppressedBy"] == "Alarm"
    set_state(cloud, quiet, "OK")
    eventually(lambda: "ActionsSuppressedBy" not in described(cloud, name))


def test_half_a_suppressor_and_rules_that_cannot_be_are_refused(cloud, child, composite) -> None:
    one = child("a")
    for rule, members in (
        (f"ALARM({one})", {"ActionsSuppressor": one}),
        (f"ALARM({one}", {}),
        ("ALARM(nobody-knows-it)", {}),
        (f"ALARM({one}) XOR OK({one})", {}),
    ):
        with pytest.raises(ClientError) as refused:
            composite(rule, **members)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
