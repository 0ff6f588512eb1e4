"""From uploads over validation to a retraining, through the real handlers."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from botocore.exceptions import ClientError
from pyarrow import parquet
from tests.dropping import queued

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded
from headgate.aws.s3 import Objects
from headgate.domain.incidents import Incident
from headgate.domain.names import Project
from headgate.domain.runs import RUNNING, WAITING, Ending, Outcome, Run
from headgate.domain.subject import Subject
from headgate.environments import RetrainQueueEnvironment, environment
from headgate_cli.connection import Cloud
from headgate_cli.erasing import Erasure

Invoke = Callable[[str, dict[str, Any]], Any]
ROSES = Project("demo", "roses")
PASSED_OVER = Ending(Outcome.NOT_PROMOTED, "NOT_BETTER", "Not better.", "1", {"auc": 0.9})


def table(seed: int, rows: int = 120) -> bytes:
    values = random.Random(seed)
    lines = [f"{values.random():.6f},{values.random():.6f},{values.choice('xy')}" for _ in range(rows)]
    return "\n".join(["length,width,kind", *lines, ""]).encode()


def asked(named: str, /, **detail: Any) -> dict[str, Any]:
    event = {
        "id": named,
        "detail-type": "RetrainRequested",
        "source": "com.example.lake",
        "time": "2026-01-31T08:30:14Z",
        "detail": {"tenant": "demo", "project": "roses", "reason": "New labels.", **detail},
    }
    return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(event)}]}


class World:
    """A project whose uploads are validated, and whose runs end when told."""

    def __init__(self, invoke: Invoke, ledger: Ledger, aws: boto3.Session, example: Any) -> None:
        self._invoke, self._example, self.ledger, self.s3 = invoke, example, ledger, aws.client("s3")

    def upload(self, name: str, content: bytes, second: int) -> Run:
        key = f"demo/roses/incoming/{name}"
        version = self.s3.put_object(Bucket="data", Key=key, Body=content)["VersionId"]
        event = self._example("s3-object-created")
        event["time"] = f"2026-01-01T00:00:{second:02}Z"
        event["detail"]["bucket"]["name"] = "data"
        event["detail"]["object"] = {"key": key, "size": len(content), "version-id": version, "sequencer": "1"}
        self._invoke("on_object_created", queued(event))
        return next(run for run in self.ledger.runs_of_project(ROSES) if run.name == name)

    def validate(self, run: Run) -> dict[str, Any]:
        given = {"tenant": run.tenant, "project": run.project, "run": run.run, "dataset": run.dataset}
        answer: dict[str, Any] = self._invoke("validate_dataset", given)
        return answer

    def end(self, run: Run, ending: Ending = PASSED_OVER) -> None:
        self._invoke("close_run", {
            "tenant": run.tenant, "project": run.project, "run": run.run, "outcome": str(ending.outcome),
            "reason_code": ending.reason_code, "reason": ending.reason,
        })  # fmt: skip

    def plan(self, run: Run, holdout: str) -> None:
        """The run's version comes for the endpoint, and a release of it is planned."""
        of = {"tenant": run.tenant, "project": run.project, "run": run.run, "dataset": run.dataset}
        key = f"demo/roses/runs/{run.run}/training/{run.run}/output/model.tar.gz"
        self.s3.put_object(Bucket="artifacts", Key=key, Body=b"an archive")
        self._invoke("take_endpoint", {**of, "visit": 0, "task_token": "first"})
        self._invoke("plan_release", {
            **of, "holdout": holdout, "version": "1", "model_data_url": f"s3://artifacts/{key}", "why": "Better.",
            "judged_against": None, "endpoint": {"instance_type": "ml.m5.large", "instance_count": 1},
        })  # fmt: skip

    def learned(self, name: str, seed: int, second: int) -> Run:
        run = self.upload(name, table(seed), second)
        assert self.validate(run)["verdict"] == "accepted"
        self.end(run)
        return run

    def ask(self, request: str, **detail: Any) -> Run:
        assert self._invoke("on_retrain_requested", asked(request, **detail)) == {"batchItemFailures": []}
        return next(
            run for run in self.ledger.runs_of_project(ROSES) if run.retrain and run.retrain["request"] == request
        )

    def rows(self, run: Run, part: str, folder: Path) -> set[tuple[Any, ...]]:
        path = folder / f"{run.dataset}-{part}.parquet"
        self.s3.download_file("artifacts", f"demo/roses/datasets/{run.dataset}/{part}.parquet", str(path))
        return {tuple(row.values()) for row in parquet.read_table(path).to_pylist()}


