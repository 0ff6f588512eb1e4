"""Looks at captured requests, on a real table and buckets of moto's: what is judged, when, and what is kept of it."""

import json
from collections.abc import Mapping
from dataclasses import replace

import boto3
import pytest
from tests.watched import IRIS, LATER, RUN, World, answer, people

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.sagemaker import Endpoints
from headgate.aws.sqs import Queue
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.services import window_judgement
from headgate.services.monitor import Look, Requests
from headgate.services.monitor_endpoint import monitor_endpoint
from headgate.services.monitoring_due import have_endpoints_monitored
from headgate.services.windows import judge_requests


def test_requests_like_the_training_data_say_nothing(world: World) -> None:
    world.ask(people(1000), "a")
    look = world.look()
    assert (look.decision, look.rows) == ("JUDGED", 1000)
    expected = {"RowsSeen": 1000, "DataDrift": 0, "PredictionDrift": 0, "MissingFeatures": 0}
    assert world.published == [expected]
    report = world.report(look)
    assert report["says"] == "The requests look like the training data: none of 2 features moved."
    assert [feature["drifted"] for feature in report["features"]] == [False, False]
    assert b"<svg" in world.objects.get_bytes("artifacts", f"{look.window.place}report.html")  # type: ignore[union-attr]


def test_what_moved_is_named_measured_and_weighed(world: World) -> None:
    world.ask(people(1000, years=5.0), "a")
    look = world.look()
    [(first, *_)] = [world.report(look)["features"]]
    assert (first["name"], first["drifted"], first["weight"]) == ("age", True, 1.0)
    measures = world.published[0]
    assert measures["DataDrift"] == first["psi"] > 0.1
    assert measures["PredictionDrift"] > 0.1
    assert world.ledger.windows(IRIS, 1, 5)[0].says.startswith("1 of 2 features moved: age.")


def test_too_few_requests_wait_for_more_or_for_their_time(world: World) -> None:
    world.ask(people(300), "a")
    assert world.look() == Look("WAITING", rows=300)
    assert world.look(now=LATER).decision == "JUDGED"
    world.ask(people(100), "b")
    assert world.look(now=LATER) == Look("WAITING", rows=100)  # never judged by so few


def test_a_window_begins_where_the_last_one_ended_and_takes_up_what_came_late(world: World) -> None:
    world.ask(people(1000), "b")
    assert world.look().rows == 1000
    assert world.look().decision == "NOTHING_NEW"
    world.ask(people(500, seed=3), "a")  # written before the last one read, and seen only now
    world.ask(people(700, seed=4), "c")
    assert world.look().rows == 1200
    world.ask(people(1000, seed=5), "a", hour=11)
    assert world.look().rows == 1000
    assert [window.number for window in world.ledger.windows(IRIS, 1, 5)] == [3, 2, 1]


def test_two_looks_at_once_record_one_window(world: World) -> None:
    world.ask(people(1000), "a")
    inner: list[Look] = []
    outer = world.look(publish=lambda _: inner.append(world.look()))
    assert [inner[0].decision, outer.decision] == ["JUDGED", "JUDGED_BEFORE"]
    assert inner[0].window == outer.window
    assert len(world.ledger.windows(IRIS, 1, 5)) == 1


