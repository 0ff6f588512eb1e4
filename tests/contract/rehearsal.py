"""Fixtures that listen to events and alarms, and order faults; ``conftest`` gives them to all tests."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION, Cloud
from waiting import eventually


@pytest.fixture
def heard(cloud: Cloud, name: str) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Listens to the events of AWS services; answers those about a resource, as a list that grows."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
             "Resource": arn}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [{"prefix": "aws."}]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    found: list[dict[str, Any]] = []

    def about(text: str) -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in found if text in event["resources"][0]]

    yield about
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)


def told_to_the_end(heard: Callable[[str], list[dict[str, Any]]], endpoint: str) -> list[dict[str, Any]]:
    """The events of an endpoint's deployment, once the last has come."""

    def events() -> list[dict[str, Any]]:
        kind = "SageMaker Endpoint Deployment State Change"
        found = [event for event in heard(f"endpoint/{endpoint}") if event["detail-type"] == kind]
        return found if found and found[-1]["detail"]["EndpointStatus"] == "IN_SERVICE" else []

    return list(eventually(events))


@pytest.fixture
def order(cloud: Cloud, make_role: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Orders a fault by an experiment; answers the experiment's id. All that runs is stopped in the end."""
    fis, role = cloud.client("fis"), make_role(service="fis.amazonaws.com")
    started: list[str] = []

    def start(action: str, *targets: str, **parameters: str) -> str:
        about = fis.get_action(id=action)["action"]
        ((place, kind),) = about["targets"].items()
        request: dict[str, Any] = {"actionId": action, "parameters": parameters}
        chosen = {}
        if targets:
            request["targets"] = {place: "these"}
            arns = [target if target.startswith("arn:") else f"arn:aws:any:*:*:any/{target}" for target in targets]
            chosen = {"these": {**kind, "resourceArns": arns, "selectionMode": "ALL"}}
        template = fis.create_experiment_template(
            description="a test",
            stopConditions=[{"source": "none"}],
            targets=chosen,
            actions={"it": request},
            roleArn=role,
        )["experimentTemplate"]
        experiment = fis.start_experiment(experimentTemplateId=template["id"])["experiment"]
        started.append(experiment["id"])
        return str(experiment["id"])

    yield start
    for name in started:
        if fis.get_experiment(id=name)["experiment"]["state"]["status"] == "running":
            fis.stop_experiment(id=name)


@pytest.fixture
def state(cloud: Cloud) -> Callable[[str], str]:
    """The status of an experiment."""
    return lambda name: cloud.client("fis").get_experiment(id=name)["experiment"]["state"]["status"]


@pytest.fixture
def in_state(cloud: Cloud) -> Callable[[str, str], dict[str, Any]]:
    """Waits until an alarm is in a state; answers its description."""

    def wait(alarm: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = cloud.client("cloudwatch").describe_alarms(
                AlarmNames=[alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            (described,) = [*found["MetricAlarms"], *found["CompositeAlarms"]]
            return described if described["StateValue"] == state else None

        return dict(eventually(look))

    return wait


def code_and_status(call: Callable[[], Any]) -> tuple[str, int]:
    """The code and the HTTP status of an error."""
    with pytest.raises(ClientError) as refused:
        call()
    return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]
