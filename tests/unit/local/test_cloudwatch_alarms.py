"""Alarms on a clock of the test's own: transitions, reasons, what is told and when."""

import json

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.cloudwatch import alarms
from headgate_local.cloudwatch.judgement import judge


def test_a_sum_rings_at_once_and_an_average_at_the_end_of_its_period(world) -> None:
    world.alarm("sum")
    world.alarm("average", Statistic="Average")
    world.now += 3
    world.put(1.0)
    world.alarms.tick(world.now)
    assert world.alarms.state("sum") == "ALARM"
    assert world.alarms.state("average") == "INSUFFICIENT_DATA"
    world.wait(7)
    assert world.alarms.state("average") == "ALARM"


def test_only_its_own_dimensions_ring_an_alarm(world) -> None:
    world.alarm(Dimensions=[{"Name": "A", "Value": "1"}])
    world.put(5.0, A="2")
    world.put(5.0)
    world.alarms.tick(world.now)
    assert world.alarms.state("x") == "INSUFFICIENT_DATA"
    world.put(5.0, A="1")
    world.alarms.tick(world.now)
    assert world.alarms.state("x") == "ALARM"


def test_two_of_three_needs_two_periods_however_many_values_one_holds(world) -> None:
    world.alarm(EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    for _ in range(5):
        world.put(1.0)
    world.wait(10)
    assert world.alarms.state("x") == "OK"
    world.put(1.0)
    world.alarms.tick(world.now)
    assert world.alarms.state("x") == "ALARM"


def test_it_returns_when_periods_without_breach_have_passed(world) -> None:
    world.alarm(TreatMissingData="notBreaching")
    world.put(1.0)
    world.alarms.tick(world.now)
    world.now += 10
    world.put(0.0)
    world.wait(10)
    assert world.alarms.state("x") == "OK"
    assert world.told == [("x", "INSUFFICIENT_DATA", "ALARM"), ("x", "ALARM", "OK")]
    (alarm,) = world.alarms.describe(["x"])
    assert "was not greater than the threshold (0.0)" in alarm["StateReason"]
    assert "(minimum 1 datapoint for ALARM -> OK transition)" in alarm["StateReason"]


def test_reasons_are_in_the_form_of_aws(world) -> None:
    world.alarm()
    world.put(2.0)
    world.alarms.tick(world.now)
    (alarm,) = world.alarms.describe(["x"])
    assert alarm["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [2.0 (15/01/27 08:00:00)] was greater than the threshold "
        "(0.0) (minimum 1 datapoint for INSUFFICIENT_DATA -> ALARM transition)."
    )
    assert json.loads(alarm["StateReasonData"]) == {
        "version": "1.0",
        "queryDate": "2027-01-15T08:00:00.000+0000",
        "startDate": "2027-01-15T08:00:00.000+0000",
        "statistic": "Sum",
        "period": 10,
        "recentDatapoints": [2.0],
        "threshold": 0.0,
        "evaluatedDatapoints": [{"timestamp": "2027-01-15T08:00:00.000+0000", "sampleCount": 1.0, "value": 2.0}],
    }
    world.wait(60)
    (alarm,) = world.alarms.describe(["x"])
    assert alarm["StateReason"] == "Insufficient Data: 1 datapoint was unknown."


def test_an_expression_decides_at_the_end_of_a_period(world) -> None:
    def stat(name: str) -> dict:
        return {"Metric": {"Namespace": "N", "MetricName": name, "Dimensions": []}, "Period": 10, "Stat": "Sum"}

    world.alarm(
        Namespace=None,
        MetricName=None,
        Statistic=None,
        Period=None,
        Threshold=50.0,
        Metrics=[
            {"Id": "rate", "Expression": "100 * failed / FILL(asked, 1)", "ReturnData": True},
            {"Id": "failed", "MetricStat": stat("Failed"), "ReturnData": False},
            {"Id": "asked", "MetricStat": stat("Asked"), "ReturnData": False},
        ],
    )
    for failed in (1.0, 0.0, 1.0):
        world.metrics.put("N", "Failed", {}, failed)
        world.metrics.put("N", "Asked", {}, 1.0)
    world.wait(9)
    assert world.alarms.state("x") == "INSUFFICIENT_DATA"
    world.wait(1)
    assert world.alarms.state("x") == "ALARM"
    assert "66.6" in world.alarms.describe(["x"])[0]["StateReason"]


def test_a_percentile_of_few_samples_leaves_the_state_if_it_shall(world) -> None:
    percentile = {"Statistic": None, "ExtendedStatistic": "p99"}
    world.alarm("ignores", **percentile, EvaluateLowSampleCountPercentile="ignore")
    world.alarm("evaluates", **percentile)
    world.put(1.0)
    world.wait(10)
    assert world.alarms.state("ignores") == "INSUFFICIENT_DATA"
    assert world.alarms.state("evaluates") == "ALARM"


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(world) -> None:
    world.alarm(TreatMissingData="notBreaching")
    world.wait(1)
    world.alarms.set_state("x", "ALARM", "a test")
    world.put(0.0)
    world.wait(5)
    assert world.alarms.state("x") == "ALARM"
    world.wait(20)
    assert world.alarms.state("x") == "OK"
    with pytest.raises(ApiError, match="ResourceNotFound"):
        world.alarms.set_state("nobody", "ALARM", "a test")


def test_actions_follow_their_state_and_can_be_turned_off(world) -> None:
    world.alarm(AlarmActions=[world.TOPIC])
    world.alarm("off", AlarmActions=[world.TOPIC], ActionsEnabled=False)
    world.put(1.0)
    world.alarms.tick(world.now)
    world.wait(120)
    world.settle()
    assert world.acted == [(world.TOPIC, "ALARM")]
    kinds = [
        item["HistoryItemType"]
        for item in world.alarms.consequences.history.page({"AlarmName": "x"})["AlarmHistoryItems"]
    ]
    assert kinds.count("Action") == 1
    assert kinds.count("StateUpdate") == 2


def test_an_action_of_autoscaling_is_repeated_every_minute_while_the_state_lasts(world) -> None:
    world.alarm(AlarmActions=[world.SCALING, world.TOPIC], TreatMissingData="ignore")
    world.put(1.0)
    world.wait(150)
    world.settle()
    assert world.acted == [(arn, "ALARM") for arn in (world.SCALING, world.TOPIC, world.SCALING, world.SCALING)]


def test_events_tell_both_states_and_every_change_of_configuration(world) -> None:
    world.alarm(AlarmDescription="why")
    world.put(1.0)
    world.alarms.tick(world.now)
    world.alarm(AlarmDescription="because", Threshold=5.0)
    world.alarms.delete(["x"])
    world.settle()
    kinds = [kind.removeprefix("CloudWatch Alarm ") for kind, _ in world.events]
    assert kinds == ["Configuration Change", "State Change", "Configuration Change", "Configuration Change"]
    created, changed, updated, deleted = (detail for _, detail in world.events)
    assert (created["operation"], updated["operation"], deleted["operation"]) == ("create", "update", "delete")
    assert updated["previousConfiguration"]["threshold"] == 0.0
    assert updated["configuration"]["threshold"] == 5.0
    assert changed["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert changed["state"]["value"] == "ALARM"
    assert changed["configuration"]["description"] == "why"


def test_an_update_keeps_the_state(world) -> None:
    world.alarm()
    world.put(1.0)
    world.alarms.tick(world.now)
    world.alarm(Threshold=-1.0)
    assert world.alarms.state("x") == "ALARM"


def test_a_watcher_hears_until_it_leaves(world) -> None:
    heard: list[str] = []
    leave = world.alarms.watch(lambda name, *_: heard.append(name))
    world.alarm()
    world.put(1.0)
    world.alarms.tick(world.now)
    leave()
    leave()
    world.wait(60)
    assert heard == ["x"]


def test_without_anything_due_nothing_is_due(world) -> None:
    assert world.alarms.tick(world.now) is None
    world.alarm(Period=60)
    assert world.alarms.tick(world.now + 1) == world.now + 60


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Period": 15}, "10, 20, 30 or a multiple of 60"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"Period": 3000, "EvaluationPeriods": 30}, "more than a day"),
        ({"TreatMissingData": "breeching"}, "TreatMissingData"),
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "p200"}, "p200"),
        ({"MetricName": None}, "MetricName is required"),
        ({"Threshold": None}, "Threshold is required"),
        ({"AlarmActions": ["nonsense"]}, "Invalid arn"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "does not support the alarm action|Invalid arn"),
        ({"AlarmActions": ["arn:aws:ssm:us-east-1:000000000000:opsitem:1"]}, "does not support the alarm action"),
        ({"ThresholdMetricId": "a"}, "does not support alarms on anomaly detection"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "does not support the comparison"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "does not support wall clock windows"),
        ({"Statistic": None, "ExtendedStatistic": "tm99"}, "does not support the statistic tm99"),
    ],
)
def test_what_cannot_be_is_refused(world, members, message) -> None:
    with pytest.raises(ApiError, match=message):
        world.alarm(**members)
    assert world.alarms.state("x") is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("m1 +", "Invalid syntax"),
        ("m1 + m9", "Unknown identifier m9"),
        ("SUM(m1)", "must be a time series"),
        ("METRICS()", "single time series"),
        ("SEARCH('x', 'Sum')", "does not support the metric math function SEARCH"),
        ("e", "in a circle"),
    ],
)
def test_expressions_that_cannot_be_watched_are_refused(world, expression, message) -> None:
    stat = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    listed = [{"Id": "m1", "MetricStat": stat, "ReturnData": False}, {"Id": "e", "Expression": expression}]
    simple = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    with pytest.raises(ApiError, match=message):
        world.alarm(**simple, Metrics=listed)


