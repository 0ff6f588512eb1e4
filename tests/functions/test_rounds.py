"""What a round does with what it finds, whatever that is: on record, told, and left to the next one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.reconciling import AT, Invoke, World

from headgate.aws.ledger import Ledger


@pytest.fixture
def world(invoke: Invoke, ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Any]) -> World:
    return World(invoke, ledger, aws, make_run)


def test_who_cannot_be_told_keeps_nothing_from_being_repaired_and_is_told_by_the_next_round(
    world: World, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from headgate import clients
    from headgate.aws.findings import FindingsOnRecord

    def firsts() -> set[str]:
        return {each.first_at for each in FindingsOnRecord(aws.client("dynamodb"), "ledger").all().values()}

    world.unreadable("broken")
    run = world.running()
    with monkeypatch.context() as refusing:
        refusing.setenv("NOTIFICATION_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:gone")
        clients.forget_clients()
        capsys.readouterr()
        assert world.round()["not-looked-at"] == "people could not be told"
        assert '"Untold":[2.0]' in capsys.readouterr().out.replace(" ", "")
    before = firsts()
    clients.forget_clients()
    assert (world.state(run), list(world.executions()), world.told()) == ("RUNNING", [run.run], [])
    for told in (["demo/broken: not-looked-at"], []):
        assert (set(world.round()), world.told()) == ({"not-looked-at"}, told)
    assert firsts() == before


def test_findings_of_a_project_that_is_gone_are_over_and_those_of_one_that_nobody_could_look_at_are_not(
    world: World,
) -> None:
    from headgate import entrypoint
    from headgate.domain.reconcile import FindingOnRecord

    record = entrypoint.reconciler().record
    for name in ("gone", "iris", "broken"):
        record.keep(FindingOnRecord(f"demo#{name}#x", "endpoint-gone", "x", "It is.", "demo", name, 1, AT))
    world.unreadable("broken")

    def over() -> set[str]:
        return {each.project for each in record.all().values() if each.over_at is not None}

    world.round(tenant="demo", project="iris")
    assert over() == {"iris"}
    world.round()
    assert over() == {"iris", "gone"}


def test_a_project_that_cannot_be_looked_at_keeps_no_other_from_it(world: World) -> None:
    world.unreadable("broken")
    run = world.running()
    found = world.round()
    assert (found["not-looked-at"], set(found)) == ("people are told", {"not-looked-at", "run-left"})
    assert (world.state(run), world.told()) == ("RUNNING", ["demo/broken: not-looked-at"])


def test_what_was_found_stays_on_record_for_a_while_when_it_is_over(world: World, aws: boto3.Session) -> None:
    from headgate.aws.findings import FindingsOnRecord

    world.running()
    world.round()
    world.round()
    record = FindingsOnRecord(aws.client("dynamodb"), "ledger")
    [left] = [each for each in record.all().values() if each.kind == "run-left"]
    assert (left.done, left.over_at is not None) == ("started, or closed where its execution was over", True)
    kept = aws.client("dynamodb").get_item(TableName="ledger", Key={"pk": {"S": "FINDINGS"}, "sk": {"S": left.key}})
    until = datetime.fromtimestamp(int(kept["Item"]["forget_at"]["N"]), UTC)
    assert timedelta(days=6) < until - datetime.now(UTC) < timedelta(days=8)


def test_what_a_round_has_no_time_for_the_next_one_begins_with(world: World, aws: boto3.Session) -> None:
    from headgate import entrypoint

    for name in ("a", "b", "c"):
        aws.client("s3").put_object(Bucket="data", Key=f"demo/{name}/readme", Body=b"")
    looked: list[str] = []

    def tools(tenant: str) -> Any:
        looked.append(tenant)
        return real(tenant)

    reconciler = entrypoint.reconciler()
    real = reconciler.tools
    rounds = replace(reconciler, tools=tools)

    def round_of(projects: int, *, dry: bool = False) -> str:
        """The project that the next round begins with."""
        looked.clear()
        rounds.round(entrypoint.all_projects(), whole=True, dry=dry, is_over=lambda: len(looked) == projects)
        return reconciler.record.turn()

    assert [round_of(3), round_of(2), round_of(4)] == ["demo/iris/", "demo/b/", "demo/b/"]
    assert round_of(1, dry=True) == "demo/b/"
    assert world.round() == {}
