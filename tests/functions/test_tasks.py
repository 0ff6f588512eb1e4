"""Tasks of the state machines and the smaller reactors, through their real handlers."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import jsonschema
import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from headgate import clients
from headgate.aws.ledger import Ledger
from headgate.aws.sagemaker import Jobs
from headgate.domain.errors import TransientError
from headgate.domain.names import Project

ROOT = Path(__file__).resolve().parents[2]
RUN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
ARCHIVE = "s3://artifacts/demo/iris/runs/demo-iris-0123456789/training/demo-iris-0123456789/output/model.tar.gz"
GATE = {"min_improvement": 0.0, "min_test_rows": 20}
EVALUATION = {
    "format": 1,
    "metric": "auc",
    "direction": "maximize",
    "rows": 119,
    "challenger": {"auc": 0.99},
    "champion": None,
    "trivial": {"auc": 0.5},
    "difference": {"against": "trivial", "estimate": 0.49, "low": 0.4, "high": 0.5, "level": 0.95},
    "parity": {"max_abs_error": 1e-7, "rows": 119},
}
Invoke = Callable[[str, dict[str, Any]], Any]


def came(aws: boto3.Session, queue: str) -> list[dict[str, Any]]:
    """What came to a queue, at most ten messages."""
    received = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


@pytest.fixture
def heard(aws: boto3.Session) -> Callable[[], list[dict[str, Any]]]:
    """What subscribers of the topic hear."""

    queue = aws.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    topic = aws.client("sns").create_topic(Name="topic")["TopicArn"]
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:listener"
    )
    return partial(came, aws, queue)


def test_a_run_that_ends_is_told_once(invoke: Invoke, example: Any, heard: Any) -> None:
    event = example("dynamodb-stream-run-ended")
    assert invoke("on_run_ended", event) == {"batchItemFailures": []}
    [told] = heard()
    assert told["Subject"] == "demo/iris: REJECTED"
    assert told["Message"].startswith("The file is empty.")
    assert told["MessageAttributes"]["outcome"]["Value"] == "REJECTED"

    event["Records"][0]["dynamodb"]["OldImage"] = event["Records"][0]["dynamodb"]["NewImage"]
    invoke("on_run_ended", event)  # a later change of a run that has ended
    assert heard() == []


def test_a_tenants_people_hear_of_its_own_runs_and_of_nobody_elses(invoke: Invoke, example: Any, aws: Any) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("demo", "other")}
    for name in queues:
        topic = sns.create_topic(Name=f"headgate-tenant-{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-central-1:123456789012:{name}")
    assert invoke("on_run_ended", example("dynamodb-stream-run-ended")) == {"batchItemFailures": []}
    told = {name: sqs.receive_message(QueueUrl=queue).get("Messages", []) for name, queue in queues.items()}
    assert [json.loads(each["Body"])["Subject"] for each in told["demo"]] == ["demo/iris: REJECTED"]
    assert told["other"] == []


def test_a_tenant_whose_topic_is_gone_holds_nobodys_message_up(
    invoke: Invoke, example: Any, heard: Any, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_TOPICS", "arn:aws:sns:eu-central-1:123456789012:gone-")
    clients.forget_clients()
    assert invoke("on_run_ended", example("dynamodb-stream-run-ended")) == {"batchItemFailures": []}
    assert [each["Subject"] for each in heard()] == ["demo/iris: REJECTED"]


@pytest.fixture
def bus(aws: boto3.Session) -> Callable[[], list[dict[str, Any]]]:
    """What hears whoever listens on the default bus."""
    queue = aws.client("sqs").create_queue(QueueName="others")["QueueUrl"]
    events = aws.client("events")
    events.put_rule(Name="listen", EventPattern=json.dumps({"source": ["headgate"]}))
    events.put_targets(Rule="listen", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:eu-central-1:123456789012:others"}])
    return partial(came, aws, queue)


@pytest.mark.parametrize("lost", [False, True])
def test_what_became_of_a_release_is_on_the_bus_and_in_the_one_message(
    lost: bool, invoke: Invoke, example: Any, heard: Any, bus: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the message is lost, Lambda tries again, and others hear it twice."""
    event = example("dynamodb-stream-run-ended")
    frozen = {"state": "NOT_PROMOTED", "reason_code": "FROZEN", "reason": "Frozen.", "version": "3"}
    event["Records"][0]["dynamodb"]["NewImage"] |= {name: {"S": value} for name, value in frozen.items()}
    if lost:
        with monkeypatch.context() as away:
            away.setenv("NOTIFICATION_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:gone")
            clients.forget_clients()
            with pytest.raises(BatchProcessingError):
                invoke("on_run_ended", event)
        clients.forget_clients()
    assert invoke("on_run_ended", event) == {"batchItemFailures": []}
    told = bus()
    assert [each["detail-type"] for each in told] == ["ReleaseHeld"] * (1 + lost)
    jsonschema.validate(told[0]["detail"], json.loads((ROOT / "events/schemas/release-settled.json").read_text()))
    assert [each["Subject"] for each in heard()] == ["demo/iris: NOT_PROMOTED"]


