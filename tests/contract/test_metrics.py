"""Metrics over the wire: what is put can be found again, by statistic, dimension, unit and expression."""

import math
import time

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from contract.live import KEYS, REGION, assert_complete

NAMESPACE = "Contract"


@pytest.fixture(params=["json", "query", "smithy-rpc-v2-cbor"])
def cloudwatch(cloud, request):
    """A client that speaks one of the three protocols of CloudWatch."""
    session, loader = botocore.session.get_session(), create_loader()  # its own: the other tests' models stay whole
    session.register_component("data_loader", loader)
    model = loader.load_service_model("cloudwatch", "service-2")
    model["metadata"] |= {"protocol": request.param, "protocols": [request.param]}
    made = boto3.Session(botocore_session=session, **KEYS).client(
        "cloudwatch", endpoint_url=cloud.url, region_name=REGION
    )
    made.meta.events.register("after-call.cloudwatch", assert_complete)
    return made


@pytest.fixture
def put(cloud, name):
    """Puts values of a metric of the test's own, a few seconds ago."""

    def do(*values, dimensions=None, at=None, **members):
        datum = {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in (dimensions or {}).items()],
            "Timestamp": time.time() - 5 if at is None else at,
            **members,
        }
        data = [datum | {"Value": float(value)} for value in values] or [datum]
        cloud.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)

    return do


@pytest.fixture
def statistics(cloud, name):
    """The statistics of the test's own metric, over the last minutes together."""

    def get(*wanted, dimensions=None, client=None, **members):
        basic = [each for each in wanted if not each.startswith("p")]
        found = (client or cloud.client("cloudwatch")).get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in (dimensions or {}).items()],
            StartTime=time.time() - 600,
            EndTime=time.time() + 60,
            Period=3600,
            **({"Statistics": basic} if basic else {"ExtendedStatistics": list(wanted)}),
            **members,
        )["Datapoints"]
        return found[0] if found else None

    return get


def test_every_protocol_puts_and_gets_the_same(cloudwatch, name) -> None:
    at = int(time.time()) - 30
    dimensions = [{"Name": "A", "Value": "1 & <2>"}]
    datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Unit": "Milliseconds"}
    data = [datum | {"Values": [1.0, 3.0], "Counts": [3.0, 1.0]}, datum | {"Value": 5.5}]
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    found = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=name,
        Dimensions=dimensions,
        StartTime=at - 60,
        EndTime=at + 60,
        Period=1,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
    )
    (point,) = found["Datapoints"]
    assert point.pop("Timestamp").timestamp() == at
    assert point == {
        "Unit": "Milliseconds",
        "SampleCount": 5.0,
        "Sum": 11.5,
        "Average": 2.3,
        "Minimum": 1.0,
        "Maximum": 5.5,
    }
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}, "Period": 1}
    (result,) = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "most", "MetricStat": {**stat, "Stat": "Maximum"}, "ReturnData": False},
            {"Id": "double", "Expression": "most * 2", "Label": "twice"},
        ],
        StartTime=at - 60,
        EndTime=at + 60,
    )["MetricDataResults"]
    assert (result["Id"], result["Label"], result["Values"], result["StatusCode"]) == (
        "double",
        "twice",
        [11.0],
        "Complete",
    )
    assert [each.timestamp() for each in result["Timestamps"]] == [at]
    (listed,) = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"]
    assert listed == {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}


def test_every_protocol_is_told_why_it_is_refused(cloudwatch, name) -> None:
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name}])
    assert refused.value.response["Error"]["Code"] == "MissingParameter"
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound):
        cloudwatch.set_alarm_state(AlarmName="nobody's", StateValue="OK", StateReason="a test")


def test_every_protocol_makes_and_describes_alarms(cloudwatch, name) -> None:
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": []}, "Period": 60, "Stat": "Sum"}
    request = {
        "AlarmName": name,
        "AlarmDescription": "a < b",
        "ActionsEnabled": False,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
        "Metrics": [
            {"Id": "m", "MetricStat": stat, "ReturnData": False},
            {"Id": "e", "Expression": "m * 2", "ReturnData": True},
        ],
    }
    cloudwatch.put_metric_alarm(**request, Tags=[{"Key": "team", "Value": "a"}])
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert {member: alarm[member] for member in request} == request
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["AlarmConfigurationUpdatedTimestamp"].timestamp() == pytest.approx(time.time(), abs=30)
    cloudwatch.tag_resource(ResourceARN=alarm["AlarmArn"], Tags=[{"Key": "stage", "Value": "b"}])
    tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "b"}]
    (item,) = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="ConfigurationUpdate")[
        "AlarmHistoryItems"
    ]
    assert item["HistorySummary"] == f'Alarm "{name}" created'
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_dimensions_and_units_set_metrics_apart(put, statistics) -> None:
    put(1, dimensions={"A": "1"})
    put(10, dimensions={"A": "1", "B": "2"})
    put(100, Unit="Seconds")
    assert statistics("Sum", dimensions={"A": "1"})["Sum"] == 1.0
    assert statistics("Sum", dimensions={"A": "1", "B": "2"})["Sum"] == 10.0
    assert statistics("Sum", dimensions={"B": "2"}) is None
    assert statistics("Sum")["Sum"] == 100.0
    assert statistics("Sum", Unit="Count") is None


