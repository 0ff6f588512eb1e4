"""Composite alarms on a clock of the test's own: what they follow, and who holds their actions back."""

import json

import pytest

from headgate_local.api.errors import ApiError


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
    rule(world, "ALARM(a)", AlarmActions=[world.TOPIC], ActionsSuppressor="quiet", **periods)
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
    suppressed.settle()
    assert suppressed.acted == [(suppressed.TOPIC, "ALARM")]


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
    suppressed.settle()
    assert suppressed.acted == [(suppressed.TOPIC, "ALARM")]