def test_a_run_that_ends_leaves_its_record_whoever_closed_it(invoke: Invoke, example: Any, objects: Any) -> None:
    invoke("on_run_ended", example("dynamodb-stream-run-ended"))
    record = objects.get_json("artifacts", f"demo/iris/runs/{RUN['run']}/experiment.json")
    assert (record["outcome"], record["reason_code"], record["job"]) == ("REJECTED", "EMPTY_FILE", None)


def test_people_are_told_once_of_a_run_whose_record_was_kept_at_the_second_try(
    invoke: Invoke, example: Any, objects: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headgate import entrypoint

    def throttled(*_: Any) -> None:
        raise TransientError("Rate exceeded.")

    event = example("dynamodb-stream-run-ended")
    monkeypatch.setattr(entrypoint, "now", lambda: event["Records"][0]["dynamodb"]["NewImage"]["ended_at"]["S"])
    with monkeypatch.context() as busy:
        busy.setattr(Jobs, "training", throttled)
        with pytest.raises(BatchProcessingError):
            invoke("on_run_ended", event)
    assert heard() == []
    invoke("on_run_ended", event)
    assert objects.get_json("artifacts", f"demo/iris/runs/{RUN['run']}/experiment.json")["outcome"] == "REJECTED"
    assert [each["Subject"] for each in heard()] == ["demo/iris: REJECTED"]


def test_the_record_of_a_training_that_left_nothing_behind_says_so(
    invoke: Invoke, example: Any, objects: Any, aws: Any
) -> None:
    """It stopped before it wrote what it measured; which is no reason to leave the record out."""
    sagemaker, output = aws.client("sagemaker"), f"s3://artifacts/demo/iris/runs/{RUN['run']}/training"
    sagemaker.create_training_job(
        TrainingJobName=RUN["run"],
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/training",
        OutputDataConfig={"S3OutputPath": output},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    invoke("on_run_ended", example("dynamodb-stream-run-ended"))
    record = objects.get_json("artifacts", f"demo/iris/runs/{RUN['run']}/experiment.json")
    assert (record["job"]["name"], record["parameters"]) == (RUN["run"], None)


def test_a_tracking_server_that_cannot_be_reached_is_no_failure(
    invoke: Invoke, example: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert invoke("on_run_ended", example("dynamodb-stream-run-ended")) == {"batchItemFailures": []}
    assert len(heard()) == 1


def test_people_are_told_before_a_tracking_server_is(
    invoke: Invoke, example: Any, heard: Any, objects: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        """The function's time is over."""

    def dying(*_: Any) -> None:
        raise Died

    monkeypatch.setattr("headgate.tracking.Tracking.tell", dying)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(Died):
        invoke("on_run_ended", example("dynamodb-stream-run-ended"))
    assert objects.get_json("artifacts", f"demo/iris/runs/{RUN['run']}/experiment.json")["outcome"] == "REJECTED"
    assert [told["Subject"] for told in heard()] == ["demo/iris: REJECTED"]


def test_a_run_that_is_refused_at_the_door_is_told_too(invoke: Invoke, example: Any, heard: Any) -> None:
    event = example("dynamodb-stream-run-ended")
    del event["Records"][0]["dynamodb"]["OldImage"]
    invoke("on_run_ended", event)
    assert [told["Subject"] for told in heard()] == ["demo/iris: REJECTED"]


def test_a_message_that_cannot_be_sent_comes_back(
    invoke: Invoke, example: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = example("dynamodb-stream-run-ended")
    monkeypatch.setenv("NOTIFICATION_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:gone")
    with pytest.raises(BatchProcessingError):  # of a batch that failed whole, Lambda tries every record again
        invoke("on_run_ended", event)
    assert heard() == []


def test_the_gate_reads_what_the_evaluator_wrote(invoke: Invoke, objects: Any) -> None:
    objects.put_json("artifacts", f"demo/iris/runs/{RUN['run']}/evaluation/evaluation.json", EVALUATION)
    answer = invoke("judge_challenger", {**RUN, "gate": GATE})
    assert (answer["decision"], answer["reason_code"]) == ("pass", "BETTER_THAN_TRIVIAL")
    assert answer["metrics"]["challenger"] == {"auc": 0.99}
    assert (answer["metrics"]["format"], answer["metrics"]["bought"]) == ("float32", None)
    json.dumps(answer)


def test_the_record_keeps_which_format_serves_and_what_it_bought(invoke: Invoke, objects: Any) -> None:
    wide = {"name": "float32", "bytes": 9_000, "p50_microseconds": 400.0, "value": 0.99, "difference": None}
    small = wide | {"name": "int8", "p50_microseconds": 100.0, "difference": {"estimate": 0.0, "low": 0.0, "high": 0.0}}
    evaluation = EVALUATION | {"formats": [wide | {"skipped": None}, small | {"skipped": None}]}
    objects.put_json("artifacts", f"demo/iris/runs/{RUN['run']}/evaluation/evaluation.json", evaluation)
    metrics = invoke("judge_challenger", {**RUN, "gate": GATE})["metrics"]
    assert metrics["format"] == "int8"
    assert metrics["bought"]["before"]["p50_microseconds"] == 400
    assert metrics["bought"]["after"]["p50_microseconds"] == 100


def test_a_version_is_registered_once_with_its_identities(invoke: Invoke, aws: boto3.Session) -> None:
    event = {**RUN, "model_data_url": ARCHIVE, "metrics": EVALUATION}
    assert invoke("register_version", event)["version"] == "1"
    sagemaker = aws.client("sagemaker")
    [summary] = sagemaker.list_model_packages(ModelPackageGroupName="demo-iris")["ModelPackageSummaryList"]
    package = sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
    assert package["ModelApprovalStatus"] == "Approved"
    known = package["CustomerMetadataProperties"]
    assert (known["run"], known["dataset"], known["code"]) == (RUN["run"], RUN["dataset"], "0123456789abcdef")
    assert (known["metric"], known["value"], known["rows"]) == ("auc", "0.99", "119")
    assert known["format"] == "float32"
    assert known["card"] == f"s3://artifacts/demo/iris/runs/{RUN['run']}/evaluation/card.html"


def test_the_format_that_the_gate_chose_is_registered_and_planned(
    invoke: Invoke, ledger: Ledger, make_run: Any, aws: boto3.Session
) -> None:
    event = {**RUN, "model_data_url": ARCHIVE, "metrics": EVALUATION, "format": "int8"}
    invoke("register_version", event)
    sagemaker = aws.client("sagemaker")
    [summary] = sagemaker.list_model_packages(ModelPackageGroupName="demo-iris")["ModelPackageSummaryList"]
    package = sagemaker.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
    assert package["CustomerMetadataProperties"]["format"] == "int8"
    ledger.add_run(make_run(RUN["dataset"]))
    invoke("take_endpoint", {**RUN, "visit": 0, "task_token": "token"})
    assert invoke("plan_release", {**promotion(None), "format": "int8"})["format"] == "int8"
    [release] = ledger.releases(Project("demo", "iris"))
    assert release.format == "int8"


def promotion(judged_against: int | None) -> dict[str, Any]:
    """What `train` gives to `promote`."""
    given = {"version": "1", "model_data_url": ARCHIVE, "holdout": "0123456789", "why": "Better."}
    endpoint = {"instance_type": "ml.m5.large", "instance_count": 1}
    return {**RUN, **given, "endpoint": endpoint, "judged_against": judged_against}


@pytest.mark.parametrize(("judged_against", "outcome"), [(None, None), (4, "NOT_PROMOTED")])
def test_a_release_is_planned_only_against_the_champion_that_serves(
    invoke: Invoke, ledger: Ledger, make_run: Any, judged_against: int | None, outcome: str | None
) -> None:
    ledger.add_run(make_run(RUN["dataset"]))
    invoke("take_endpoint", {**RUN, "visit": 0, "task_token": "token"})
    plan = invoke("plan_release", promotion(judged_against))
    assert plan["outcome"] == outcome
    assert len(ledger.releases(Project("demo", "iris"))) == (0 if outcome else 1)
    json.dumps(plan)


def test_a_failed_step_is_recorded_in_words(invoke: Invoke, ledger: Ledger, make_run: Any) -> None:
    run = make_run(RUN["dataset"])
    ledger.add_run(run)
    cause = json.dumps({"errorMessage": "The table is gone.", "errorType": "NotFoundError", "stackTrace": ["x"]})
    answer = invoke("close_run", {**RUN, "outcome": "FAILED", "failure": {"error": "NotFoundError", "cause": cause}})
    assert answer == {"outcome": "FAILED", "reason_code": "NotFoundError"}
    closed = ledger.run(Project("demo", "iris"), run.run)
    assert closed is not None
    assert closed.reason == "The table is gone."


@pytest.fixture
def cloudformation(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The place that a custom resource answers to; the training code lies where a layer would."""
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    answers: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()

    def request(kind: str) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{server.server_port}/",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "TrainingCode",
        }

    yield request, answers
    server.shutdown()
    server.server_close()


def test_the_training_code_is_published_under_its_hash(invoke: Invoke, cloudformation: Any, aws: Any) -> None:
    request, answers = cloudformation
    invoke("publish_training_code", request("Create"))
    invoke("publish_training_code", request("Update"))
    first, second = answers
    assert first["Status"] == "SUCCESS"
    assert first["Data"] == second["Data"]
    key = first["Data"]["ArchiveUri"].removeprefix("s3://artifacts/")
    packed = aws.client("s3").get_object(Bucket="artifacts", Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        inside = set(archive.getnames())
        assert {"train.py", "evaluate.py", "headgate_training/training.py"} <= inside
        assert "headgate_training/families/dnn.json" in inside  # what can be tuned belongs to the code's identity
    assert {"__main__.py", "headgate_training/evaluation.py"} <= _names_in(aws, first["Data"]["EvaluatorUri"])
    listed = aws.client("s3").list_objects_v2(Bucket="artifacts")["Contents"]
    core = first["Data"]["CoreUri"].removeprefix("s3://artifacts/")
    assert {item["Key"].split("/")[2] for item in listed} == {first["Data"]["Hash"], core.split("/")[2]}
    in_core = _names_in(aws, f"{first['Data']['CoreUri']}headgate.zip")
    assert {"__main__.py", "headgate/job.py", "headgate/tables/examine.py"} <= in_core


def _names_in(aws: Any, program: str) -> set[str]:
    """The files of an archive that Python runs."""
    body = aws.client("s3").get_object(Bucket="artifacts", Key=program.removeprefix("s3://artifacts/"))["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return set(archive.namelist())


def test_a_deployment_that_cannot_publish_is_told_why(
    invoke: Invoke, cloudformation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, answers = cloudformation
    monkeypatch.setenv("ARTIFACT_BUCKET", "no-such-bucket")
    with pytest.raises(Exception, match="no-such-bucket"):
        invoke("publish_training_code", request("Create"))
    assert answers[0]["Status"] == "FAILED"
    assert "no-such-bucket" in answers[0]["Reason"]


def test_deleting_the_stack_leaves_the_code_that_versions_name(invoke: Invoke, cloudformation: Any, aws: Any) -> None:
    request, answers = cloudformation
    invoke("publish_training_code", request("Create"))
    invoke("publish_training_code", request("Delete"))
    assert answers[1]["Status"] == "SUCCESS"
    assert aws.client("s3").list_objects_v2(Bucket="artifacts")["KeyCount"] > 0


def test_a_new_entry_of_the_audit_is_copied_once_and_a_changed_one_never(
    invoke: Invoke, ledger: Ledger, objects: Any, make_run: Any
) -> None:
    ledger.add_run(make_run("a"))
    key = {"pk": {"S": "demo#iris"}, "sk": {"S": "AUDIT#0000000001"}}
    image = ledger._client.get_item(TableName="ledger", Key=key)["Item"]
    changed = {**image, "entry": {"S": "{}"}}
    written = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "Keys": key, "NewImage": image}}
    altered = {"eventName": "MODIFY", "dynamodb": {**written["dynamodb"], "OldImage": image, "NewImage": changed}}
    for record in (altered, written, written, altered):
        assert invoke("on_incident_ended", {"Records": [record]}) == {"batchItemFailures": []}
        if record is altered and not objects.files("audit", ""):
            continue
        assert objects.get_bytes("audit", "demo/iris/0000000001.json").decode() == image["entry"]["S"]
