"""The whole road, on the real template."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from headgate.domain.names import Project
from headgate.domain.runs import Outcome
from headgate_cli.invented import GOOD
from tests.capturing import captured

from .conftest import ROOT, Cloud, headgate

EXAMPLES = ROOT / "examples"
Table = Callable[..., bytes]
QUICK = "training: {layers: 1, hidden_units: 2, epochs: 8, members: 1}\n"
ROW = {f"x{number}": 0.5 for number in range(12)}


def rows_of(file: Path, target: str, count: int) -> list[dict[str, Any]]:
    with file.open(newline="") as lines:
        rows = [row for row, _ in zip(csv.DictReader(lines), range(count), strict=False)]
    return [{name: value for name, value in row.items() if name != target} for row in rows]


def test_a_better_dataset_replaces_the_champion_and_a_worse_one_does_not(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "contest")
    cloud.settle(project, QUICK)
    first = cloud.ending(project, cloud.drop(project, "first.csv", table(500, seed=1)))
    cloud.settle(project, GOOD)
    assert (first.state, first.version) == (Outcome.PROMOTED, "1"), first.reason
    shuffled = cloud.ending(project, cloud.drop(project, "shuffled.csv", table(2500, seed=2, shuffled=True)))
    assert shuffled.state == Outcome.NOT_PROMOTED, shuffled.reason
    assert shuffled.metrics["decision"] == "fail", shuffled.reason
    better = cloud.ending(project, cloud.drop(project, "better.csv", table(3000, seed=3)))  # too large for a function
    job = cloud.client("sagemaker").describe_processing_job(ProcessingJobName=f"{better.run}-v")
    assert job["ProcessingJobStatus"] == "Completed", job
    assert (better.state, better.version) == (Outcome.PROMOTED, "2"), better.reason
    assert better.metrics["rows"] == first.metrics["rows"]  # the same holdout
    of_run = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": f"{better.run}/"}
    assert cloud.client("logs").filter_log_events(**of_run)["events"]

    endpoint = cloud.client("sagemaker").describe_endpoint(EndpointName=project.endpoint)
    assert endpoint["EndpointStatus"] == "InService"
    head = cloud.ledger.head(project)
    assert head.champion is not None
    assert endpoint["EndpointConfigName"] == project.release_name(head.champion.sequence)
    states = [cloud.ledger.release(project, number).state for number in (1, 2)]  # type: ignore[union-attr]
    assert states == ["RETIRED", "IN_SERVICE"]
    [answer] = cloud.predict(project, [ROW])
    assert answer["label"] in {"yes", "no"}
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)

    # A window that is too large for a function is dealt out to the machines of a processing job.
    place = f"{project.captured(endpoint['EndpointConfigName'])}{project.endpoint}/main/2026/01/31/10/"
    line = captured(ROW, {"label": "yes", "probabilities": [0.1, 0.9]}, "one")
    for name in "abc":
        body = "\n".join([line] * 1200).encode()
        cloud.client("s3").put_object(Bucket=cloud.card.artifact_bucket, Key=f"{place}{name}.jsonl", Body=body)
    [queue] = [url for url in cloud.client("sqs").list_queues()["QueueUrls"] if "MonitorQueue" in url]
    cloud.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps({"endpoint": project.endpoint}))
    shards = f"{project.captured(endpoint['EndpointConfigName'])}observations/000001-1/shard-"
    [window] = eventually(lambda: cloud.ledger.windows(project, 2, 5) or None, "a window that machines observed")
    assert window.rows >= 3600
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.card.artifact_bucket, Prefix=shards)["Contents"]
    assert len(listed) == 2
    page = cloud.client("s3").get_object(Bucket=cloud.card.artifact_bucket, Key=f"{window.place}report.html")
    assert b"<svg" in page["Body"].read()


def label_the_trial(cloud: Cloud, project: Project) -> None:
    """Ask the endpoint in its trial; what the challenger answers turns out to be wrong, and what serves to be right."""

    def watched() -> bool:
        release = cloud.ledger.release(project, cloud.ledger.head(project).next_release - 1)
        trial = (release.trial if release is not None else None) or {}
        return trial.get("strategy") == "ab" and "since" in trial

    eventually(watched, "the first look at the trial, from which on answers count")
    lines, answered = ["id,label"], {"main": 0, "challenger": 0}
    while min(answered.values()) < 4:
        number = sum(answered.values())
        rows = [{**ROW, "x0": number + each / 10} for each in range(10)]
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=project.endpoint,
            ContentType="application/json",
            InferenceId=f"told-{number}",
            Body=json.dumps({"instances": rows}),
        )
        variant = answer["InvokedProductionVariant"]
        answered[variant] += 1
        for row, said in enumerate(json.loads(answer["Body"].read())["predictions"], start=1):
            other = "no" if said["label"] == "yes" else "yes"
            lines.append(f"told-{number}#{row},{said['label'] if variant == 'main' else other}")
    labels = {"Bucket": cloud.card.data_bucket, "Key": f"{project.feedback}told.csv"}
    cloud.client("s3").put_object(**labels, Body="\n".join(lines).encode())


def test_a_version_is_tried_beside_what_serves_and_taken_away_again(cloud: Cloud, table: Table) -> None:
    """As a shadow, of which nobody can tell without requests; and in an A/B test, which labels end before its time."""
    project = Project("demo", "tried")
    cloud.settle(project, QUICK)
    first = cloud.ending(project, cloud.drop(project, "first.csv", table(500, seed=21)))
    assert first.state == Outcome.PROMOTED, first.reason
    for seed, strategy, minutes, ending in ((22, "shadow", 0.05, "HELD"), (23, "ab", 2, "WORSE")):
        cloud.settle(project, f"{GOOD}endpoint: {{rollout: {{strategy: {strategy}, trial_minutes: {minutes}}}}}\n")
        run_id = cloud.drop(project, f"{strategy}.csv", table(3000, seed=seed))
        if ending == "WORSE":
            label_the_trial(cloud, project)
        run = cloud.ending(project, run_id)
        assert (run.state, run.reason_code) == (Outcome.NOT_PROMOTED, f"{strategy.upper()}_{ending}"), run.reason
        release = cloud.ledger.release(project, int(run.release or 0))
        assert release is not None
        assert release.trial is not None
        state = "HELD" if ending == "HELD" else "FAILED"
        assert (release.state, release.trial["strategy"]) == (state, strategy)
        endpoint = cloud.client("sagemaker").describe_endpoint(EndpointName=project.endpoint)
        assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", project.release_name(1))
        tried = cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=release.trial["config"])
        beside = [*tried["ProductionVariants"][1:], *tried.get("ShadowProductionVariants", [])]
        assert [each["ModelName"] for each in beside] == [release.name]


def test_a_column_that_the_champion_does_not_know_is_left_out(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "grown")
    cloud.settle(project, QUICK)
    assert cloud.ending(project, cloud.drop(project, "a.csv", table(500, seed=11))).state == Outcome.PROMOTED
    cloud.settle(project, GOOD)
    header, *lines = table(3000, seed=12).decode().splitlines()
    grown = "\n".join([f"site,{header}", *(f"{number % 3},{line}" for number, line in enumerate(lines))]).encode()
    run = cloud.ending(project, cloud.drop(project, "b.csv", grown))
    assert run.state == Outcome.PROMOTED, run.reason
    report = cloud.json(f"{project.prefix}datasets/{run.dataset}/report.json")
    assert [(column["name"], "champion" in column["why"]) for column in report["dropped"]] == [("site", True)]


def test_a_refused_file_is_kept_in_quarantine_with_its_reason(cloud: Cloud) -> None:
    project, body = Project("demo", "refused"), b"a,b,label\n1,2,yes\n3,no\n" * 40
    run = cloud.ending(project, cloud.drop(project, "bad file+1 %.csv", body))
    assert (run.state, run.reason_code) == (Outcome.REJECTED, "RAGGED_ROWS")
    folder = f"{project.prefix}quarantine/{run.dataset}/"
    kept = cloud.client("s3").get_object(Bucket=cloud.card.artifact_bucket, Key=folder + "bad file+1 %.csv")
    assert kept["Body"].read() == body
    assert cloud.json(folder + "report.json")["reason_code"] == "RAGGED_ROWS"

    def audited() -> dict[str, Any] | None:
        code, document = headgate(cloud, "audit", "verify", "--project", project.name)
        assert (code, document["sound"]) == (0, True)
        return document["trails"][0] if document["trails"][0]["uncopied"] == 0 else None

    assert eventually(audited, "the locked copies of the audit trail", 60)["entries"] == 3


def test_every_ending_is_told(cloud: Cloud) -> None:
    queue = cloud.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    arn = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    topic = cloud.output("NotificationTopic")
    allow = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ]
    }
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(allow)})
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    project = Project("demo", "told")
    cloud.ending(project, cloud.drop(project, "empty.csv", b""))

    def message() -> dict[str, Any] | None:
        received = cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        told = [json.loads(each["Body"]) for each in received]
        return next((each for each in told if each["Subject"].startswith("demo/told:")), None)

    told = eventually(message, "the notification", 30)
    assert told["Subject"] == "demo/told: REJECTED"
    assert "empty" in told["Message"]


def test_no_value_of_anybodys_row_is_told_anywhere(cloud: Cloud, table: Table) -> None:
    """One run that trains and one that is refused, a canary in every row; then everything that was written of them."""
    secret, project = "canary7f3a9", Project("demo", "silent")
    cloud.settle(project, QUICK)
    header, *lines = table(400, seed=5).decode().splitlines()
    noted = "\n".join([f"note,{header}", *(f"{secret}{number},{line}" for number, line in enumerate(lines))])
    ended = cloud.ending(project, cloud.drop(project, "noted.csv", noted.encode()))
    assert ended.reason_code not in ("RAGGED_ROWS", None)
    refused = cloud.ending(project, cloud.drop(project, "torn.csv", f"{noted}\n{secret},1\n".encode()))
    assert refused.reason_code == "RAGGED_ROWS"
    told = cloud.told(project)
    assert len(told) > 20
    assert [place for place, text in told.items() if secret in text] == []


def test_the_command_line_drops_follows_predicts_and_exports(cloud: Cloud, tmp_path: Path) -> None:
    file = EXAMPLES / "healthcare_wdbc.csv"
    code, answer = headgate(cloud, "drop", str(file), "--project", "clinic", "--wait")
    assert (code, answer["outcome"], answer["endpoint"]) == (0, "PROMOTED", "demo-clinic"), answer
    assert answer["metrics"]["challenger"]["auc"] > 0.95
    assert {"validate", "train", "evaluate", "judge", "register", "promote"} <= set(answer["seconds"])
    rows = "\n".join(file.read_text().splitlines()[:6]) + "\n"
    code, predicted = headgate(cloud, "predict", "-", "--project", "clinic", given=rows)
    assert code == 0, predicted
    assert (predicted["version"], len(predicted["predictions"])) == ("1", 5)
    assert {each["label"] for each in predicted["predictions"]} <= {"malignant", "benign"}
    code, releases = headgate(cloud, "releases", "--project", "clinic")
    assert [(each["sequence"], each["version"], each["state"]) for each in releases["releases"]] == [
        (1, "1", "IN_SERVICE")
    ]

    _, listed = headgate(cloud, "versions", "--project", "clinic")
    told = [(each["version"], each["format"], each["metric"]) for each in listed["versions"]]
    assert told == [("1", "float32", "auc")]
    code, answer = headgate(
        cloud, "export", "1", "--project", "clinic", "--to", str(tmp_path / "made"), "--format", "litert"
    )
    assert code == 0, answer
    bare = [sys.executable, "-I", "-B", "predict.py", "request.json"]
    ran = subprocess.run(bare, cwd=tmp_path / "made", env={}, capture_output=True, text=True, check=True)
    expected = json.loads((tmp_path / "made" / "expected.json").read_text())["predictions"]
    for given, wanted in zip(json.loads(ran.stdout)["predictions"], expected, strict=True):
        assert given["label"] == wanted["label"]
        assert given["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-3)


def test_the_command_line_says_that_data_was_refused(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "header only.csv"
    file.write_text("a,b,label\n")
    code, answer = headgate(cloud, "drop", str(file), "--wait")
    assert (code, answer["outcome"], answer["reason_code"]) == (3, "REJECTED", "HEADER_ONLY")
    assert answer["project"] == "header-only"


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"", "application/json", ""),
        (json.dumps({"instances": [{**ROW, "x0": "many"}]}).encode(), "application/json", "x0"),
        (json.dumps({"instances": [{**ROW, "nonsense": 1}]}).encode(), "application/json", "nonsense"),
        (b'{"instances": [{"x0": 1}]}', "application/json", "x1"),
        (b"{", "application/json", ""),
        (b"<x/>", "application/xml", ""),
    ],
)
def test_a_wrong_request_is_the_callers_fault_and_says_which_column(
    cloud: Cloud, table: Table, body: bytes, content_type: str, says: str
) -> None:
    project = Project("demo", "asked")
    if cloud.ledger.head(project).champion is None:
        cloud.settle(project, QUICK)
        assert cloud.ending(project, cloud.drop(project, "a.csv", table(500, seed=5))).state == Outcome.PROMOTED
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName=project.endpoint, ContentType=content_type, Body=body)
    assert 400 <= refused.value.response["OriginalStatusCode"] < 500
    assert says in refused.value.response["OriginalMessage"]


def test_a_training_process_that_is_killed_fails_the_run_and_the_next_one_works(cloud: Cloud, table: Table) -> None:
    project = Project("demo", "killed")
    run = cloud.drop(project, "a.csv", table(20_000, seed=6))
    os.kill(eventually(lambda: training_process(cloud), f"the training process of {run}"), signal.SIGKILL)
    ended = cloud.ending(project, run)
    assert (ended.state, ended.reason_code) == (Outcome.FAILED, "TRAINING_FAILED"), ended.reason
    assert "killed" in (ended.reason or "").lower() or "signal" in (ended.reason or "").lower()
    cloud.settle(project, QUICK)
    assert cloud.ending(project, cloud.drop(project, "b.csv", table(500, seed=7))).state == Outcome.PROMOTED


def training_process(cloud: Cloud) -> int | None:
    """The process that runs a training job's script: it works where its code is, below a job's folder of this cloud."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parts = (process / "cwd").readlink().parts
            if str(cloud.card.pid) in parts and parts[-1] == "code":
                return int(process.name)
        except OSError:
            continue
    return None


