"""Each finding is broken on purpose, and seen repaired or told; through the real handler, on moto's account."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends
from tests.reconciling import AT, IRIS, Invoke, World

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import IncidentMoved, ReleaseMoved, ReleasePlanned
from headgate.domain.errors import AccessDeniedError
from headgate.domain.incidents import Incident, IncidentState
from headgate.domain.names import Part, dataset_id
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import Champion, Outcome
from headgate.domain.scaling import Bounds, Scaling, Target

KEY = "demo/iris/incoming/flowers.csv"
NAME = "demo-iris-20260131T083012-0123abcd"


@pytest.fixture
def world(invoke: Invoke, ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Any]) -> World:
    return World(invoke, ledger, aws, make_run)


@pytest.fixture
def served(world: World) -> World:
    """Release 1 serves: in the ledger, on the endpoint, and with its alarms."""
    run = world.make_run("0123456789", state=Outcome.PROMOTED, ended_at=AT)
    world.ledger.add_run(run)
    world.ledger.claim_endpoint(IRIS)
    release = Release(
        1, run.run, run.dataset, run.dataset, "1", "s3://b/k", "demo-iris-r1", "demo-iris", "Better.", "PLANNED", AT,
        "ml.m5.large", 1,
    )  # fmt: skip
    planned = world.ledger.write(IRIS, replace(world.ledger.head(IRIS), next_release=2), ReleasePlanned(release))
    champion = replace(planned, champion=Champion(1, "1", run.dataset, "s3://b/k"), holdout=run.dataset)
    world.ledger.write(IRIS, champion, ReleaseMoved(1, ReleaseState.PLANNED, ReleaseState.IN_SERVICE, AT))
    serve(world, "demo-iris-r1")
    assert world.round() == {"alarm-missing": "made again"}
    assert world.round() == {}
    return world


def serve(world: World, config: str) -> None:
    """Make an endpoint that serves a configuration."""
    sagemaker = world.aws.client("sagemaker")
    role = world.aws.client("iam").get_role(RoleName="machine")["Role"]["Arn"]
    sagemaker.create_model(ModelName=config, ExecutionRoleArn=role)
    variant = {"VariantName": "main", "ModelName": config, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=IRIS.endpoint, EndpointConfigName=config)


def upload(world: World, key: str, minutes: float) -> Part:
    version = world.aws.client("s3").put_object(Bucket="data", Key=key, Body=b"a,b\n")["VersionId"]
    s3_backends["123456789012"]["aws"].buckets["data"].keys[key].last_modified -= timedelta(minutes=minutes)
    return Part(key, version, 4)


def test_an_upload_whose_event_was_lost_is_delivered_again(world: World) -> None:
    upload(world, "demo/iris/incoming/fresh.csv", 1)
    upload(world, "demo/iris/incoming/may/part.csv", 30)
    part = upload(world, KEY, 20)
    assert world.round(dry_run=True) == {"upload-unseen": "to be repaired"}
    assert world.ledger.runs_of_project(IRIS) == []
    assert world.round() == {"upload-unseen": "delivered again: started"}
    [run] = world.ledger.runs_of_project(IRIS)
    assert (run.dataset, run.state, run.name) == (dataset_id("data", [part]), "RUNNING", "flowers.csv")
    assert list(world.executions()) == [run.run]
    assert (world.round(), world.told()) == ({}, [])


def test_a_dataset_of_many_parts_is_delivered_by_its_marker(world: World) -> None:
    for name, minutes in (("part-0.csv", 32.0), ("part-1.csv", 31.0), ("_SUCCESS", 30.0)):
        upload(world, f"demo/iris/incoming/may/{name}", minutes)
    assert world.round() == {"upload-unseen": "delivered again: started"}
    assert world.round() == {}
    [run] = world.ledger.runs_of_project(IRIS)
    assert run.name == "may"


def test_an_active_run_without_an_execution_is_started(world: World) -> None:
    run = world.running()
    assert world.round() == {"run-left": "started, or closed where its execution was over"}
    assert list(world.executions()) == [run.run]
    assert (world.round(), world.state(run)) == ({}, "RUNNING")


def test_a_run_whose_execution_is_over_is_closed_and_the_next_one_starts(world: World) -> None:
    run = world.running()
    world.round()
    waits = world.make_run("1111111111", order="2026-01-02")
    world.ledger.add_run(waits)
    world.ledger.write(IRIS, replace(world.ledger.head(IRIS), waiting=waits.run, waiting_order=waits.order))
    world.stop(run.run)
    assert set(world.round()) == {"run-left"}
    assert (world.state(run), world.state(waits)) == ("FAILED", "RUNNING")
    assert (world.round(), waits.run in world.executions()) == ({}, True)


def test_a_run_that_nobody_knows_to_be_running_is_closed(world: World) -> None:
    run = world.running()
    world.ledger.write(IRIS, replace(world.ledger.head(IRIS), active=None))
    assert world.round() == {"run-left": "closed"}
    known = world.ledger.run(IRIS, run.run)
    assert known is not None
    assert known.reason_code == "EXECUTION_GONE"


def test_a_run_that_was_recorded_and_never_began_gets_its_turn(world: World) -> None:
    run = world.make_run("0123456789")
    world.ledger.add_run(run)
    assert world.round() == {"run-waits": "started"}
    assert (world.state(run), world.round()) == ("RUNNING", {})


def test_a_release_whose_run_has_ended_is_settled_and_the_endpoint_is_free(world: World, invoke: Invoke) -> None:
    run = world.running()
    invoke("take_endpoint", {"tenant": "demo", "project": "iris", "run": run.run, "visit": 0, "task_token": "t"})
    from .test_every_handler import TO_BE_PLANNED

    invoke("plan_release", TO_BE_PLANNED)
    world.ended(run)
    assert world.round() == {"release-left": "settled: FAILED (NOT_DEPLOYED)"}
    release = world.ledger.release(IRIS, 1)
    assert release is not None
    assert (release.state, world.ledger.lease(IRIS).holder, world.round()) == ("FAILED", None, {})


def test_an_endpoint_that_is_held_by_who_has_ended_is_freed(world: World, invoke: Invoke) -> None:
    run = world.running()
    invoke("take_endpoint", {"tenant": "demo", "project": "iris", "run": run.run, "visit": 0, "task_token": "t"})
    world.ended(run)
    assert world.round() == {"lease-left": "freed"}
    assert (world.ledger.lease(IRIS).holder, world.round()) == (None, {})


def test_an_incident_without_an_execution_is_answered_and_one_whose_answer_died_is_closed(world: World) -> None:
    world.ledger.add_incident(Incident(NAME, "demo", "iris", "a", "errors", AT, AT))
    assert world.round() == {"incident-left": "started"}
    assert (world.round(), list(world.executions())) == ({}, [NAME])
    decided = {"action": "rollback", "reason": "It rings.", "decided_at": AT}
    move = IncidentMoved(NAME, IncidentState.OPEN, IncidentState.DECIDED, decided)
    world.ledger.write(IRIS, world.ledger.head(IRIS), move)
    world.stop(NAME)
    assert world.round() == {"incident-left": "closed: FAILED"}
    closed = world.ledger.incident(IRIS, NAME)
    assert closed is not None
    assert (closed.state, closed.runbook, world.round()) == ("CLOSED", "incident-failed", {})


def test_standing_alarms_that_are_gone_are_made_again(served: World) -> None:
    watch = served.aws.client("cloudwatch")
    watch.disable_alarm_actions(AlarmNames=["headgate-demo-iris-r1.latency"])
    watch.delete_alarms(AlarmNames=["headgate-demo-iris-r1.errors"])
    assert served.round() == {"alarm-missing": "made again", "alarm-disabled": "people are told"}
    assert served.round() == {"alarm-disabled": "people are told"}, "what a person switched off stays off"


def test_standing_alarms_that_are_switched_off_are_told_and_stay_so(served: World) -> None:
    watch, name = served.aws.client("cloudwatch"), "headgate-demo-iris-r1.errors"
    watch.disable_alarm_actions(AlarmNames=[name])
    assert served.round() == {"alarm-disabled": "people are told"}
    assert (served.told(), set(served.round()), served.told()) == (
        ["demo/iris: alarm-disabled"],
        {"alarm-disabled"},
        [],
    )
    assert not watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"]
    watch.enable_alarm_actions(AlarmNames=[name])
    assert served.round() == {}
    watch.disable_alarm_actions(AlarmNames=[name])
    assert (set(served.round()), served.told()) == ({"alarm-disabled"}, ["demo/iris: alarm-disabled"])


def test_an_endpoint_that_is_gone_is_told_and_one_that_serves_something_else_too(served: World) -> None:
    sagemaker = served.aws.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=IRIS.endpoint)
    assert (set(served.round()), served.told()) == ({"endpoint-gone"}, ["demo/iris: endpoint-gone"])
    serve(served, "by-hand")
    assert (set(served.round()), served.told()) == ({"endpoint-differs"}, ["demo/iris: endpoint-differs"])


def test_an_endpoint_that_failed_unnoticed_becomes_an_incident(served: World) -> None:
    from moto.sagemaker.models import sagemaker_backends

    endpoint = sagemaker_backends["123456789012"]["eu-central-1"].endpoints[IRIS.endpoint]
    endpoint.endpoint_status, endpoint.failure_reason = "Failed", "No capacity."
    assert served.round() == {}, "its event may be on its way"
    endpoint.last_modified_time = "2026-01-01T00:00:00"
    assert served.round() == {"endpoint-failed": "started"}
    [incident] = served.ledger.incidents(IRIS)
    assert (incident.kind, incident.incident in served.executions()) == ("endpoint", True)
    assert (served.round(), served.told()) == ({}, [])


class Targets:
    """Application Auto Scaling with one endpoint's target, or none."""

    def __init__(self) -> None:
        self.there: Target | None = None

    def target(self, _endpoint: str, _owner: str) -> Target | None:
        return self.there

    def keep(self, _endpoint: str, bounds: Bounds, _wishes: Scaling, _tags: Any) -> None:
        self.there = Target(bounds, held=False, ours=True)


