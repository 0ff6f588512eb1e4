"""Windows of requests that are too large for a function: dealt out to machines, counted there, judged as ever."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.capturing import place
from tests.watched import IRIS, World, answer, people

from headgate import job
from headgate.domain.errors import IncompleteObservationError
from headgate.domain.machines import machines_for
from headgate.services import windows
from headgate.services.monitor import Look
from headgate.tables.engine import Limits

PLACE = "_captured/demo/iris/demo-iris-r1/observations/000001-"
ELSEWHERE = Look("OBSERVED_ELSEWHERE")


@pytest.fixture
def large(world: World) -> World:
    """What waits is too much for a function, and a file is enough for a machine."""
    world.monitor = replace(world.monitor, function_bytes=1)
    return world


def on_machines(world: World, room: Path, time: int = 1, but: int | None = None) -> list[str]:
    """What `observe` has SageMaker do: deal out the files, run the program on each machine, take its output."""
    place = f"{PLACE}{time}/"
    [given] = [json.loads(each) for each in inputs(world) if json.loads(each)["time"] == time]
    head, *names = world.objects.get_json("artifacts", f"{place}files.json")
    hosts = [f"algo-{number + 1}" for number in range(given["machines"]["instance_count"])]
    for number, host in enumerate(hosts):
        root = room / f"{time}" / host / "ml" / "processing"
        (root / "input" / "request").mkdir(parents=True)
        (root.parent / "config").mkdir()
        (root.parent / "config" / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))
        request = world.objects.get_bytes("artifacts", f"{place}request.json")
        (root / "input" / "request" / "request.json").write_bytes(request)
        for name in names[number :: len(hosts)]:
            path = root / "input" / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            key = head["prefix"].removeprefix("s3://artifacts/") + name
            path.write_bytes(world.objects.get_bytes("artifacts", key))
        if number != but:
            job.main(["observe", "--root", str(root)])
            for path in (root / "output").iterdir():
                world.objects.put_file("artifacts", f"{place}{path.name}", path)
        shutil.rmtree(root)
    return hosts


def inputs(world: World) -> list[str]:
    listed = world.stepfunctions.list_executions(stateMachineArn=world.machine)["executions"]
    described = (world.stepfunctions.describe_execution(executionArn=each["executionArn"]) for each in listed)
    return [each["input"] for each in described]


def stop(world: World) -> None:
    for each in world.stepfunctions.list_executions(stateMachineArn=world.machine)["executions"]:
        world.stepfunctions.stop_execution(executionArn=each["executionArn"])


def test_machines_see_together_what_a_function_sees_alone(large: World, tmp_path: Path) -> None:
    rows = people(1000, years=5.0) + [{"age": None, "ward": "new"}] * 40
    ids = [name for at in range(5) for name in large.ask(rows[at * 208 : (at + 1) * 208], "abcde"[at])]
    labels = [f"{name},{'yes' if answer(row) > 0.6 else 'no'}" for name, row in zip(ids[:900], rows[:900], strict=True)]
    large.objects.put_bytes("data", "demo/iris/feedback/l.csv", "\n".join(["id,label", *labels]).encode())
    assert large.look() == ELSEWHERE
    assert len(on_machines(large, tmp_path)) > 2
    judged = large.judge()
    assert (judged.decision, judged.rows) == ("JUDGED", 1040)
    together = large.report(judged)

    table, key = large.ledger._client, {"pk": {"S": "demo#iris"}, "sk": {"S": "WINDOW#00000001#00000001"}}
    assert table.delete_item(TableName="ledger", Key=key, ReturnValues="ALL_OLD")["Attributes"]
    large.monitor = replace(large.monitor, function_bytes=10**9)
    alone = large.look()
    assert alone.decision == "JUDGED"
    assert large.published[0] == large.published[1]
    assert large.published[0]["QualityLoss"] > 0
    assert _without_medians(together) == _without_medians(large.report(alone))
    assert alone.window is not None
    assert judged.window is not None
    assert alone.window == judged.window  # its name is that of its files, whoever read them


def _without_medians(report: Any) -> Any:
    if isinstance(report, dict):
        return {name: _without_medians(each) for name, each in report.items() if "median" not in name}
    return [_without_medians(each) for each in report] if isinstance(report, list) else report


def test_whoever_looks_meanwhile_leaves_it_to_the_machines(large: World) -> None:
    large.ask(people(300), "a")
    large.ask(people(300), "b")
    assert large.look() == ELSEWHERE
    first = large.objects.get_bytes("artifacts", f"{PLACE}1/request.json")
    large.ask(people(300), "c")
    assert large.look() == ELSEWHERE
    assert len(inputs(large)) == 1
    assert large.objects.get_bytes("artifacts", f"{PLACE}1/request.json") == first


def test_a_look_that_died_before_it_started_machines_starts_them_on_the_same_files(
    large: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    large.ask(people(300), "a")
    large.ask(people(300), "b")
    with monkeypatch.context() as patch:
        patch.setattr(type(large.executions), "start", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            large.look()
    first = large.objects.get_bytes("artifacts", f"{PLACE}1/request.json")
    large.ask(people(300), "c")
    assert large.look() == ELSEWHERE
    assert large.objects.get_bytes("artifacts", f"{PLACE}1/request.json") == first
    assert large.objects.get_json("artifacts", f"{PLACE}1/files.json")[1:] == [
        f"demo-iris/main/2026/03/01/10/{name}.jsonl" for name in "ab"
    ]


def test_machines_that_fail_are_asked_again_and_then_no_more(large: World) -> None:
    large.ask(people(1000), "a")
    large.ask(people(1000), "b")
    for time in (1, 2, 3):
        assert large.look() == ELSEWHERE
        assert sorted(json.loads(each)["time"] for each in inputs(large)) == list(range(1, time + 1))
        stop(large)
    look = large.look()
    assert (look.decision, look.rows) == ("JUDGED", 1000)  # of the first file, which is one at least
    assert large.look() == ELSEWHERE


def test_what_nobody_can_read_does_not_hold_up_what_comes_behind_it(large: World) -> None:
    for name in "ab":
        large.objects.put_bytes("artifacts", place(name, datetime(2026, 3, 1, 10, tzinfo=UTC)), b"{}\n" * 100)
    for _ in range(3):
        assert large.look() == ELSEWHERE
        stop(large)
    look = large.look()
    assert (look.decision, look.rows) == ("JUDGED", 0)
    assert look.window is not None
    assert look.window.says == "Nothing is known: none of the requests could be read."
    large.monitor = replace(large.monitor, function_bytes=10**9)
    large.ask(people(1000), "c")
    assert large.look().rows == 1000


def test_what_a_function_has_no_memory_for_goes_to_machines(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.ask([patient | {"ward": "long " * 10_000} for patient in people(300)], "a")
    with monkeypatch.context() as patch:
        patch.setattr(windows, "_LIMITS", Limits(memory_mb=20, threads=1))
        assert world.look() == world.look() == ELSEWHERE
    assert len(inputs(world)) == 1
    on_machines(world, tmp_path)
    assert world.judge().rows == 300


def test_a_window_is_not_judged_by_some_of_its_machines(large: World, tmp_path: Path) -> None:
    for name in "abc":
        large.ask(people(300), name)
    assert large.look() == ELSEWHERE
    on_machines(large, tmp_path, but=1)
    with pytest.raises(IncompleteObservationError, match="only"):
        large.judge()
    assert large.ledger.windows(IRIS, 1, 5) == []


def test_a_window_that_machines_saw_is_recorded_once(large: World, tmp_path: Path) -> None:
    for name in "ab":
        large.ask(people(300), name)
    assert large.look() == ELSEWHERE
    on_machines(large, tmp_path)
    assert [large.judge().decision, large.judge().decision] == ["JUDGED", "JUDGED_BEFORE"]
    assert large.look().decision == "NOTHING_NEW"


def test_no_machine_is_left_without_a_file_and_each_has_room() -> None:
    assert machines_for([10], 10**9).instance_count == 1
    many = machines_for([10**9] * 10, 10**9)
    assert (many.instance_count, many.volume_gb) == (5, 46)
    assert machines_for([9 * 10**9, 10**9], 10**9).instance_count == 2
    assert machines_for([9 * 10**9, 10**9], 10**9).volume_gb > 4 * 9