def test_a_burst_ends_in_one_record_for_each_upload(cloud: Cloud, table: Table) -> None:
    projects = [Project("demo", f"burst-{number}") for number in range(3)]
    for project in projects:
        cloud.settle(project, QUICK)
    runs = [
        (project, cloud.drop(project, f"{number}.csv", table(120 + number, seed=number)))
        for number in range(8)
        for project in projects
    ]
    ended = [cloud.ending(project, run, 240) for project, run in runs]
    assert {run.state for run in ended} <= {Outcome.PROMOTED, Outcome.NOT_PROMOTED, Outcome.SUPERSEDED}
    for project in projects:
        head = cloud.ledger.head(project)
        assert (head.active, head.waiting) == (None, None)
        last = [run for run in ended if run.project == project.name][-1]
        assert last.state != Outcome.SUPERSEDED  # the newest always gets its turn


def test_a_wide_network_is_served_smaller(cloud: Cloud, tmp_path: Path) -> None:
    project = Project("demo", "wide")
    cloud.settle(project, "training: {hidden_units: 512, layers: 2, members: 4, epochs: 6}")
    file = EXAMPLES / "healthcare_wdbc.csv"
    run = cloud.ending(project, cloud.drop(project, file.name, file.read_bytes()))
    # Which of the two depends on times, and the machine may have other work: on one that has none, it is `pruned`.
    assert run.state == Outcome.PROMOTED, run.reason
    assert (served := run.metrics["format"]) in {"pruned", "dynamic"}
    assert run.metrics["bought"]["after"]["bytes"] < run.metrics["bought"]["before"]["bytes"] / 3
    release = cloud.ledger.release(project, 1)
    assert release is not None
    assert release.model_data_url.endswith("evaluation/pruned/model.tar.gz") == (served == "pruned")
    _, listed = headgate(cloud, "versions", "--project", "wide")
    assert listed["versions"][0]["format"] == served
    answers = cloud.predict(project, rows_of(file, "diagnosis", 20))
    assert {answer["label"] for answer in answers} <= {"benign", "malignant"}
    code, exported = headgate(
        cloud, "export", "1", "--project", "wide", "--format", "litert", "--to", str(tmp_path / "wide")
    )
    assert code == 0, exported
    network = max(path.stat().st_size for path in (tmp_path / "wide").rglob("*.litert"))
    assert network == run.metrics["bought"]["after"]["bytes"]
    again = cloud.ending(project, cloud.drop(project, "again.csv", file.read_bytes()))  # judged against it
    assert again.state == Outcome.NOT_PROMOTED, again.reason