def test_a_scalable_target_that_is_gone_is_registered_again(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = Targets()
    monkeypatch.setattr("headgate.aws.autoscaling.Autoscaling", lambda _client: targets)
    item = {"pk": {"S": "demo#iris"}, "sk": {"S": "RELEASE#00000001"}}
    served.aws.client("dynamodb").update_item(
        TableName="ledger", Key=item, UpdateExpression="SET scaled = :told",
        ExpressionAttributeValues={":told": {"M": {"min": {"N": "1"}, "max": {"N": "4"}, "reason": {"S": "1 to 4."}}}},
    )  # fmt: skip
    assert set(served.round()) == {"scaling-lost"}
    assert targets.there is not None
    assert (targets.there.held, served.round()) == (False, {})


def test_rules_and_dead_letters_are_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from headgate import clients

    events, sqs = world.aws.client("events"), world.aws.client("sqs")
    for name in ("headgate-well", "headgate-off", "headgate-bare"):
        events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
    for name in ("headgate-well", "headgate-off"):
        events.put_targets(Rule=name, Targets=[{"Id": "a", "Arn": "arn:aws:sqs:eu-central-1:123456789012:inbox"}])
    events.disable_rule(Name="headgate-off")
    monkeypatch.setenv("RULES", "headgate-well headgate-off headgate-bare headgate-gone")
    clients.forget_clients()
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="poison")
    told = world._invoke("reconcile", {})["findings"]
    assert sorted((each["kind"], each["subject"]) for each in told) == [
        ("dead-letters", "dead"), ("rule-disabled", "headgate-off"), ("rule-gone", "headgate-bare"),
        ("rule-gone", "headgate-gone"),
    ]  # fmt: skip
    assert world.told() == ["headgate: dead-letters", "headgate: rule-disabled"]
    assert len(world._invoke("reconcile", {})["findings"]) == 4
    assert world.told() == []
    assert world._invoke("reconcile", {"tenant": "demo", "project": "iris"})["findings"] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AccessDeniedError("AWS refused to make the alarm."), "AWS refused to make the alarm."),
        (
            ClientError({"Error": {"Code": "LimitExceeded", "Message": "AWS's words"}}, "PutMetricAlarm"),
            "LimitExceeded",
        ),
        (ZeroDivisionError("a fault of ours"), "ZeroDivisionError"),
    ],
)
def test_a_repair_that_does_not_hold_is_told_once_and_ends_no_round(
    served: World, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    served.aws.client("cloudwatch").delete_alarms(AlarmNames=["headgate-demo-iris-r1.errors"])
    monkeypatch.setattr(Alarms, "ensure", refuse)
    done = [served.round()["alarm-missing"] for _ in range(5)]
    assert done == [f"not repaired: {said}"] * 5
    assert served.told() == ["demo/iris: alarm-missing"]