def test_a_look_that_dies_before_its_record_is_done_again_and_told_again(world: World) -> None:
    world.ask(people(1000, years=5.0), "a")

    def die(_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        world.look(publish=die)
    look = world.look()
    assert look.decision == "JUDGED"
    assert world.published[0]["DataDrift"] > 0


def test_labels_that_come_late_are_judged_with_a_later_window(world: World) -> None:
    ids = world.ask(people(1000), "a")
    first = world.look()
    assert first.window is not None
    assert "QualityLoss" not in first.window.measures
    rows = people(1000)
    wrong = ["no" if answer(row) > 0.5 else "yes" for row in rows]
    right = ["yes" if answer(row) > 0.5 else "no" for row in rows]
    told = [w if number % 3 == 0 else r for number, (w, r) in enumerate(zip(wrong, right, strict=True))]
    lines = ["id,label", *(f"{name},{label}" for name, label in zip(ids, told, strict=True))]
    world.objects.put_bytes("data", "demo/iris/feedback/labels.csv", "\n".join(lines).encode())
    world.objects.put_bytes("data", "demo/iris/feedback/broken.csv", b"no labels here")
    world.ask(people(1000, seed=3), "b")
    second = world.look()
    assert world.report(second)["quality"]["value"] == pytest.approx(0.666, abs=0.001)
    assert world.published[1]["QualityLoss"] == pytest.approx(1 / 3, abs=0.01)


def test_labels_find_their_answers_once_however_many_windows_came_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = world.ask(people(200), "a")
    first = world.look(now=LATER).window
    assert first is not None
    for number in range(2, 62):
        world.ledger.keep_window(IRIS, replace(first, number=number, name=f"{number}"))
    world.objects.put_bytes(
        "data", "demo/iris/feedback/l.csv", "\n".join(["id,label", *(f"{i},yes" for i in ids), "other,1.0"]).encode()
    )
    kept = "_captured/demo/iris/demo-iris-r1/answers/"
    body = world.objects.get_bytes("artifacts", f"{kept}{first.name}.parquet")
    world.objects.put_bytes("artifacts", f"{kept}000001-looked-too.parquet", body)  # and was not the first to judge
    world.ask(people(1000, seed=3), "b")
    quality = world.report(world.look())["quality"]
    assert quality["rows"] == 200
    assert quality["why"].endswith("Of 201 labels 1 are none that the model could tell, and are left out.")
    monkeypatch.setattr(window_judgement, "MOST_BYTES", 10)
    world.ask(people(1000, seed=4), "c")
    assert world.report(world.look())["quality"]["rows"] == 0


def test_a_project_can_switch_the_monitor_off_and_set_its_limits(world: World) -> None:
    world.ask(people(400, years=5.0), "a")
    world.objects.put_bytes("data", "demo/iris/project.yaml", b"monitor: {enabled: false}")
    assert world.look().decision == "OFF"
    world.objects.put_bytes("data", "demo/iris/project.yaml", b"monitor: {rows: 300, max_psi: 3.0}")
    assert world.look().decision == "JUDGED"
    assert world.published[0]["DataDrift"] == 0


def test_settings_that_cannot_be_read_switch_nothing_off(world: World) -> None:
    world.objects.put_bytes("data", "demo/iris/project.yaml", b"monitor: {enabled: maybe}")
    world.ask(people(1000), "a")
    assert world.look().decision == "JUDGED"


def test_a_pruned_version_is_compared_with_its_own_answers(world: World) -> None:
    key = f"demo/iris/runs/{RUN}/evaluation/baseline.json"
    document = world.objects.get_json("artifacts", key)
    own = {"pruned": {"answers": document["answers"], "quality": document["quality"]}}
    half = document["answers"]["numbers"]
    others = document["answers"] | {"numbers": half | {"edges": [edge / 2 for edge in half["edges"]]}}
    world.objects.put_json("artifacts", key, document | {"answers": others} | own)
    world.ask(people(1000), "a")
    serving = world.ledger.serving(IRIS)
    assert serving is not None
    assert moved(world, serving) > 0.1
    assert moved(world, replace(serving, format="pruned")) == 0


def moved(world: World, release: Release) -> float:
    """By how much a look at this release would say that its answers moved."""
    files = world.objects.files("artifacts", "_captured/")
    published = list[Mapping[str, float]]()
    requests = Requests(IRIS, release, None, files, world.moment())
    judge_requests(requests, world.monitor, world.executions, publish=published.append)
    return published[0]["PredictionDrift"]


def test_a_version_without_a_baseline_is_let_be(world: World) -> None:
    world.ask(people(1000), "a")
    world.objects._client.delete_object(Bucket="artifacts", Key=f"demo/iris/runs/{RUN}/evaluation/baseline.json")
    assert world.look() == Look("NO_BASELINE")


def test_every_endpoint_gets_a_message_of_its_own(aws: boto3.Session) -> None:
    sagemaker, queues = aws.client("sagemaker"), aws.client("sqs")
    variant = {"VariantName": "main", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/role")
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    names = [f"demo-p{number:02}" for number in range(23)]
    for name in names:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c")
    url = queues.create_queue(QueueName="monitor")["QueueUrl"]
    assert (
        have_endpoints_monitored(endpoints=Endpoints(sagemaker, lambda: Autoscaling(None)), queue=Queue(queues, url))
        == 23
    )
    asked: list[str] = []
    while messages := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        asked += [json.loads(message["Body"])["endpoint"] for message in messages]
    assert sorted(asked) == names


def test_a_project_without_a_version_in_service_is_let_be(world: World) -> None:
    roses = Project("demo", "roses")
    look = monitor_endpoint(roses, world.monitor, world.executions, publish=print, now=LATER)
    assert look == Look("NOTHING_SERVES")
