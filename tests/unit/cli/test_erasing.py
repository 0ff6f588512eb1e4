"""`headgate erase`, on moto's buckets and ledger: nothing of the subject is left in any version; the others are."""

import base64
import itertools
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from headgate.aws.ledger_changes import RunEnded
from headgate.aws.s3 import Objects
from headgate.domain.names import Part, Project, parse_upload
from headgate.domain.runs import Ending, Outcome
from headgate.services.object_created import ObjectCreated, parts_of
from headgate_cli.main import main

from .clinic import FOLDER, LEFT, OTHERS, ROWS, WHO, Erase, Open, asked


def test_nothing_of_a_subject_is_left_in_any_version_and_the_others_stay(
    erase: Erase, open_clinic: Open, make_run: Callable[..., Any]
) -> None:
    clinic = open_clinic()
    retrain = {"who": "x", "why": "y", "of": ["a"]}
    waits = {"package": "arn:aws:sagemaker:eu-central-1:123456789012:model-package/demo-iris/11"}
    clinic.ledger.add_run(make_run("c", state="RUNNING", approval=waits, retrain=retrain))
    clinic.put(clinic.artifacts, "quarantine/q/report.json", '{\n "columns": 1\n}')
    newest = {"Bucket": clinic.artifacts, "Key": "demo/iris/datasets/a/train.parquet"}
    clinic.s3.put_object(**newest, Body=clinic.s3.get_object(**newest)["Body"].read())
    told = erase(clinic)
    assert (told["datasets"], told["removed_whole"], told["versions_to_retrain"], told["unread"]) == (
        ["a", "b"],
        ["b"],
        ["1", "2", "11"],
        [],
    )
    left = clinic.everything()
    assert [place for place, body in left.items() if WHO.encode() in body] == []
    keys = {key for key, _ in left}
    assert {key for key in keys if "train" in key or "quarantine" in key} == {
        "datasets/a/train.parquet",
        "quarantine/q/report.json",
    }
    settled = clinic.settled()
    assert (settled["a"], settled["b"]) == ({LEFT.encode()}, {LEFT.encode(), OTHERS.encode()})
    entries = [json.loads(each.text) for each in clinic.ledger.trail.entries("demo#iris")]
    assert [each["what"] for each in entries[-3:]] == [["erasure begun"], ["project changed"], ["rows erased"]]
    assert WHO not in str(entries)
    assert clinic.ledger.head(clinic.project).holdout is None
    assert clinic.s3.head_object(**newest)["SSEKMSKeyId"].endswith("alias/headgate-demo")
    again = erase(clinic)
    assert (again["rows"], again["objects"], clinic.everything()) == (0, 0, left)


