"""What stands guard over a release: its alarms, the plan it goes by, and that what was turned back stays so."""

from dataclasses import replace
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.alarms import alarm_names
from headgate.domain.errors import AccessDeniedError, AlarmRingingError, ConflictError, EndpointBusyError, NotFoundError
from headgate.domain.releases import EndpointState

from .conftest import IRIS, FakeAlarms, FakeArchives, FakeEndpoints, FakeTasks, deploy, every_alarm, settle

ROLLOUT = {"strategy": "canary", "canary_percent": 25, "bake_minutes": 2}


@pytest.fixture
def serving(
    plan: Any, beforehand: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> FakeEndpoints:
    """An endpoint whose first release serves, meanwhile on four instances."""

    def road() -> None:
        plan("a")
        deploy(ledger, endpoints, tasks, 1, alarms=alarms)
        endpoints.rest()
        settle(ledger, endpoints, 1)

    beforehand("serving", road, endpoints, tasks, alarms)
    assert endpoints.state is not None
    endpoints.state = replace(endpoints.state, instances=4)
    return endpoints


def test_an_update_goes_by_the_plan_under_the_releases_own_alarms(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b", rollout=ROLLOUT)
    deploy(ledger, serving, tasks, 2, alarms=alarms)
    guard = serving.deployment["AutoRollbackConfiguration"]["Alarms"]
    assert [each["AlarmName"] for each in guard] == list(alarm_names("demo-iris-r2"))
    assert all("demo-iris-r2" in alarms.made[each["AlarmName"]].dimensions.values() for each in guard)
    routing = serving.deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["CanarySize"]["Value"], routing["WaitIntervalInSeconds"]) == (1, 120)
    release = ledger.release(IRIS, 2)
    assert release is not None
    assert release.plan is not None
    assert (release.plan["stages"], release.plan["strategy"]) == ([1, 4], "canary")
    assert release.plan["back_to"] == "demo-iris-r1"


def test_an_endpoint_that_failed_is_made_anew_unguarded_and_its_version_proves_itself(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("b")
    serving.state = EndpointState("Failed", "demo-iris-r1", "The machines are gone.")
    with pytest.raises(EndpointBusyError):
        deploy(ledger, serving, tasks, 2)
    deploy(ledger, serving, tasks, 2)
    serving.rest()
    made = ledger.release(IRIS, 2).plan  # type: ignore[union-attr]
    assert made is not None
    assert (made["guarded"], made["back_to"], made["bake_seconds"]) == (False, "demo-iris-r1", 600)
    assert settle(ledger, serving, 2, watched=False) == "IN_PROGRESS"
    assert settle(ledger, serving, 2) == "PROMOTED"


def test_the_ledger_knows_what_was_deployed_and_on_how_many_instances(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b")
    deploy(ledger, serving, tasks, 2, alarms=alarms)
    serving.rest()
    settle(ledger, serving, 2)
    first, second = (ledger.release(IRIS, sequence) for sequence in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.capacity_before, first.capacity_after) == (None, 1)
    assert (second.capacity_before, second.capacity_after) == (4, 4)
    assert second.artifact == {"etag": "b.tar.gz", "version_id": "v1", "size": 7, "sha256": None}
    assert (second.image, second.alarms) == ("image", list(alarm_names("demo-iris-r2")))


def test_a_release_whose_archive_is_gone_does_not_touch_the_endpoint(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_self: Any, _bucket: str, _key: str) -> dict[str, Any]:
        raise NotFoundError("gone")

    plan("b")
    monkeypatch.setattr(FakeArchives, "identity", gone)
    with pytest.raises(NotFoundError):
        deploy(ledger, serving, tasks, 2)
    assert serving.updates == 0
    assert ledger.release(IRIS, 2).state == "PLANNED"  # type: ignore[union-attr]


def test_a_project_that_says_nothing_bakes_as_long_as_the_deployment_says(plan: Any, ledger: Ledger) -> None:
    assert plan("a")["rollout"]["bake_seconds"] == 600


def test_the_first_release_is_created_and_has_its_alarms_from_then_on(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1, alarms=alarms)
    assert set(alarms.made) == every_alarm("demo-iris-r1")
    assert ledger.release(IRIS, 1).plan["guarded"] is False  # type: ignore[union-attr, index]


def test_a_release_is_not_begun_while_one_of_its_alarms_rings(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b")
    errors, *_ = alarm_names("demo-iris-r2")
    alarms.in_alarm = {errors}
    with pytest.raises(AlarmRingingError, match=errors):
        deploy(ledger, serving, tasks, 2, alarms=alarms)
    assert (serving.updates, tasks.given) == (0, [])
    assert ledger.release(IRIS, 2).state == "PLANNED"  # type: ignore[union-attr]
    alarms.in_alarm = set()
    deploy(ledger, serving, tasks, 2, alarms=alarms)
    assert serving.updates == 1


def test_what_sagemaker_turned_back_is_not_tried_again(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b")
    serving.broken = frozenset({"demo-iris-r2"})
    deploy(ledger, serving, tasks, 2, "first", alarms=alarms)
    serving.rest()
    alarms.in_alarm = {alarm_names("demo-iris-r2")[0]}
    deploy(ledger, serving, tasks, 2, "again", alarms=alarms)  # the task is tried again by the state machine
    assert serving.updates == 1
    assert "again" in tasks.given
    assert settle(ledger, serving, 2) == "ROLLED_BACK"


def test_what_is_condemned_while_it_is_settled_is_not_promoted(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks
) -> None:
    """The watch's last look may take as long as the bake has left, and a person speaks at any time."""
    plan("b")
    deploy(ledger, serving, tasks, 2)
    serving.rest()
    ledger.keep_verdict(IRIS, 2, {"stand": "passed", "reason": "Seen."})

    class CondemnedInBetween:
        def __getattr__(self, name: str) -> Any:
            if name == "head":
                ledger.keep_verdict(IRIS, 2, {"stand": "failed", "reason": "It fails."})
            return getattr(ledger, name)

    with pytest.raises(ConflictError):
        settle(CondemnedInBetween(), serving, 2, watched=False)
    assert settle(ledger, serving, 2, watched=False) == "IN_PROGRESS"
    serving.rest()
    assert settle(ledger, serving, 2, watched=False) == "ROLLED_BACK"


def test_an_old_failure_does_not_keep_a_new_release_back(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b")
    serving.state = EndpointState(
        "InService", "demo-iris-r1", "An earlier one.", modified_at="2025-01-01T00:00:00.000Z"
    )
    release = ledger.release(IRIS, 2)
    assert release is not None

    class DiesBeforeTheUpdate:
        def __getattr__(self, name: str) -> Any:
            if name == "update":
                raise RuntimeError
            return getattr(serving, name)

    with pytest.raises(RuntimeError):
        deploy(ledger, DiesBeforeTheUpdate(), tasks, 2, alarms=alarms)
    deploy(ledger, serving, tasks, 2, alarms=alarms)
    assert serving.updates == 1


def test_alarms_of_what_no_longer_serves_are_taken_away_and_the_champions_stay(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    serving.broken = frozenset({"demo-iris-r2", "demo-iris-r3"})
    for name, sequence in (("b", 2), ("c", 3)):
        plan(name)
        deploy(ledger, serving, tasks, sequence, alarms=alarms)
        serving.rest()
        settle(ledger, serving, sequence)
    assert set(alarms.made) == every_alarm("demo-iris-r1", "demo-iris-r3")


def test_a_change_that_an_attempt_before_began_is_waited_for(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    plan("b")
    deploy(ledger, serving, tasks, 2, "first", alarms=alarms)
    deploy(ledger, serving, tasks, 2, "second", alarms=alarms)
    assert serving.updates == 1
    assert ledger.waiter(IRIS.endpoint) == "second"


def test_old_releases_are_taken_away_and_the_last_three_good_ones_stay(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, alarms: FakeAlarms
) -> None:
    serving.broken = frozenset({"demo-iris-r3"})
    for sequence, name in enumerate("bcdefg", 2):
        plan(name)
        deploy(ledger, serving, tasks, sequence, alarms=alarms)
        serving.rest()
        settle(ledger, serving, sequence)
    assert serving.models == serving.configs == {f"demo-iris-r{number}" for number in (4, 5, 6, 7)}
    removed = {each.sequence for each in ledger.releases(IRIS) if each.removed_at is not None}
    assert removed == {1, 2, 3}  # the one that was turned back is nothing to go back to
    assert ledger.release(IRIS, 1).state == "RETIRED"  # type: ignore[union-attr]


def test_a_clean_up_that_fails_does_not_fail_the_release(
    plan: Any, ledger: Ledger, serving: FakeEndpoints, tasks: FakeTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_self: Any, _name: str, _owner: str, _trial: str | None = None) -> None:
        raise AccessDeniedError("no")

    monkeypatch.setattr(FakeEndpoints, "remove", refused)
    for sequence, name in enumerate("bcde", 2):
        plan(name)
        deploy(ledger, serving, tasks, sequence)
        serving.rest()
        assert settle(ledger, serving, sequence) == "PROMOTED"
    assert "demo-iris-r1" in serving.models
    monkeypatch.undo()
    assert settle(ledger, serving, 5) == "PROMOTED"  # asked once more
    assert "demo-iris-r1" not in serving.models