def test_statistic_sets_are_added_up(put, statistics) -> None:
    put(StatisticValues={"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9})
    put(StatisticValues={"SampleCount": 1, "Sum": 30, "Minimum": 30, "Maximum": 30})
    found = statistics("SampleCount", "Average", "Minimum", "Maximum")
    assert (found["SampleCount"], found["Average"], found["Minimum"], found["Maximum"]) == (5.0, 10.0, 2.0, 30.0)


def test_percentiles(put, statistics) -> None:
    put(*range(1, 101))
    assert statistics("p50", "p99.9")["ExtendedStatistics"] == {"p50": 50.5, "p99.9": pytest.approx(99.901)}


def test_results_come_newest_first_unless_asked_otherwise(cloud, put, name) -> None:
    now = int(time.time())
    for minute in (3, 2, 1):
        put(minute, at=now - 60 * minute)
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": 60, "Stat": "Sum"}
    query = {
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat}],
        "StartTime": now - 600,
        "EndTime": now,
    }
    get = cloud.client("cloudwatch").get_metric_data
    assert get(**query)["MetricDataResults"][0]["Values"] == [1.0, 2.0, 3.0]
    assert get(**query, ScanBy="TimestampAscending")["MetricDataResults"][0]["Values"] == [3.0, 2.0, 1.0]


STATISTICS = {"SampleCount": 2.0, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0}


@pytest.mark.parametrize(
    "datum",
    [
        {"Value": math.nan},
        {"Value": math.inf},
        {"Value": -(2.0**361)},
        {"Values": [1.0, -math.inf]},
        {"Values": [1.0], "Counts": [math.nan]},
        {"StatisticValues": STATISTICS | {"Sum": math.inf}},
    ],
)
def test_what_is_no_number_or_too_large_is_refused(cloudwatch, name, datum) -> None:
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name, **datum}])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        pytest.param({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination", marks=pytest.mark.aws),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "InvalidParameterValue"),
        pytest.param({"Value": 1.0, "Timestamp": 1_000_000_000}, "InvalidParameterValue", marks=pytest.mark.aws),
        ({"Value": 1.0, "StorageResolution": 5}, "InvalidParameterValue"),
        ({"Value": 1.0, "Unit": "Furlongs"}, "ValidationError"),
    ],
)
def test_wrong_data_is_refused_and_nothing_of_it_kept(cloud, name, datum, code) -> None:
    client = cloud.client("cloudwatch")
    data = [{"MetricName": name, "Value": 1.0}, {"MetricName": name, **datum}]
    with pytest.raises(ClientError) as refused:
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    assert refused.value.response["Error"]["Code"] == code
    assert client.list_metrics(Namespace=NAMESPACE, MetricName=name)["Metrics"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"Expression": "a +"}, "ValidationError", marks=pytest.mark.aws),
        pytest.param({"Expression": "a + b"}, "ValidationError", marks=pytest.mark.aws),
        pytest.param({"Expression": "1 + 1"}, "ValidationError", marks=pytest.mark.aws),
        ({"Expression": "SEARCH('x', 'Sum')"}, "UnsupportedOperationException"),
        ({"Expression": "ANOMALY_DETECTION_BAND(a)"}, "UnsupportedOperationException"),
        ({}, "ValidationError"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(cloud, query, code) -> None:
    now = time.time()
    with pytest.raises(ClientError) as refused:
        cloud.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "x", **query}], StartTime=now - 60, EndTime=now
        )
    assert refused.value.response["Error"]["Code"] == code


def test_labels_and_pages_that_are_not_made_are_refused_by_name(cloud, put, name) -> None:
    now = time.time()
    for back in (60, 120, 180):
        put(1, at=now - back)
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": 60, "Stat": "Sum"}
    for query, members in (({"Label": "${MAX}"}, {}), ({}, {"MaxDatapoints": 2})):
        with pytest.raises(ClientError) as refused:
            cloud.client("cloudwatch").get_metric_data(
                MetricDataQueries=[{"Id": "m", "MetricStat": stat, **query}],
                StartTime=now - 600,
                EndTime=now,
                **members,
            )
        assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"


def test_operations_that_are_not_there_are_refused_by_name(cloud) -> None:
    with pytest.raises(ClientError, match="does not know PutInsightRule") as refused:
        cloud.client("cloudwatch").put_insight_rule(RuleName="r", RuleDefinition="{}")
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"


def test_dashboards_are_still_there(cloud, name) -> None:
    client = cloud.client("cloudwatch")
    client.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    assert client.get_dashboard(DashboardName=name)["DashboardBody"] == '{"widgets": []}'