def test_wherever_it_dies_a_second_call_ends_it_as_if_nothing_had_been(erase: Erase, open_clinic: Open) -> None:
    left = 0

    def die(**_: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise RuntimeError("It died.")

    clinic = open_clinic("p0", a=FOLDER)
    told = erase(clinic)
    counted = ("datasets", "removed_whole", "versions_to_retrain", "unread")
    expected = clinic.settled() | {name: told[name] for name in counted}
    for service, operations in {"s3": ("PutObject", "DeleteObject"), "dynamodb": ("TransactWriteItems",)}.items():
        for operation in operations:
            clinic.cloud.client(service).meta.events.register(f"after-call.{service}.{operation}", die)
    for dies_at in itertools.count(1):
        clinic = open_clinic(f"p{dies_at}", a=FOLDER)
        left = dies_at
        erase(clinic, code=None)
        died = left <= 0
        if [each.text for each in clinic.ledger.trail.entries(f"demo#p{dies_at}") if "rows erased" in each.text]:
            break  # it has ended
        assert died
        told = erase(clinic)
        assert clinic.settled() | {name: told[name] for name in counted} == expected, f"died after write {dies_at}"
        assert clinic.ledger.head(clinic.project).holdout is None
    assert dies_at > 10


def test_a_call_that_ends_ends_no_other_so_that_none_reports_too_few(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic()

    def die(params: dict[str, Any], **_: Any) -> None:
        if b"rows erased" in params["body"]:
            raise RuntimeError("It died.")

    events, operation = clinic.cloud.client("dynamodb").meta.events, "before-call.dynamodb.TransactWriteItems"
    events.register(operation, die)
    erase(clinic, code=None)  # everything is out, and only the last entry is missing
    events.unregister(operation, die)
    assert erase(clinic, value="p5")["rows"] == 1
    told = erase(clinic)
    assert (told["rows"], told["datasets"], told["versions_to_retrain"]) == (0, ["a", "b"], ["1", "2"])


def test_a_marker_however_it_is_written_is_no_data(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic(filled=False)
    for key in ("incoming/b/manifest.json", "incoming/manifest.json"):
        clinic.put(clinic.data, key, json.dumps({"entries": ["0.csv"]}, indent=1))
    told = erase(clinic)
    assert (told["unread"], told["without_column"]) == ([], 0)


def test_what_is_left_of_a_folder_starts_nothing_when_its_marker_is_told_of_again(
    erase: Erase, open_clinic: Open, objects: Objects
) -> None:
    clinic = open_clinic()
    clinic.put(clinic.data, "incoming/other/0.csv", OTHERS)
    markers = {name: clinic.put(clinic.data, f"incoming/{name}/_SUCCESS", "") for name in ("b", "other")}
    erase(clinic)

    def told_again(name: str) -> list[Part]:
        key = f"demo/iris/incoming/{name}/_SUCCESS"
        upload = parse_upload(key)
        assert upload is not None
        event = ObjectCreated(clinic.data, key, markers[name], 0, "", "2026-01-01T00:00:00Z")
        return parts_of(event, upload, objects)

    assert told_again("b") == []
    assert [part.key for part in told_again("other")] == ["demo/iris/incoming/other/0.csv"]
    newest = [part.key for part, _ in objects.newest(clinic.data, "demo/iris/incoming/")]
    assert [key for key in newest if (upload := parse_upload(key)) and upload.completes] == [
        "demo/iris/incoming/other/_SUCCESS"
    ]


def test_what_is_left_keeps_the_length_of_its_name(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic()
    erase(clinic)
    erase(clinic, value="p2")
    [part] = clinic.of("a")
    assert re.fullmatch(r"demo/iris/incoming/\.kept-.{8}-a\.csv", part["key"])


@pytest.mark.parametrize(("state", "of"), [("WAITING", ["b"]), ("RUNNING", ["b"]), ("RUNNING", None)])
def test_while_a_run_reads_the_rows_or_is_to_be_judged_on_them_nothing_is_changed(
    erase: Erase, open_clinic: Open, make_run: Callable[..., Any], state: str, of: list[str] | None
) -> None:
    clinic = open_clinic()
    clinic.ledger.add_run(make_run("c", state=state, retrain=of and {"who": "x", "why": "y", "of": of}))
    before = clinic.everything()
    assert "demo-iris-c" in erase(clinic, code=5)["error"]
    assert clinic.everything() == before
    assert clinic.ledger.head(clinic.project).holdout == "b"


def test_what_a_run_makes_of_rows_that_it_began_to_read_meanwhile_is_found_by_the_next_call(
    erase: Erase, open_clinic: Open, make_run: Callable[..., Any], split: Callable[[str], bytes]
) -> None:
    clinic = open_clinic()
    began: list[Any] = []

    def begin(params: dict[str, Any], **_: Any) -> None:
        if not began and "/_SUCCESS" in params["Key"]:  # the parts of its dataset are gone, its uploads are not
            began.append(make_run("c", state="RUNNING", retrain={"who": "x", "why": "y", "of": ["b"]}))
            clinic.ledger.add_run(began[0])
            clinic.put(clinic.artifacts, "datasets/b/train.parquet", split("age"))

    clinic.cloud.client("s3").meta.events.register("provide-client-params.s3.DeleteObject", begin)
    assert "demo-iris-c" in erase(clinic, code=5)["error"]
    clinic.ledger.write(
        clinic.project,
        clinic.ledger.head(clinic.project),
        RunEnded(began[0].run, Ending(Outcome.FAILED, "X", "It failed."), "2026-01-01T00:00:00.000Z"),
    )
    assert erase(clinic)["removed_whole"] == ["b"]
    left = clinic.everything()
    assert not [key for key, _ in left if key == "datasets/b/train.parquet"]
    assert not [body for body in left.values() if WHO.encode() in body]


def test_an_upload_that_no_run_came_of_is_waited_for_and_what_is_left_of_it_then_is_kept(
    erase: Erase, open_clinic: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = open_clinic(filled=False)
    for body in (ROWS, ROWS):
        clinic.put(clinic.data, "incoming/a.csv", body)
    before = clinic.everything()
    assert "dropped a moment ago" in erase(clinic, code=5)["error"]
    assert clinic.everything() == before
    monkeypatch.setattr("headgate_cli.erasing.UPLOAD_GRACE", timedelta(0))
    erase(clinic)
    [((key, _), body)] = clinic.everything().items()
    assert (re.sub("-.{8}-", "-", key), body) == ("incoming/.kept-a.csv", LEFT.encode())


def test_what_was_dropped_under_the_name_of_no_project_is_found_as_unknown(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic(filled=False)
    for key in (
        "demo/Iris_A/incoming/a.csv",
        "demo/unknown/incoming/a.csv",
        "demo/iris/incoming/a.csv",
        "demos/I/a.csv",
    ):
        clinic.s3.put_object(Bucket=clinic.data, Key=key, Body=ROWS.encode())
    clinic.project = Project("demo", "unknown")
    assert erase(clinic)["rows"] == 4
    left = {re.sub("-.{8}-", "-", key): body.decode() for (key, _), body in clinic.everything().items()}
    assert left == {
        "demo/Iris_A/incoming/.kept-a.csv": LEFT,
        "incoming/.kept-a.csv": LEFT,
        "demo/iris/incoming/a.csv": ROWS,
        "demos/I/a.csv": ROWS,
    }


def test_a_project_that_is_not_there_is_told_so_and_gets_no_trail(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic()
    clinic.project = Project("demo", "iriss")
    assert erase(clinic, code=2)["error"] == "demo has no project iriss. Its projects: iris."
    assert clinic.ledger.trail.entries("demo#iriss") == []


def test_what_cannot_be_read_is_told_and_goes_where_it_is_a_copy(
    erase: Erase, open_clinic: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic = open_clinic(filled=False)
    damaged = f'patient,age\n"{WHO},41\n'
    version = clinic.put(clinic.data, "incoming/damaged.csv", damaged)
    clinic.put(clinic.data, "incoming/other.csv", "name,age\nx,1\n")
    clinic.put(clinic.artifacts, "quarantine/q/damaged.csv", damaged)
    clinic.put(clinic.artifacts, "quarantine/q/ragged.csv", f"patient,age\n1,2,{WHO}\n")
    told = erase(clinic, code=5)
    assert told["unread"] == [f"s3://iris-data/demo/iris/incoming/damaged.csv?versionId={version}"]
    assert told["without_column"] == 1
    assert {key for key, _ in clinic.everything()} == {"incoming/damaged.csv", "incoming/other.csv"}
    assert main(["erase", "--project", "iris", "--key", f"patient={WHO}", "--reason", "Asked on 1 May."]) == 5
    assert told["unread"][0] in capsys.readouterr().out.splitlines()


def test_captured_requests_go_that_ask_about_the_subject_and_no_others(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic(filled=False)
    clinic.put(clinic.data, "incoming/other.csv", OTHERS)
    theirs = [
        asked(json.dumps({"instances": [{"patient": 17, "age": 3}]})),
        asked(base64.b64encode(b"patient,age\n17,3\n").decode(), "BASE64"),
    ]
    others = [
        asked(json.dumps({"instances": [{"patient": 170, "age": 17}]})),
        asked(base64.b64encode(b"patient,age\n3,17\n").decode(), "BASE64"),
    ]
    clinic.capture(*theirs, *others)
    answers = b"ids and answers\n17\n"  # the monitor's
    clinic.s3.put_object(Bucket=clinic.artifacts, Key=f"{clinic.project.captured()}r1/answers/1.parquet", Body=answers)
    assert erase(clinic, value="17")["rows"] == 2
    assert [body.decode().splitlines() for body in clinic.everything().values()] == [
        OTHERS.splitlines(),
        answers.decode().splitlines(),
        others,
    ]
