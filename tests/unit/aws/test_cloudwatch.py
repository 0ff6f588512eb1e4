"""The alarms of a release in CloudWatch, on moto's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from headgate.aws.cloudwatch import Alarms, Measurements
from headgate.domain.alarms import VARIANT, alarm_names, alarms_of
from headgate.domain.names import Project
from headgate.domain.rollout import Wishes
from headgate.domain.standing_alarms import Patience, standing_alarms

MADE = alarms_of("demo-iris-r2", "demo-iris", Wishes())
NAMES = alarm_names("demo-iris-r2")


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("cloudwatch")


@pytest.fixture
def alarms(client: Any) -> Alarms:
    adapter = Alarms(client, client)
    for alarm in MADE:
        adapter.ensure(alarm, {"headgate:ledger": "ledger"})
    return adapter


def test_an_alarm_watches_the_new_instances_minute_by_minute(alarms: Alarms, client: Any) -> None:
    errors, latency, verdict = client.describe_alarms(AlarmNames=list(NAMES))["MetricAlarms"]
    where = {each["Name"]: each["Value"] for each in errors["Dimensions"]}
    assert where == {"EndpointName": "demo-iris", "VariantName": "main", "EndpointConfigName": "demo-iris-r2"}
    assert (errors["MetricName"], errors["Statistic"], errors["Threshold"]) == ("Invocation5XXErrors", "Average", 0.05)
    assert (latency["MetricName"], latency["ExtendedStatistic"], latency["Threshold"]) == ("ModelLatency", "p90", 1e6)
    for alarm in (errors, latency):
        assert (alarm["Namespace"], alarm["Period"], alarm["EvaluationPeriods"]) == ("AWS/SageMaker", 60, 1)
        assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
        tags = client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        assert {"Key": "headgate:ledger", "Value": "ledger"} in tags
    assert (verdict["Namespace"], verdict["MetricName"], verdict["Period"]) == ("Headgate", "TakeBack", 10)
    assert verdict["Dimensions"] == [{"Name": "Release", "Value": "demo-iris-r2"}]


def test_an_alarm_made_twice_is_one_as_it_was_asked_for_last(alarms: Alarms, client: Any) -> None:
    alarms.ensure(replace(MADE[0], threshold=0.5), {"headgate:ledger": "ledger"})
    assert [each["Threshold"] for each in client.describe_alarms()["MetricAlarms"]] == [0.5, 1e6, 0.0]


def test_only_the_named_alarms_that_ring_are_told(alarms: Alarms, client: Any) -> None:
    client.put_metric_alarm(
        AlarmName="another",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    for name in ("another", NAMES[1]):
        client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    assert alarms.ringing(NAMES) == [NAMES[1]]
    assert alarms.ringing([]) == []


def test_alarms_of_older_releases_are_taken_away_and_nobody_elses(alarms: Alarms, client: Any) -> None:
    for endpoint, number in (("demo-iris", 1), ("demo-iris", 3), ("demo-iris-r1", 1)):
        for alarm in alarms_of(f"{endpoint}-r{number}", endpoint, Wishes()):
            alarms.ensure(alarm, {})
    standing, _ = standing_alarms("demo-iris-r1", Project("demo", "iris"), Wishes(), Patience(2, 60, 3), "ml.m5.large")
    for alarm in standing:
        alarms.ensure(alarm, {})

    def left() -> set[str]:
        return {each["AlarmName"] for each in client.describe_alarms()["MetricAlarms"]}

    others = {*alarm_names("demo-iris-r3"), *alarm_names("demo-iris-r1-r1")}
    alarms.retire("demo-iris", 3, champion=2)
    assert left() == {*NAMES, *others}
    alarms.retire("demo-iris", 3, champion=None)
    assert left() == others
    alarms.retire("demo-iris", 3, champion=None)


def test_the_template_lets_releases_make_no_alarms_but_their_own(template: dict[str, Any]) -> None:
    *_, policy = template["Resources"]["DeployRelease"]["Properties"]["Policies"]
    [statement] = [each for each in policy["Statement"] if "cloudwatch:PutMetricAlarm" in each["Action"]]
    [pattern] = statement["Resource"].values()
    assert pattern.endswith(":alarm:headgate-*")
    assert all(name.startswith("headgate-") for name in NAMES)


def test_the_traffic_of_an_endpoint_is_its_requests_hour_by_hour(aws: boto3.Session) -> None:
    client, noon = aws.client("cloudwatch"), datetime(2026, 1, 1, 12, tzinfo=UTC)
    whose = [{"Name": "EndpointName", "Value": "demo-iris"}, {"Name": "VariantName", "Value": VARIANT}]
    for minutes, requests in ((1, 3.0), (59, 4.0), (125, 5.0)):
        at = noon + timedelta(minutes=minutes)
        datum = {"MetricName": "Invocations", "Dimensions": whose, "Timestamp": at, "Value": requests}
        client.put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])
    found = Measurements(client).traffic("demo-iris", noon - timedelta(hours=2), noon + timedelta(hours=4))
    assert found == {noon: 7.0, noon + timedelta(hours=2): 5.0}
