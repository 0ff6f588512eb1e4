"""To which version a rollback goes, and when it goes nowhere."""

from dataclasses import replace
from typing import Any

import pytest
from prove.recorder import acting

from headgate.aws.ledger_changes import ReleaseCondemned
from headgate.domain.errors import EndpointBusyError, LeaseLostError
from headgate.domain.incidents import BY_HAND, ENDPOINT, Incident, IncidentState, incident_id
from headgate.domain.releases import Release
from headgate.services.plan_rollback import PlanRollback, plan_rollback
from headgate.services.take_endpoint import TakeEndpoint, take_endpoint

from .account import Account, Clients, archive_of
from .machine import Promotion
from .road import IRIS, Road, Scenario, _add, before, given_to

THREE = Scenario("three versions served", served=("a", "b", "c"), runs=())


@pytest.fixture(scope="module")
def served(clients: Clients) -> Account:
    return before(clients, THREE)[0]


@pytest.fixture
def road(clients: Clients, served: Account) -> Road:
    return Road(clients, served.copy(), THREE)


def decided(road: Road, release: int = 3, **changes: Any) -> Incident:
    """An incident about a release that was decided to be rolled back, with the endpoint's lease."""
    minute = len(road.ledger.incidents(IRIS))
    at = f"2026-01-31T08:{minute:02}:12.983Z"
    name = incident_id(IRIS, "errors", at)
    known = Incident(
        name, IRIS.tenant, IRIS.name, "errors", "errors", at, at, state=IncidentState.DECIDED, action="rollback",
        reason="It rings.", release=release, decided_at=at,
    )  # fmt: skip
    known = replace(known, **changes)
    assert road.ledger.add_incident(known)
    road.account.tokens["token"] = None
    assert take_endpoint(TakeEndpoint(IRIS, name, "token", 0), ledger=road.ledger, tasks=road.tasks) == "granted"
    return known


def planned(road: Road, incident: Incident) -> dict[str, Any]:
    command = PlanRollback(IRIS, incident.incident)
    now = "2026-01-31T09:00:00.000Z"
    with acting("roads", "PlanRollback"):
        return plan_rollback(command, ledger=road.ledger, endpoints=road.endpoints, archives=road.objects, now=now)


def versions(road: Road) -> list[str]:
    return [each.version.rpartition("-")[2] for each in road.ledger.releases(IRIS)]


def condemned(road: Road) -> list[int]:
    return [each.sequence for each in road.ledger.releases(IRIS) if each.condemned is not None]


def test_the_newest_good_version_before_serves_again_as_a_release_of_its_own(road: Road) -> None:
    plan = planned(road, decided(road))
    assert (plan["sequence"], plan["repeats"], plan["name"]) == (4, 2, "demo-iris-r4")
    assert versions(road) == ["b", "c", "b", "a"]
    assert condemned(road) == [3]
    again = road.ledger.release(IRIS, 4)
    before_it = road.ledger.release(IRIS, 2)
    assert isinstance(again, Release)
    assert isinstance(before_it, Release)
    kept = ("model_data_url", "image", "rollout", "patience", "instance_type", "format", "run")
    assert {name: getattr(again, name) for name in kept} == {name: getattr(before_it, name) for name in kept}
    assert (again.in_service_at, again.outcome, again.verdict) == (None, None, None)


def test_planning_twice_is_planning_once(road: Road) -> None:
    incident = decided(road)
    assert planned(road, incident) == planned(road, incident)
    assert len(versions(road)) == 4


@pytest.mark.parametrize("damage", ["lost", "changed", "never known"])
def test_what_cannot_be_deployed_any_more_is_passed_over(road: Road, damage: str) -> None:
    if damage == "lost":
        road.account.lost = frozenset({archive_of("b")})
    else:
        key = (f"{IRIS.tenant}#{IRIS.name}", "RELEASE#00000002")
        artifact = {"NULL": True} if damage == "never known" else {"M": {"etag": {"S": "another"}}}
        road.account.items[key] = {**road.account.items[key], "artifact": artifact}
    assert planned(road, decided(road))["repeats"] == 1


def test_where_nothing_is_left_the_bad_version_serves_on_and_is_condemned(road: Road) -> None:
    road.account.lost = frozenset({archive_of("a"), archive_of("b")})
    ending = planned(road, decided(road))
    assert (ending["outcome"], ending["reason_code"]) == ("NOT_PROMOTED", "NOTHING_DEPLOYABLE")
    assert all(f"version-demo-iris-{name}" in ending["reason"] for name in "ab")
    assert condemned(road) == [3]


def test_a_person_who_names_a_version_that_cannot_be_deployed_changes_nothing(road: Road) -> None:
    road.account.lost = frozenset({archive_of("a")})
    ending = planned(road, decided(road, kind=BY_HAND, by="ada", to="version-demo-iris-a"))
    assert (ending["outcome"], ending["reason_code"]) == ("NOT_PROMOTED", "CANNOT_BE_DEPLOYED")
    assert "Without --to" in ending["reason"]
    assert (condemned(road), len(versions(road))) == ([], 3)