@pytest.fixture
def world(invoke: Invoke, ledger: Ledger, aws: boto3.Session, example: Any) -> World:
    return World(invoke, ledger, aws, example)


def test_the_accepted_datasets_become_one_that_never_trains_on_the_holdout(world: World, tmp_path: Path) -> None:
    first, second = world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    broken = world.upload("july.csv", b"length,width\n1\n", 3)
    assert world.validate(broken)["verdict"] == "rejected"
    world.end(broken, Ending(Outcome.REJECTED, "RAGGED_ROWS", "Ragged."))
    run = world.ask("lake-1")
    assert (run.state, run.name) == (RUNNING, "retraining on june.csv, may.csv")
    assert run.retrain is not None
    assert (run.retrain["by"], run.retrain["window"]) == ("com.example.lake", "all")
    assert run.retrain["of"] == [second.dataset, first.dataset]
    answer = world.validate(run)
    assert (answer["verdict"], answer["rows"]) == ("accepted", 240)
    holdout = world.rows(first, "test", tmp_path)
    assert holdout
    assert world.rows(first, "train", tmp_path) < world.rows(run, "train", tmp_path)
    for part in ("train", "validation"):
        assert not holdout & world.rows(run, part, tmp_path)


def test_the_same_request_is_one_run_and_the_same_data_are_trained_once(world: World) -> None:
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    run = world.ask("a")
    assert world.ask("a").run == run.run
    meanwhile = world.ask("b")
    assert (meanwhile.state, meanwhile.reason_code) == ("REJECTED", "NOTHING_NEW")
    assert run.run in str(meanwhile.reason)
    world.end(run)
    again = world.ask("c")
    assert again.reason_code == "NOTHING_NEW"
    assert "ended NOT_PROMOTED" in str(again.reason)
    world.s3.put_object(Bucket="data", Key="demo/roses/project.yaml", Body=b"training: {epochs: 3}")
    other = world.ask("d")
    assert (other.state, other.run != run.run) == (RUNNING, True)
    world.end(other, Ending(Outcome.FAILED, "TRAINING_FAILED", "No machine."))
    retried = world.ask("e")
    assert (retried.state, retried.run not in (run.run, other.run)) == (RUNNING, True)


def test_one_dataset_alone_was_trained_on_by_its_upload_unless_the_code_is_newer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = world.learned("may.csv", 1, 1)
    assert world.ask("a").reason_code == "NOTHING_NEW"
    from headgate import clients

    monkeypatch.setenv("TRAINING_CODE_HASH", "newer")
    clients.forget_clients()
    run = world.ask("b")
    assert (run.state, run.dataset != upload.dataset) == (RUNNING, True)


def test_what_is_left_of_a_dataset_after_a_subject_was_erased_was_never_trained_on(
    world: World, aws: boto3.Session, tmp_path: Path
) -> None:
    upload = world.learned("may.csv", 1, 1)
    gone = next(iter(world.rows(upload, "train", tmp_path)))
    outputs = {"LedgerTable": "ledger", "DataBucket": "data", "ArtifactBucket": "artifacts", "TenantKeys": "alias/h-"}
    cloud = Cloud(aws, "headgate", None, outputs)
    told = Erasure(cloud, ROSES, Subject("length", str(gone[0]))).run("Asked.")
    assert (told["rows"], told["unread"]) == (2, [])
    run = world.ask("a")
    assert run.state == RUNNING
    assert world.validate(run)["rows"] == 119
    assert not any(gone in world.rows(run, part, tmp_path) for part in ("train", "validation", "test"))