def test_an_update_keeps_what_the_state_brings(world) -> None:
    world.alarm(AlarmActions=[world.SCALING], TreatMissingData="ignore")
    world.put(1.0)
    world.wait(30)
    world.alarm(AlarmActions=[world.SCALING], TreatMissingData="ignore", AlarmDescription="another")
    world.wait(100)
    world.settle()
    assert world.acted == [(world.SCALING, "ALARM")] * 3


def test_an_update_leaves_a_state_that_was_set_by_hand(world) -> None:
    world.alarm(TreatMissingData="notBreaching", Period=60)
    world.wait(1)
    world.alarms.set_state("x", "ALARM", "a test")
    world.alarm(TreatMissingData="notBreaching", Period=60, AlarmDescription="another")
    world.wait(30)
    assert world.alarms.state("x") == "ALARM"
    world.wait(90)
    assert world.alarms.state("x") == "OK"


def test_an_alarm_that_cannot_be_evaluated_stops_no_other(world, monkeypatch) -> None:
    def judge_but_one(definition, metrics, now, current):
        if definition.rule.threshold == 13.0:
            raise OverflowError("on purpose")
        return judge(definition, metrics, now, current)

    monkeypatch.setattr(alarms, "judge", judge_but_one)
    world.alarm("wrong", Threshold=13.0)
    world.alarm("right")
    world.put(1.0)
    world.wait(1)
    assert world.alarms.state("right") == "ALARM"
    assert world.alarms.tick(world.now) > world.now
