"""Processes die before and after every AWS call of a release, and again while they try once more; nothing is lost.

Every schedule is played on the real services, adapters and state machine (`promote.asl.yaml`) in an account in memory.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import pytest

from headgate.domain.errors import HeadgateError

from . import invariants
from .account import Account, Clients, DiedError
from .road import Road, Scenario, before

FIRST = Scenario("the first release", served=())
NEXT = Scenario("the next release")
BACK = Scenario("one on other machines, turned back", broken=frozenset({"demo-iris-r2"}), machine="ml.m5.xlarge")
DEAD = Scenario("a first one that does not come up", served=(), broken=frozenset({"demo-iris-r1"}))
ANEW = Scenario("an endpoint that failed is made anew", fails_before=True)
LINE = Scenario("two that want the endpoint at once", runs=("b", "c"))
QUICK = Scenario("a change that is over at once", quick=True)
LOST = Scenario("the event is lost", events=0)
THRICE = Scenario("the event comes three times", events=3)
LATE = Scenario("the event comes when all is over", late=True)
OLD = Scenario("older releases are cleaned up", served=tuple("abcdef"), runs=("g",))
ASKED = Scenario("a person approves", person="Approved")
REFUSED = Scenario("a person rejects, and three events tell of it", person="Rejected", events=3)
SILENT = Scenario("nobody approves in time", person="-")
SHADOW = Scenario("a shadow that does well takes over", trial="passed")
WORSE = Scenario("a shadow that does worse is taken away", trial="failed")
AB_WINS = Scenario("the better one of an A/B test takes over", trial="passed", strategy="ab")
AB_WORSE = Scenario("the worse one of an A/B test loses its requests, then goes", trial="failed", strategy="ab")
UNFIT = Scenario("a shadow that does not come up", trial="passed", broken=frozenset({"demo-iris-r2-try"}))
PEOPLE = [ASKED, REFUSED, SILENT]
RETURN = Scenario("an alarm leads back", served=("a", "b"), runs=(), incidents=("demo-iris-20260101T000000-0123abcd",))
CONTEST = replace(RETURN, name="an alarm leads back while another version comes", runs=("c",))
CLOSED = replace(RETURN, name="nothing to go back to, and it fails closed", served=("a",), fails_closed=True)
REPAIR = replace(RETURN, name="an endpoint that failed is made anew by itself", fails_before=True)
TAKEN = Scenario("a person takes it back in the bake", incidents=RETURN.incidents, by_hand="heard")
TAKEN_LATE = replace(TAKEN, name="a person takes back what takes over all the same", by_hand="deaf")
WORSE_LATE = Scenario("what no watch passed in the bake is found worse once it serves", watch="bad late")
PROVED = Scenario("what no watch passed in the bake proves itself once it serves", watch="good late")
UNSEEN = Scenario("nobody says a word of it, on other machines", watch="silent", machine="ml.m5.xlarge")
SCENARIOS = [
    REPAIR,
    FIRST,
    NEXT,
    BACK,
    DEAD,
    ANEW,
    LINE,
    QUICK,
    LOST,
    THRICE,
    LATE,
    OLD,
    RETURN,
    *PEOPLE,
    SHADOW,
    AB_WINS,
    WORSE_LATE,
]
DISTINCT = [REPAIR, FIRST, NEXT, BACK, LINE, LATE, RETURN, ASKED, SHADOW]
"""Of which none is another one with fewer or more events."""
SHARE = int(os.environ.get("HEADGATE_CRASH_SHARE", "384"))
"""One in so many pairs is played where time counts; all of them are about 10,000."""


class Death(NamedTuple):
    """When a process dies: before the call of that number reaches AWS, or after its effect."""

    call: int
    after: bool


Dies = Callable[[Road, Death], bool]
"""Whether the process that acts dies now."""


def play(clients: Clients, start: tuple[Account, int | None], scenario: Scenario, dies: Dies, *runs: str) -> Road:
    """One schedule, held to the invariants at every call and at rest. `dies` says when a process does."""
    account, champion = start[0].copy(), start[1]
    seen, deaths = account.items.copy(), 0

    def watch(number: int, after: bool) -> None:
        nonlocal seen, deaths
        if after and seen != account.items:
            invariants.moved(seen, account.items)
            seen = account.items.copy()
        if dies(road, Death(number, after)):
            deaths += 1
            raise DiedError

    account.before = lambda number: watch(number, False)
    account.after = lambda number: watch(number, True)
    account.watch = invariants.watch
    road = Road(clients, account, scenario)
    road.travel(champion, *runs)
    if later := {f"demo-iris-{name}": name for name in scenario.runs}.keys() - {each.name for each in road.promotions}:
        road.travel(champion, *(name.rpartition("-")[2] for name in later))
    account.before = account.after = lambda _number: None
    invariants.at_rest(start[0], road, deaths)
    return road


def at(*deaths: Death) -> Dies:
    return lambda _road, death: death in deaths


def at_each_try(function: str, place: int, after: bool) -> Dies:
    return lambda road, death: death.after == after and (function, death.call - place) == road.acting


def places(first: int, last: int) -> list[Death]:
    """Everywhere that an invocation of these calls can die: before its first one, and after each.

    Before the others is no place of its own: what died there has had the effects of the call before it, and no more.
    """
    return [Death(first, after=False), *(Death(call, after=True) for call in range(first, last + 1))]


def once(road: Road) -> list[tuple[Death, ...]]:
    """A death at every place of every invocation of a road."""
    return [(death,) for each in road.invocations if each.last >= each.first for death in places(each.first, each.last)]


def before_each_call(road: Road) -> list[Death]:
    """Where one can fall asleep."""
    return [Death(call, after=False) for call in range(1, road.account.calls + 1)]


def again(road: Road, first: Death) -> list[tuple[Death, ...]]:
    """The deaths of the invocation that tries once more what `first` ended, at every place of it."""
    died = next(number for number, each in enumerate(road.invocations) if each.died)
    retried = next(each for each in road.invocations[died + 1 :] if each.function == road.invocations[died].function)
    return [(first, death) for death in places(retried.first, retried.last)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_death_anywhere_and_another_on_the_retry_change_no_ending(
    clients: Clients, scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    """Wherever it has done something another death has not, alone and in pairs with the retry."""
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    expected, schedules = invariants.ending_of(calm), 0
    for deaths in once(calm):
        road = play(clients, start, scenario, at(*deaths))
        assert invariants.ending_of(road) == expected, f"I12: {deaths}"
        pairs = again(road, *deaths)
        for pair in pairs[schedules % SHARE :: SHARE]:
            assert invariants.ending_of(play(clients, start, scenario, at(*pair))) == expected, f"I12: {pair}"
            schedules += 1
        schedules += 1
    record_property("schedules", schedules)
    assert schedules > calm.account.calls


@pytest.mark.parametrize("scenario", [WORSE, AB_WORSE, UNFIT], ids=str)
def test_a_trial_that_does_not_end_well_is_taken_away_wherever_a_process_dies(
    clients: Clients, scenario: Scenario
) -> None:
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    assert set(invariants.ending_of(calm).values()) == {"NOT_PROMOTED"}
    for deaths in once(calm):
        assert set(invariants.ending_of(play(clients, start, scenario, at(*deaths))).values()) == {"NOT_PROMOTED"}


def test_the_worse_one_of_an_ab_test_has_no_requests_before_anything_has_to_come_up(clients: Clients) -> None:
    """The version that serves stands beside it: weights first, and only then another configuration."""
    changes: list[str] = []

    def dies(road: Road, death: Death) -> bool:
        if death.after and road.account.operation.startswith("UpdateEndpoint"):
            changes.append(road.account.operation)
        return False

    play(clients, before(clients, AB_WORSE), AB_WORSE, dies)
    assert changes == ["UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "UpdateEndpoint"]


def test_an_alarm_leads_back_to_the_version_before(clients: Clients) -> None:
    road = play(clients, before(clients, RETURN), RETURN, at())
    assert set(invariants.ending_of(road).values()) == {"ROLLED_BACK"}
    assert [each["version"] for each in invariants.releases_of(road.account)] == [
        *("version-demo-iris-a", "version-demo-iris-b", "version-demo-iris-a")
    ]


@pytest.mark.parametrize("scenario", [TAKEN, TAKEN_LATE], ids=str)
def test_what_a_person_takes_back_in_the_bake_serves_nobody_wherever_a_process_dies(
    clients: Clients, scenario: Scenario
) -> None:
    """By SageMaker's guard; and where that is deaf, by the release's settlement.

    What the others do about it alone is played: the rest is that of any release, and of any rollback.
    """
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    others = {"DecideResponse", "SettleRelease", "PlanRollback", "CloseIncident"}
    calm.invocations = [each for each in calm.invocations if each.function in others]
    for deaths in [(), *once(calm)]:
        road = play(clients, start, scenario, at(*deaths))
        ended = {"demo-iris-b": "ROLLED_BACK", scenario.incidents[0]: "ROLLED_BACK"}
        assert invariants.ending_of(road).items() >= ended.items(), deaths
        [serves] = [each for each in invariants.releases_of(road.account) if each["state"] == "IN_SERVICE"]
        assert (serves["version"], road.account.made["UpdateEndpoint"] > 0) == ("version-demo-iris-a", True), deaths


@pytest.mark.parametrize(("scenario", "ends"), [(PROVED, "PROMOTED"), (UNSEEN, "ROLLED_BACK")], ids=str)
def test_no_release_is_promoted_unseen_wherever_its_settlement_dies(
    clients: Clients, scenario: Scenario, ends: str
) -> None:
    """One that no watch has passed is asked once it serves; of which nobody says a word, that goes back in time."""
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    settled = [each for each in calm.invocations if each.function == "SettleRelease"]
    calm.invocations = [settled[0], *settled[-3:]]  # those between see what the first one sees
    for deaths in [(), *once(calm)]:
        road = play(clients, start, scenario, at(*deaths))
        assert invariants.ending_of(road) == {"demo-iris-b": ends}, deaths
        assert road.account.made["UpdateEndpoint"] == (2 if ends == "ROLLED_BACK" else 1), deaths


def test_a_bad_version_with_nothing_behind_it_answers_nobody_wherever_a_process_dies(clients: Clients) -> None:
    """Where the project fails closed: its endpoint is deleted once, and that it is gone surprises nobody."""
    start = before(clients, CLOSED)
    calm = play(clients, start, CLOSED, at())
    for deaths in [(), *once(calm)]:
        road = play(clients, start, CLOSED, at(*deaths))
        assert set(invariants.ending_of(road).values()) == {"TAKEN_OUT_OF_SERVICE"}, deaths
        assert (road.account.endpoint, road.account.made["DeleteEndpoint"]) == (None, 1), deaths


def test_a_rollback_and_a_promotion_at_once_end_as_if_one_came_after_the_other(clients: Clients) -> None:
    """Whoever comes first, and wherever a process dies: one serves, and both are told why."""
    start = before(clients, CONTEST)
    calm = play(clients, start, CONTEST, at())
    for deaths in once(calm):
        ended = set(invariants.ending_of(play(clients, start, CONTEST, at(*deaths))).values())
        assert ended in ({"ROLLED_BACK", "SUPERSEDED"}, {"ROLLED_BACK", "NOT_PROMOTED"}, {"PROMOTED", "IGNORED"}), (
            deaths
        )


@pytest.mark.parametrize("scenario", DISTINCT, ids=str)
def test_a_function_that_always_dies_at_the_same_call_ends_its_run_and_leaves_nothing_open(
    clients: Clients, scenario: Scenario
) -> None:
    """Until the state machine gives up on it; then the run is closed with what the endpoint really serves."""
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    for function in {each.function for each in calm.invocations} - {"CloseRun", "CloseIncident", "DecideResponse"}:
        longest = max(each.last - each.first + 1 for each in calm.invocations if each.function == function)
        for place, after in places(0, longest - 1):
            play(clients, start, scenario, at_each_try(function, place, after))


@pytest.mark.parametrize("scenario", [*DISTINCT, WORSE_LATE], ids=str)
def test_a_function_that_is_invoked_twice_at_once_does_what_one_would(clients: Clients, scenario: Scenario) -> None:
    """The first sleeps before each of its calls in turn, while the second does all its work.

    A change that is over before the first wakes right before its own is one that took less than Lambda's timeout.
    """
    start = before(clients, scenario)
    calm = play(clients, start, scenario, at())
    for death in before_each_call(calm):

        def wakes(road: Road, now: Death, asleep: Death = death) -> bool:
            if now == asleep and not (road.account.operation in invariants.CHANGES and road.scenario.quick):
                twin(road)
            return False

        road = play(clients, start, scenario, wakes)
        # Who deletes an endpoint that failed and is not tried again leaves none to the first.
        allowed = {*invariants.ending_of(calm).values(), *(["FAILED"] if scenario.fails_before else [])}
        assert set(invariants.ending_of(road).values()) <= allowed, death


def twin(road: Road) -> None:
    """The same function with the same payload once more, from its beginning to its end."""
    acting, payload = road.acting, road.payload
    with suppress(HeadgateError):  # this is about the first; the second's failure is nobody's
        road.invoke(acting[0], payload)
    road.acting, road.payload = acting, payload


@pytest.mark.parametrize("scenario", [NEXT, BACK, QUICK, LOST], ids=str)
def test_who_wakes_after_another_took_the_lease_over_changes_nothing(clients: Clients, scenario: Scenario) -> None:
    """One sleeps before each of its calls in turn, for so long that another version takes over and comes to its end.

    SageMaker takes no fence, so of a sleep right before its calls Lambda's timeout is the guard (0016).
    """
    taken = replace(scenario, runs=("b", "c"))
    start = before(clients, taken)
    calm = play(clients, start, taken, at(), "b")
    closed = next(each.last for each in calm.invocations if each.function == "CloseRun")
    for death in before_each_call(calm)[:closed]:

        def wakes(road: Road, now: Death, asleep: Death = death) -> bool:
            if (
                now == asleep
                and road.account.operation not in invariants.CHANGES | invariants.SCALING
                and road.acting[0] != "OnEndpointChanged"
            ):
                road.travel(start[1], "c")
            return False

        play(clients, start, taken, wakes, "b")


def test_a_trial_that_ends_badly_makes_way_for_who_waits(clients: Clients) -> None:
    lined = replace(WORSE, name="a shadow that does worse, and another version in line", runs=("b", "c"))
    road = play(clients, before(clients, lined), lined, at())
    assert all(each.ended for each in road.promotions)
    assert [each.function for each in road.invocations].count("TakeEndpoint") >= 2


def test_the_schedules_are_more_than_a_thousand_before_any_pair(clients: Clients) -> None:
    alone = [len(once(play(clients, before(clients, each), each, at()))) for each in SCENARIOS]
    assert sum(alone) >= 1000