def test_the_first_release_has_nothing_before_it(clients: Clients) -> None:
    account, _ = before(clients, Scenario("one version served", served=("a",), runs=()))
    road = Road(clients, account, THREE)
    assert planned(road, decided(road, release=1))["reason_code"] == "NO_VERSION_BEFORE"


@pytest.mark.parametrize(("asked", "gone"), [({"fails_closed": True}, True), ({}, False)])
def test_with_nothing_behind_it_a_bad_version_answers_nobody_where_the_project_fails_closed(
    road: Road, asked: dict[str, Any], gone: bool
) -> None:
    road.account.lost = frozenset({archive_of("a"), archive_of("b")})
    incident = decided(road, **asked)
    ending = planned(road, incident)
    assert (ending["reason_code"] == "TAKEN_OUT_OF_SERVICE", road.account.endpoint is None) == (gone, gone)
    assert planned(road, incident) == ending
    assert (condemned(road), len(versions(road))) == ([3], 3)


def test_an_endpoint_that_moves_is_not_deleted_but_waited_for(road: Road) -> None:
    road.account.lost = frozenset({archive_of("a"), archive_of("b")})
    assert road.account.endpoint is not None
    road.account.endpoint = {**road.account.endpoint, "EndpointStatus": "Updating"}
    with pytest.raises(EndpointBusyError):
        planned(road, decided(road, fails_closed=True))
    assert road.account.made["DeleteEndpoint"] == 0


@pytest.mark.parametrize(("to", "anyway", "expected"), [("c", True, 3), ("c", False, "CONDEMNED"), ("a", False, 1)])
def test_a_person_brings_a_version_back_that_answers_nobody(
    road: Road, to: str, anyway: bool, expected: int | str
) -> None:
    road.account.lost = frozenset({archive_of("a"), archive_of("b")})
    planned(road, decided(road, fails_closed=True))
    road.account.lost = frozenset()
    road.account.items = {key: item for key, item in road.account.items.items() if key[1] != "OWNER"}
    assert road.ledger.claim_endpoint(IRIS)
    asked = {"kind": BY_HAND, "by": "ada", "to": f"version-demo-iris-{to}", "anyway": anyway}
    plan = planned(road, decided(road, **asked))
    assert (plan["repeats"] if isinstance(expected, int) else plan["reason_code"]) == expected


@pytest.mark.parametrize("there", [None, "demo-iris-r1"])
def test_a_person_puts_back_what_the_ledger_says_where_somebody_changed_or_deleted_the_endpoint(
    road: Road, there: str | None
) -> None:
    assert road.account.endpoint is not None
    road.account.endpoint = {**road.account.endpoint, "EndpointConfigName": there} if there else None
    asked = decided(road, kind=BY_HAND, by="ada", to="version-demo-iris-c")
    assert (planned(road, asked)["repeats"], condemned(road)) == (3, [])


def test_a_second_rollback_finds_another_champion_and_does_nothing(road: Road) -> None:
    _condemn(road, 2)
    ending = planned(road, decided(road, release=2))
    assert (ending["reason_code"], condemned(road), len(versions(road))) == ("ANOTHER_SERVES", [2], 3)


def test_what_was_to_be_left_is_not_gone_back_to_though_a_newer_version_took_its_place_first(road: Road) -> None:
    """It took requests badly, whoever was faster; nobody goes back to it from the newer one."""
    late = decided(road, release=2)
    for _ in range(2):
        ending = planned(road, late)
        assert (ending["reason_code"], condemned(road), len(versions(road))) == ("ANOTHER_SERVES", [2], 3)
    road.account.items = {key: item for key, item in road.account.items.items() if key[1] != "OWNER"}
    assert road.ledger.claim_endpoint(IRIS)
    assert planned(road, decided(road))["repeats"] == 1


def test_what_was_to_be_left_is_left_though_its_endpoint_was_made_anew_meanwhile(road: Road) -> None:
    key = (f"{IRIS.tenant}#{IRIS.name}", "RELEASE#00000002")
    road.account.items[key] = {**road.account.items[key], "version": {"S": "version-demo-iris-c"}}
    plan = planned(road, decided(road, release=2))
    assert (plan["repeats"], condemned(road)) == (1, [3])


def test_what_was_condemned_is_not_gone_back_to(road: Road) -> None:
    _condemn(road, 2)
    assert planned(road, decided(road))["repeats"] == 1


@pytest.mark.parametrize(
    ("to", "anyway", "expected"),
    [("a", False, 1), ("b", False, "CONDEMNED"), ("b", True, 2), ("c", False, "SERVES_ALREADY")],
)
def test_a_person_may_choose(road: Road, to: str, anyway: bool, expected: int | str) -> None:
    _condemn(road, 2)
    asked = decided(road, kind=BY_HAND, by="ada", to=f"version-demo-iris-{to}", anyway=anyway)
    plan = planned(road, asked)
    assert (plan["repeats"] if isinstance(expected, int) else plan["reason_code"]) == expected