def test_a_holdout_that_was_erased_does_not_come_back_with_a_release_that_is_approved_later(
    world: World, aws: boto3.Session
) -> None:
    world.s3.put_object(Bucket="data", Key="demo/roses/project.yaml", Body=b"columns: {length: drop}")
    first = world.upload("may.csv", table(1), 1)
    world.validate(first)
    package = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/demo-roses/1"
    world.ledger.wait_for_approval(ROSES, first.run, package, "token", 0)
    outputs = {"LedgerTable": "ledger", "DataBucket": "data", "ArtifactBucket": "artifacts", "TenantKeys": "alias/h-"}
    value = table(1).decode().split("\n")[1].split(",")[0]
    told = Erasure(Cloud(aws, "headgate", None, outputs), ROSES, Subject("length", value)).run("Asked.")
    assert told["removed_whole"] == [first.dataset]

    world.plan(first, first.dataset)
    release = {"tenant": "demo", "project": "roses", "sequence": 1}
    world._invoke("deploy_release", {**release, "task_token": "token"})
    world.ledger.keep_verdict(ROSES, 1, {"stand": "passed", "reason": "Seen."})
    assert world._invoke("settle_release", release)["outcome"] == "PROMOTED"
    world.end(first)
    assert world.ledger.head(ROSES).holdout == first.dataset
    second = world.upload("june.csv", table(2), 2)
    answer = world.validate(second)
    assert (answer["verdict"], answer["holdout"], answer["champion"]["version"]) == ("accepted", second.dataset, "1")


def test_a_retraining_waits_and_a_newer_upload_takes_its_place(world: World) -> None:
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    active = world.upload("july.csv", table(3), 3)
    waits = world.ask("a", window="last:2")
    assert waits.state == WAITING
    world.upload("august.csv", table(4), 4)
    assert world.ask("a").state == "SUPERSEDED"
    world.end(active)


def test_a_request_settles_what_a_stopped_execution_left_behind(world: World, aws: boto3.Session) -> None:
    first, _ = world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    active = world.upload("july.csv", table(3), 3)
    world.plan(active, first.dataset)
    waits = {"tenant": "demo", "project": "roses", "incident": "demo-roses-20260131T083012-0123abcd"}
    world.ledger.add_incident(
        Incident(**waits, alarm="a", kind="errors", at="2026-01-31T08:30:12.983Z", seen_at="2026")
    )
    world._invoke("take_endpoint", {**waits, "visit": 0, "task_token": "second"})
    assert world.ledger.lease(ROSES).waiting is not None
    states = aws.client("stepfunctions")
    machine = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    for each in states.list_executions(stateMachineArn=machine)["executions"]:
        states.stop_execution(executionArn=each["executionArn"])
    world.ask("a")
    settled = world.ledger.release(ROSES, 1)
    assert settled is not None
    assert settled.state == "FAILED"
    assert world.ledger.lease(ROSES).holder != active.run


def test_a_part_that_was_written_again_since_is_found_in_its_version(world: World) -> None:
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    world.s3.put_object(Bucket="data", Key="demo/roses/incoming/june.csv", Body=table(9))
    assert world.ask("a").name == "retraining on june.csv, may.csv"


def test_what_a_person_deleted_is_not_trained_on_and_is_named(world: World) -> None:
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2), world.learned("july.csv", 3, 3)
    world.s3.delete_object(Bucket="data", Key="demo/roses/incoming/june.csv")
    run = world.ask("a")
    assert run.name == "retraining on july.csv, may.csv"
    assert run.retrain is not None
    assert "demo/roses/incoming/june.csv" in run.retrain["left_out"][0]["why"]
    for name in ("may", "july"):
        world.s3.delete_object(Bucket="data", Key=f"demo/roses/incoming/{name}.csv")
    nothing = world.ask("b")
    assert nothing.reason_code == "NO_DATA"
    assert "july.csv" in str(nothing.reason)


