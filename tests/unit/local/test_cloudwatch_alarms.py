"""Alarms on a clock of the test's own: transitions, reasons, what is told and when."""

import json

import pytest
from ministack.services.cloudwatch import _parse_alarm_rule

from headgate_local.cloudwatch.alarms import Alarms
from headgate_local.cloudwatch.metrics import Metrics
from headgate_local.sagemaker.errors import ApiError

START = 1_800_000_000.0
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
SCALING = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/sagemaker/endpoint/e:policyName/p"


class World:
    """Alarms, their metrics, and a clock that moves when it is told."""

    def __init__(self) -> None:
        self.now = START
        self.metrics = Metrics(lambda: self.now)
        self.alarms = Alarms(self.metrics, lambda: self.now, threaded=False)
        self.alarms.parse_rule = _parse_alarm_rule
        self.told: list[tuple[str, str, str]] = []
        self.acted: list[tuple[str, str]] = []
        self.events: list[tuple[str, dict]] = []
        self.alarms.watch(lambda *transition: self.told.append(transition))
        for service in ("sns", "autoscaling"):
            self.alarms.actions[service] = lambda arn, alarm, _: self.acted.append((arn, alarm["StateValue"]))
        self.alarms.consequences.send = lambda kind, detail, _: self.events.append((kind, detail))

    def put(self, value: float, **dimensions: str) -> None:
        self.metrics.put("N", "M", dimensions, value)

    def wait(self, seconds: float) -> None:
        """Let the clock tick when it says that it is due, for so long."""
        end = self.now + seconds
        while (due := self.alarms.tick(self.now)) is not None and due <= end:
            self.now = due
        self.now = end
        self.alarms.tick(self.now)

    def alarm(self, name: str = "x", **members) -> None:
        wanted = {
            "AlarmName": name,
            "Namespace": "N",
            "MetricName": "M",
            "Statistic": "Sum",
            "Period": 10,
            "EvaluationPeriods": 1,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        self.alarms.put({key: value for key, value in (wanted | members).items() if value is not None})


@pytest.fixture
def world():
    made = World()
    yield made
    made.alarms.close()


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
    world.alarm(AlarmActions=[TOPIC])
    world.alarm("off", AlarmActions=[TOPIC], ActionsEnabled=False)
    world.put(1.0)
    world.alarms.tick(world.now)
    world.wait(120)
    world.alarms.consequences.settle()
    assert world.acted == [(TOPIC, "ALARM")]
    kinds = [
        item["HistoryItemType"]
        for item in world.alarms.consequences.history.page({"AlarmName": "x"})["AlarmHistoryItems"]
    ]
    assert kinds.count("Action") == 1
    assert kinds.count("StateUpdate") == 2


def test_an_action_of_autoscaling_is_repeated_every_minute_while_the_state_lasts(world) -> None:
    world.alarm(AlarmActions=[SCALING, TOPIC], TreatMissingData="ignore")
    world.put(1.0)
    world.wait(150)
    world.alarms.consequences.settle()
    assert world.acted == [(SCALING, "ALARM"), (TOPIC, "ALARM"), (SCALING, "ALARM"), (SCALING, "ALARM")]


def test_events_tell_both_states_and_every_change_of_configuration(world) -> None:
    world.alarm(AlarmDescription="why")
    world.put(1.0)
    world.alarms.tick(world.now)
    world.alarm(AlarmDescription="because", Threshold=5.0)
    world.alarms.delete(["x"])
    world.alarms.consequences.settle()
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


# Composite alarms


def rule(world, text: str, name: str = "both", **members) -> None:
    world.alarms.put_composite({"AlarmName": name, "AlarmRule": text, **members})


def test_a_composite_alarm_follows_its_children_at_once(world) -> None:
    world.alarm("a", Dimensions=[{"Name": "A", "Value": "1"}])
    world.alarm("b", Dimensions=[{"Name": "A", "Value": "2"}])
    rule(world, "ALARM(a) AND NOT OK(b)")
    assert world.alarms.state("both") == "OK"
    world.put(1.0, A="1")
    world.alarms.tick(world.now)
    assert world.alarms.state("both") == "ALARM"
    (alarm,) = world.alarms.describe(["both"])
    (triggering,) = json.loads(alarm["StateReasonData"])["triggeringAlarms"]
    assert triggering["arn"].endswith(":alarm:a")
    assert "transitioned to ALARM at Friday 15 January, 2027 08:00:00 UTC" in alarm["StateReason"]
    world.put(0.0, A="2")
    world.wait(10)
    assert world.alarms.state("both") == "OK"


def test_composite_alarms_of_composite_alarms(world) -> None:
    world.alarm("a")
    rule(world, "ALARM(a) OR INSUFFICIENT_DATA(a)", "lower")
    rule(world, "NOT ALARM(lower)", "upper")
    assert (world.alarms.state("lower"), world.alarms.state("upper")) == ("ALARM", "OK")
    world.put(0.0)
    world.wait(10)
    assert (world.alarms.state("lower"), world.alarms.state("upper")) == ("OK", "ALARM")


def test_a_circle_of_composite_alarms_ends(world) -> None:
    world.alarm("a")
    rule(world, "ALARM(a)", "one")
    rule(world, "ALARM(one)", "two")
    rule(world, "ALARM(a) AND NOT ALARM(two)", "one")
    world.put(1.0)
    world.alarms.tick(world.now)
    assert world.alarms.state("one") == "ALARM"
    assert world.alarms.state("two") == "ALARM"


def test_an_alarm_that_others_need_stays(world) -> None:
    world.alarm("a")
    rule(world, "ALARM(a)")
    with pytest.raises(ApiError, match="depending on it"):
        world.alarms.delete(["a"])
    world.alarms.delete(["both"])
    world.alarms.delete(["a", "nobody"])
    assert world.alarms.state("a") is None


def test_rules_that_cannot_be_read_or_name_nobody_are_refused(world) -> None:
    with pytest.raises(ApiError, match="Error in AlarmRule"):
        rule(world, "ALARM(a")
    with pytest.raises(ApiError, match="do not exist"):
        rule(world, "ALARM(a)")


@pytest.fixture
def suppressed(world):
    """A composite alarm on `a` that `quiet` holds back."""
    world.alarm("a", TreatMissingData="ignore")
    world.alarm("quiet", MetricName="Q", TreatMissingData="ignore")
    periods = {"ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 120}
    rule(world, "ALARM(a)", AlarmActions=[TOPIC], ActionsSuppressor="quiet", **periods)
    return world


def ring(world, name: str = "M", value: float = 1.0) -> None:
    world.metrics.put("N", name, {}, value)
    world.alarms.tick(world.now)


def test_actions_wait_for_the_suppressor_and_then_go_ahead(suppressed) -> None:
    ring(suppressed)
    (alarm,) = suppressed.alarms.describe(["both"])
    assert (alarm["StateValue"], alarm["ActionsSuppressedBy"]) == ("ALARM", "WaitPeriod")
    suppressed.wait(59)
    assert suppressed.alarms.find("both")["ActionsSuppressedBy"] == "WaitPeriod"
    suppressed.wait(2)
    assert "ActionsSuppressedBy" not in suppressed.alarms.find("both")
    suppressed.alarms.consequences.settle()
    assert suppressed.acted == [(TOPIC, "ALARM")]


def test_actions_are_held_back_while_the_suppressor_rings_and_a_while_after(suppressed) -> None:
    ring(suppressed)
    suppressed.wait(30)
    ring(suppressed, "Q")
    assert suppressed.alarms.find("both")["ActionsSuppressedBy"] == "Alarm"
    suppressed.wait(300)
    assert suppressed.alarms.find("both")["ActionsSuppressedBy"] == "Alarm"
    suppressed.alarms.set_state("quiet", "OK", "it is over")
    assert suppressed.alarms.find("both")["ActionsSuppressedBy"] == "ExtensionPeriod"
    suppressed.wait(119)
    assert suppressed.alarms.find("both")["ActionsSuppressedBy"] == "ExtensionPeriod"
    suppressed.wait(2)
    suppressed.alarms.consequences.settle()
    assert suppressed.acted == [(TOPIC, "ALARM")]
