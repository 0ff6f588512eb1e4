"""What tests of the local cloud's parts share."""

import threading
from collections.abc import Iterator

import pytest
from ministack.services.cloudwatch import _parse_alarm_rule
from waiting import eventually

from headgate_local.cloudwatch.alarms import Alarms
from headgate_local.cloudwatch.metrics import Metrics

START = 1_800_000_000.0


class World:
    """Alarms, their metrics, and a clock that moves when it is told."""

    TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
    SCALING = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/sagemaker/endpoint/e:policyName/p"

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
        self._last = threading.Event()
        self.alarms.actions["lambda"] = lambda *_: self._last.set()

    def put(self, value: float, **dimensions: str) -> None:
        self.metrics.put("N", "M", dimensions, value)

    def wait(self, seconds: float) -> None:
        """Let the clock tick when it says that it is due, for so long."""
        end = self.now + seconds
        while (due := self.alarms.tick(self.now)) is not None and due <= end:
            self.now = due
        self.now = end
        self.alarms.tick(self.now)

    def settle(self) -> None:
        """Wait until everything so far is told and carried out: what follows a last alarm's ringing comes after it."""
        events = len(self.events)
        self.alarm("last", Namespace="Last", AlarmActions=["arn:aws:lambda:us-east-1:000000000000:function:last"])
        self.alarms.set_state("last", "ALARM", "to be the last")
        assert self._last.wait(10)
        eventually(lambda: [detail["alarmName"] for _, detail in self.events[events:]].count("last") == 2)
        self.events = [(kind, detail) for kind, detail in self.events if detail["alarmName"] != "last"]

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
def world() -> Iterator[World]:
    made = World()
    yield made
    made.alarms.close()