def test_settings_that_cannot_be_read_and_projects_without_data_end_the_request(world: World) -> None:
    assert world.ask("a").reason_code == "NO_DATA"
    world.s3.put_object(Bucket="data", Key="demo/roses/project.yaml", Body=b"retrain: {windows: all}")
    refused = world.ask("b")
    assert (refused.reason_code, refused.ended_at is not None) == ("SETTINGS_INVALID", True)
    assert "did you mean retrain.window" in str(refused.reason)


LONG = [{name: 201 * "1"} for name in ("incident", "window", "request")]


@pytest.mark.parametrize(
    "detail", [{"tenant": "X"}, {"reason": None}, {"incident": 7}, {"project": "unknown/.."}, *LONG]
)
def test_an_event_that_is_none_comes_back_to_its_queue(
    invoke: Invoke, detail: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    [good], [bad] = asked("a")["Records"], asked("b", **detail)["Records"]
    answer = invoke("on_retrain_requested", {"Records": [good, {**bad, "messageId": "2"}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    [said] = [vars(each) for each in caplog.records if each.message == "request not handled"]
    assert said["error"] == "BadKeyError"


def test_a_request_that_died_on_the_way_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    from headgate.services.runs import Runs

    with monkeypatch.context() as dying:
        dying.setattr(Runs, "request_start", lambda *_: (_ for _ in ()).throw(RuntimeError("died")))
        with pytest.raises(BatchProcessingError):
            world.ask("a")
    [left] = [run for run in world.ledger.runs_of_project(ROSES) if run.retrain]
    assert left.state == WAITING
    assert world.ask("a").state == RUNNING


def test_ended_runs_keep_their_request(ledger: Ledger, make_run: Any) -> None:
    run = make_run("0123456789", retrain={"request": "a", "left_out": [{"name": "n", "why": "w"}]})
    ledger.add_run(run)
    ledger.write(Project("demo", "iris"), ledger.head(Project("demo", "iris")), RunEnded(run.run, PASSED_OVER, "2026"))
    kept = ledger.run(Project("demo", "iris"), run.run)
    assert kept is not None
    assert kept.retrain == run.retrain


def test_a_schedule_that_is_due_asks_once(
    invoke: Invoke, world: World, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch, example: Any
) -> None:
    from headgate import entrypoint

    read = Objects.get_newest

    def of_a_closed_key(objects: Objects, bucket: str, key: str, **limit: Any) -> Any:
        if key.startswith("closed/"):
            raise ClientError({"Error": {"Code": "KMS.DisabledException"}}, "GetObject")
        assert not key.endswith("project.yaml") or limit, "anybody may write gigabytes there"
        return read(objects, bucket, key, **limit)

    monkeypatch.setattr(Objects, "get_newest", of_a_closed_key)
    for key in (f"{owner}/project.yaml" for owner in ("closed/iris", "demo/roses", "demo/tulips", "No Tenant/x")):
        body = b"retrain: {schedule: '0 3 * * mon'}" if "tulips" not in key else b"retrain: {schedules: hourly}"
        world.s3.put_object(Bucket="data", Key=key, Body=body)
    world.learned("may.csv", 1, 1), world.learned("june.csv", 2, 2)
    with monkeypatch.context() as clock:
        for at in ("2026-01-05T02:59", "2026-01-05T03:05", "2026-01-05T03:20", "2026-01-05T04:05"):
            clock.setattr(entrypoint, "now", lambda at=at: f"{at}:00.000Z")
            invoke("on_retraining_due", example("scheduled-event"))
    sqs, queue = aws.client("sqs"), environment(RetrainQueueEnvironment).retrain_queue_url
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 2  # the look at 3:05 and the one at 3:20, of the same request
    for message in messages:
        record = {"messageId": "1", "eventSource": "aws:sqs", "body": message["Body"]}
        assert invoke("on_retrain_requested", {"Records": [record]}) == {"batchItemFailures": []}
    [run] = [run for run in world.ledger.runs_of_project(ROSES) if run.retrain]
    assert (run.state, (run.retrain or {})["by"]) == (RUNNING, "headgate.schedule")
