"""Deployments under load: what ten rollouts and ten rollbacks cost a steady stream of requests.

    python -m benchmarks.deployment [--json] [--rate 50] [--times 10]

Each rollout is a canary of one of two instances, then everything; each rollback is the same, ended by a CloudWatch
alarm that is set to ALARM while the canary bakes. Every request is counted, and every answer tells which model gave it.
A rollback's time runs until the last request was sent that the new fleet answered: from the event on EventBridge, as it
arrives in a queue, and from the call that set the alarm. It is below zero when the traffic had returned before.
"""

import argparse
import io
import json
import statistics
import tarfile
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config

from benchmarks.cloud import local_cloud, make_role
from benchmarks.prediction import EXAMPLES, ROOT, promote
from headgate.domain.names import Project
from headgate_local.card import Card

GOAL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
CLIENTS = 16
VARIANT = "main"
NAME = "guarded"


@dataclass
class Load:
    """A steady stream of requests: when each was sent, when it was answered, and by which configuration."""

    cloud: Card
    body: bytes
    rate: float
    answered: list[tuple[float, str]] = field(default_factory=list)
    """When each was sent (time.time()), and the label that the model gave."""
    failed: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    late: float = 0.0
    """The largest delay of a request behind its time, in seconds: the load was steady if it is small."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send until stopped, each request at its time, whether or not those before it have been answered."""
        runtime = self._client()
        start, sent = time.perf_counter(), 0
        with ThreadPoolExecutor(CLIENTS) as pool:
            while not self._stop.is_set():
                due = start + sent / self.rate
                if (wait := due - time.perf_counter()) > 0:
                    self._stop.wait(wait)
                self.late = max(self.late, time.perf_counter() - due)
                pool.submit(self._send, runtime)
                sent += 1

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def _client(self) -> Any:
        """One that asks once only: a failure counts."""
        config = Config(retries={"max_attempts": 0}, max_pool_connections=CLIENTS)
        return boto3.client(
            "sagemaker-runtime",
            endpoint_url=self.cloud.endpoint_url,
            region_name=self.cloud.region,
            aws_access_key_id=self.cloud.access_key_id,
            aws_secret_access_key=self.cloud.secret_access_key,
            config=config,
        )

    def _send(self, runtime: Any) -> None:
        sent, start = time.time(), time.perf_counter()
        try:
            asked = runtime.invoke_endpoint(EndpointName=NAME, ContentType="application/json", Body=self.body)
            answer = json.loads(asked["Body"].read())["predictions"][0]["label"]
        except Exception as problem:
            self.failed.append(f"{type(problem).__name__}: {problem}")
            return
        self.answered.append((sent, answer))
        self.milliseconds.append((time.perf_counter() - start) * 1000)


