"""Alarms: seconds from a breaching value that is put to the event that it causes, seen at a queue.

    python -m benchmarks.alarms [--json] [--rounds 20]

Every round has a metric and a high-resolution alarm of its own. The clock starts when PutMetricData is called and
stops when the receiver has the event `CloudWatch Alarm State Change`, which EventBridge delivers to a queue that it
polls without a pause. `calls` is what the wire takes of that: the PutMetricData, and a message from a send to its
receipt over the same queue. `busy` has values of another alarm arriving all the time, so that an evaluation may have
been a moment ago. Rounds start at random within a second, for alarms are looked at by a clock.
"""

import argparse
import itertools
import json
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.cloud import local_cloud
from headgate_local.card import Card

GOAL_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
NAMESPACE = "Benchmark"
BUSY = "busy"


class Rehearsal:
    """A queue that hears of alarms, and alarms to ring."""

    def __init__(self, cloud: Card) -> None:
        self.cloudwatch, self.sqs = cloud.client("cloudwatch"), cloud.client("sqs")
        name = f"alarms-{uuid.uuid4().hex[:8]}"
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {"state": {"value": ["ALARM"]}},
        }
        events = cloud.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}])

    def receive(self) -> dict[str, Any]:
        """The next message."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for message in self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=1).get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                body: dict[str, Any] = json.loads(message["Body"])
                return body
        raise TimeoutError(f"no message within {PATIENCE_SECONDS:.0f} s")

    def alarm(self, name: str) -> None:
        """Make an alarm, and wait until it is at rest."""
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace=NAMESPACE,
            MetricName=name,
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=0.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
        while self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"] != "OK":
            time.sleep(0.02)

    def put(self, name: str, value: float) -> None:
        """Put a value of an alarm's metric."""
        data = [{"MetricName": name, "Value": value, "StorageResolution": 1}]
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def ring(self, name: str) -> float:
        """Seconds from a breach to its event."""
        self.alarm(name)
        time.sleep(random.random())
        started = time.perf_counter()
        self.put(name, 1.0)
        event = self.receive()
        seconds = time.perf_counter() - started
        if event["detail"]["alarmName"] != name:
            raise RuntimeError(f"heard of {event['detail']['alarmName']} instead of {name}")
        return seconds

    def calls(self) -> float:
        """Seconds of the same calls without an alarm between them."""
        started = time.perf_counter()
        self.put("nobody-looks", 1.0)
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="{}")
        self.receive()
        return time.perf_counter() - started


@contextmanager
def traffic(put: Callable[[str, float], None]) -> Iterator[None]:
    """Values of a watched metric, one after the other, all the while."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.02):
            put(BUSY, 0.0)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(cloud: Card, rounds: int) -> dict[str, list[float]]:
    """All rounds of each contestant, in turn."""
    rehearsal, other = Rehearsal(cloud), Rehearsal(cloud)
    rehearsal.alarm(BUSY)
    seconds: dict[str, list[float]] = {"calls": [], "quiet": [], "busy": []}
    number = itertools.count()
    for _ in range(rounds):
        seconds["calls"].append(rehearsal.calls())
        seconds["quiet"].append(rehearsal.ring(f"alarm-{next(number)}"))
        with traffic(other.put):
            seconds["busy"].append(rehearsal.ring(f"alarm-{next(number)}"))
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with local_cloud() as cloud:
        seconds = measure(cloud, options.rounds)
    figures = {
        name: {
            "p50": round(statistics.median(each), 3),
            "max": round(max(each), 3),
            "rounds": len(each),
        }
        for name, each in seconds.items()
    }
    if options.json:
        print(json.dumps({"seconds": figures, "goal": GOAL_SECONDS}))
        return
    print(f"{'seconds':8}{'p50':>8}{'max':>8}   (goal: {GOAL_SECONDS} from a breach to its event)")
    for name, each in figures.items():
        print(f"{name:8}{each['p50']:8.3f}{each['max']:8.3f}")


if __name__ == "__main__":
    main()