def refused(clients: Clients, served: Account) -> Road:
    """A fourth version is planned when a person says the word, and is about to be deployed."""
    said = Scenario("a word", served=("a", "b", "c"), runs=("d",), incidents=(BY_NAME,), by_hand="heard")
    road = Road(clients, served.copy(), said)
    _add(road, "d")
    road.ledger.add_incident(
        Incident(BY_NAME, IRIS.tenant, IRIS.name, BY_HAND, BY_HAND, road.now, road.now, "Bad.", by="ada")
    )
    given, token = given_to("d", 3), {"task_token": "first", "visit": 0}
    road.account.tokens["first"] = None
    road.invoke("TakeEndpoint", {**given, **token})
    release = road.invoke("PlanRelease", given)
    road.decide({"tenant": IRIS.tenant, "project": IRIS.name, "incident": BY_NAME})
    road.invoke("DeployRelease", {**release, **token})
    return road


BY_NAME = incident_id(IRIS, BY_HAND, "2026-01-31T10:00:00.000Z")


def test_what_a_person_takes_back_before_it_began_does_not_begin(clients: Clients, served: Account) -> None:
    road = refused(clients, served)
    left = road.ledger.release(IRIS, 4)
    assert isinstance(left, Release)
    assert (left.state, left.outcome, left.reason_code) == ("FAILED", "NOT_PROMOTED", "TAKEN_BACK")
    assert "Bad. Release 4 was on its way." in str(left.reason)
    assert road.account.endpoint is not None
    assert road.account.endpoint["EndpointConfigName"] == "demo-iris-r3"


@pytest.mark.parametrize(("to", "expected"), [(None, "TAKEN_BACK"), ("c", "TAKEN_BACK"), ("a", 1)])
def test_behind_a_release_that_was_taken_back_a_person_may_go_further(
    clients: Clients, served: Account, to: str | None, expected: int | str
) -> None:
    road = refused(clients, served)
    wanted = None if to is None else f"version-demo-iris-{to}"
    plan = planned(road, decided(road, release=4, kind=BY_HAND, by="ada", to=wanted))
    assert (plan["repeats"] if isinstance(expected, int) else plan["reason_code"]) == expected


def failed(road: Road, status: str = "Failed") -> Incident:
    assert road.account.endpoint is not None
    road.account.endpoint = {**road.account.endpoint, "EndpointStatus": status, "instances": 5}
    return decided(road, kind=ENDPOINT, alarm=ENDPOINT)


@pytest.mark.parametrize(
    ("lost", "condemned_ones", "expected"),
    [("", [], 3), ("c", [], 2), ("", [3], 2), ("abc", [], "NOTHING_DEPLOYABLE")],
)
def test_a_failed_endpoint_goes_back_to_what_it_served_on_as_many_instances(
    road: Road, lost: str, condemned_ones: list[int], expected: int | str
) -> None:
    for each in condemned_ones:
        _condemn(road, each)
    road.account.lost = frozenset(archive_of(name) for name in lost)
    plan = planned(road, failed(road))
    assert (plan["repeats"] if isinstance(expected, int) else plan["reason_code"]) == expected
    assert condemned(road) == condemned_ones
    if isinstance(expected, int):
        assert (plan["instance_count"], plan["name"]) == (5, "demo-iris-r4")
        assert plan["why"].startswith(f"Release {expected} again, on a new endpoint.")


def test_an_endpoint_that_is_whole_again_is_let_be(road: Road) -> None:
    assert planned(road, failed(road, "InService"))["reason_code"] == "WHOLE_AGAIN"


def test_a_person_may_put_one_version_on_an_endpoint_that_serves_a_mix(road: Road) -> None:
    failed(road, "UpdateRollbackFailed")
    road.account.items = {key: item for key, item in road.account.items.items() if key[1] != "OWNER"}
    assert road.ledger.claim_endpoint(IRIS)
    plan = planned(road, decided(road, kind=BY_HAND, by="ada", to="version-demo-iris-c"))
    assert (plan["repeats"], condemned(road)) == (3, [])


def test_nothing_is_planned_without_the_lease(road: Road) -> None:
    incident = decided(road)
    name = incident_id(IRIS, "other", "2026-01-31T10:00:00.000Z")
    road.ledger.add_incident(replace(incident, incident=name))
    with pytest.raises(LeaseLostError):
        planned(road, replace(incident, incident=name))


def test_a_condemned_version_is_not_promoted_by_itself(clients: Clients, road: Road) -> None:
    _condemn(road, 3)
    given = {**given_to("d", 3), "version": "version-demo-iris-c"}
    _add(road, "d")
    promotion = Promotion(given["run"], given, road.account, road.invoke)
    while not promotion.ended:
        promotion.step()
    assert promotion.output["reason_code"] == "CONDEMNED"
    assert "--anyway" in promotion.output["reason"]


def _condemn(road: Road, sequence: int) -> None:
    why = {"who": "policy", "why": "It rang.", "at": "2026", "incident": "i"}
    road.ledger.write(IRIS, road.ledger.head(IRIS), ReleaseCondemned(sequence, why))