@dataclass
class Bench:
    """An endpoint with two models, an alarm, and a queue that hears of the alarm."""

    cloud: Card
    queue: str = ""

    def prepare(self, folder: Path) -> bytes:
        """Put a model in service that answers like the example's, make alarm and queue; answers a request's body.

        The other model is the same with the names of its classes swapped, so that every answer tells them apart.
        """
        project = Project("bench", "deployment")
        promote(self.cloud, project, ROOT / "examples" / EXAMPLES["healthcare"], folder)
        assets = folder / "1" / "assets.extra"
        golden = json.loads((assets / "golden.json").read_text())["golden"][0]
        role = make_role(self.cloud, NAME, "s3:*", "logs:*", "cloudwatch:DescribeAlarms")
        self._make_model("old", folder, role)
        spec = json.loads((assets / "spec.json").read_text())
        (assets / "spec.json").write_text(json.dumps({**spec, "classes": spec["classes"][::-1]}))
        self._make_model("new", folder, role)
        sagemaker = self.cloud.client("sagemaker")
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=f"{NAME}-old")
        self.settled()
        self._listen()
        fleet = {"EndpointName": NAME, "VariantName": VARIANT, "EndpointConfigName": f"{NAME}-new"}
        self.cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=NAME,
            Namespace="AWS/SageMaker",
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": name, "Value": value} for name, value in fleet.items()],
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )
        return orjson.dumps({"instances": [golden["request"]]})

    def update(self, model: str, bake: int) -> None:
        """Start a canary to a model."""
        routing = {
            "Type": "CANARY",
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": bake,
        }
        self.cloud.client("sagemaker").update_endpoint(
            EndpointName=NAME,
            EndpointConfigName=f"{NAME}-{model}",
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": NAME}]},
            },
        )

    def settled(self) -> dict[str, Any]:
        """The endpoint's description once no deployment is under way."""
        return self._until(lambda found: found["EndpointStatus"] in ("InService", "Failed", "UpdateRollbackFailed"))

    def baking(self) -> None:
        """Wait until the canary has traffic."""
        self._until(
            lambda found: (
                found.get("PendingDeploymentSummary", {})
                .get("ProductionVariants", [{}])[0]
                .get("VariantStatus", [{}])[0]
                .get("Status")
                == "Baking"
            )
        )

    def ring(self) -> tuple[float, float]:
        """Set the alarm to ALARM; when that was, and when its event arrived, by time.time()."""
        watch, sqs = self.cloud.client("cloudwatch"), self.cloud.client("sqs")
        called = time.time()
        watch.set_alarm_state(AlarmName=NAME, StateValue="ALARM", StateReason="the benchmark rings")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            arrived = time.time()
            for message in found.get("Messages", []):
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                detail = json.loads(message["Body"])["detail"]
                if detail["alarmName"] == NAME and detail["state"]["value"] == "ALARM":
                    return called, arrived
        raise TimeoutError("The alarm's event has not arrived")

    def quiet(self) -> None:
        """Set the alarm back to OK."""
        watch = self.cloud.client("cloudwatch")
        watch.set_alarm_state(AlarmName=NAME, StateValue="OK", StateReason="the benchmark is done")

    def _until(self, done: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found: dict[str, Any] = self.cloud.client("sagemaker").describe_endpoint(EndpointName=NAME)
            if done(found):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"The endpoint is {found['EndpointStatus']} still")
            time.sleep(0.02)

    def _make_model(self, model: str, folder: Path, role: str) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(folder / "1", arcname="1")
        s3, sagemaker = self.cloud.client("s3"), self.cloud.client("sagemaker")
        bucket, key = f"{NAME}-models", f"{model}/model.tar.gz"
        if model == "old":
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.cloud.region})
        s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
        container = {"Image": "any", "ModelDataUrl": f"s3://{bucket}/{key}"}
        sagemaker.create_model(ModelName=f"{NAME}-{model}", PrimaryContainer=container, ExecutionRoleArn=role)
        variant = {
            "VariantName": VARIANT,
            "ModelName": f"{NAME}-{model}",
            "InitialInstanceCount": 2,
            "InstanceType": "ml.m5.large",
        }
        sagemaker.create_endpoint_config(EndpointConfigName=f"{NAME}-{model}", ProductionVariants=[variant])

    def _listen(self) -> None:
        sqs, events = self.cloud.client("sqs"), self.cloud.client("events")
        self.queue = sqs.create_queue(QueueName=NAME)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        events.put_rule(Name=NAME, EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
        events.put_targets(Rule=NAME, Targets=[{"Id": "queue", "Arn": arn}])


def measure(cloud: Card, rate: float, times: int) -> dict[str, Any]:
    """Rollouts, then rollbacks, under load."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(cloud)
        load = Load(cloud, bench.prepare(Path(folder)), rate)
    sender = threading.Thread(target=load.run)
    sender.start()
    try:
        rollouts = []
        for number in range(times):
            start = time.perf_counter()
            bench.update("new" if number % 2 == 0 else "old", bake=1)
            if reason := bench.settled().get("FailureReason"):
                raise RuntimeError(f"A rollout failed: {reason}")
            rollouts.append(time.perf_counter() - start - 1)
        if times % 2:
            bench.update("old", bake=0)
            bench.settled()
        after = len(load.answered)
        rings = []
        for _ in range(times):
            updated = time.time()
            bench.update("new", bake=600)
            bench.baking()
            time.sleep(0.5)  # some requests to the canary
            rings.append((updated, *bench.ring()))
            if "FailureReason" not in bench.settled():
                raise RuntimeError("An alarm has not ended a deployment.")
            bench.quiet()
        ended = time.time()
    finally:
        load.stop()
        sender.join()
    if not load.answered:
        raise RuntimeError(f"No request was answered: {load.failed[:1]}")
    old = load.answered[0][1]
    new = sorted(when for when, label in load.answered[after:] if label != old)
    from_call, from_event = [], []
    until = [*(updated for updated, _, _ in rings[1:]), ended]
    for (updated, called, arrived), following in zip(rings, until, strict=True):
        last = max(when for when in new if updated < when < following)
        from_call.append(last - called)
        from_event.append(last - arrived)
    seen = Counter(label for _, label in load.answered)
    return {
        "requests": len(load.answered) + len(load.failed),
        "failed": len(load.failed),
        "why": sorted(set(load.failed))[:3],
        "by label": dict(seen),
        "largest delay of a request behind its time, ms": round(load.late * 1000, 1),
        "request p50, ms": round(statistics.median(load.milliseconds), 2),
        "request p99, ms": round(statistics.quantiles(load.milliseconds, n=100)[-1], 2),
        "rollout beyond its baking, s": [round(value, 2) for value in rollouts],
        "rollback from the call, s": [round(value, 3) for value in from_call],
        "rollback from the event, s": [round(value, 3) for value in from_event],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with local_cloud() as cloud:
        measured = measure(cloud, options.rate, options.times)
    if options.json:
        print(json.dumps(measured))
        return
    for name, value in measured.items():
        print(f"{name:48}{value}")
    slowest = max(measured["rollback from the event, s"])
    print(f"{'slowest rollback from the event, s':48}{slowest} (goal: at most {GOAL_SECONDS:g})")


if __name__ == "__main__":
    main()
