"""Promotions of several versions beside each other, in any order that hypothesis thinks of, against a model of them.

The model knows what the endpoint really did, and in which order the versions came; the ledger has to say the same.
Between any two steps events come twice, late or never, processes die, functions are invoked once more, and SageMaker
turns back.
"""

from contextlib import suppress
from functools import cache

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headgate.aws.items import as_values
from headgate.domain.errors import HeadgateError

from . import invariants
from .account import Account, Clients, DiedError
from .machine import Promotion
from .road import IRIS, Road, Scenario, before, given_to

VERSIONS = ("b", "c", "d", "e")
_DEATHS, _TWINS = 2, 2
"""How often something dies, and is invoked once more: the state machine gives up on what always does."""
NUMBERS = st.integers(0, 11)


@cache
def clients() -> Clients:
    return Clients()


@cache
def beginning(served: tuple[str, ...]) -> tuple[Account, int | None]:
    return before(clients(), Scenario("interleaved", runs=VERSIONS, served=served))


class Interleavings(RuleBasedStateMachine):
    """A release line with four versions that come one after the other."""

    @initialize(served=st.sampled_from([(), ("a",)]))
    def begin(self, served: tuple[str, ...]) -> None:
        """A first release, or one that takes another's place."""
        self.start, self.champion = beginning(served)
        self.account = self.start.copy()
        self.road = Road(clients(), self.account, Scenario("interleaved", runs=VERSIONS, served=served))
        self.come: list[str] = []
        self.truth: list[tuple[str, bool]] = []
        self.fuse, self.deaths, self.twins = 0, 0, 0
        self.seen = self.account.items.copy()
        self.account.before, self.account.after = self._call_begins, self._call_ends
        self.account.watch = invariants.watch
        self.rest, self.account.rest = self.account.rest, self._rests  # type: ignore[method-assign]

    def _call_begins(self, _number: int) -> None:
        self._burn()

    def _call_ends(self, _number: int) -> None:
        if self.seen != self.account.items:
            invariants.moved(self.seen, self.account.items)
            self.seen = self.account.items.copy()
        self._burn()

    def _burn(self) -> None:
        self.fuse -= 1
        if self.fuse == 0:
            raise DiedError

    def _rests(self) -> None:
        """What the endpoint did, which is what the ledger has to say."""
        goal = (self.account.endpoint or {}).get("goal")
        self.rest()
        if goal and self.account.endpoint is not None:
            there = self.account.endpoint
            self.truth.append((goal, (there["EndpointStatus"], there["EndpointConfigName"]) == ("InService", goal)))

    @property
    def ready(self) -> list[Promotion]:
        return [each for each in self.road.promotions if each.ready]

    @precondition(lambda self: len(self.come) < len(VERSIONS))
    @rule()
    def a_version_comes(self) -> None:
        name = VERSIONS[len(self.come)]
        champion = as_values(self.account.items[f"{IRIS.tenant}#{IRIS.name}", "PROJECT"])["champion"]
        given = given_to(name, champion["sequence"] if champion else None)
        self.come.append(name)
        self.road.promotions.append(Promotion(given["run"], given, self.account, self.road.invoke))

    @precondition(lambda self: self.ready)
    @rule(which=NUMBERS)
    def one_goes_on(self, which: int) -> None:
        each = self.ready[which % len(self.ready)]
        each.step()
        if each.ended:
            self.road.close(each)

    @rule(turned_back=st.booleans())
    def the_endpoint_comes_to_rest(self, turned_back: bool) -> None:
        """By SageMaker's own decision, which is none of ours, sometimes where it came from."""
        if turned_back and (goal := (self.account.endpoint or {}).get("goal")):
            self.account.broken |= {goal}
        self.account.rest()

    @rule(times=st.integers(0, 2))
    def its_events_come(self, times: int) -> None:
        events, self.account.events = self.account.events, []
        for name in events * times:
            self._an_event(name)

    @precondition(lambda self: self.road.promotions)
    @rule()
    def an_event_comes_that_nobody_waits_for(self) -> None:
        self._an_event(IRIS.endpoint)

    def _an_event(self, name: str) -> None:
        with suppress(DiedError):
            self.road.invoke("OnEndpointChanged", {"detail": {"EndpointName": name}})

    @precondition(lambda self: self.deaths < _DEATHS)
    @rule(call=NUMBERS)
    def a_process_will_die(self, call: int) -> None:
        self.fuse, self.deaths = call + 1, self.deaths + 1

    @precondition(lambda self: self.twins < _TWINS and self.road.acting[0])
    @rule()
    def the_last_function_is_invoked_once_more(self) -> None:
        self.twins += 1
        with suppress(HeadgateError, DiedError):
            self.road.invoke(self.road.acting[0], self.road.payload)

    @precondition(lambda self: self.road.promotions and not self.ready)
    @rule()
    def time_passes(self) -> None:
        self.road.go_on(self.road.promotions)

    @invariant()
    def one_waits_behind_one_at_most(self) -> None:
        if hasattr(self, "road"):
            in_line = [each for each in self.road.promotions if each.states[-1:] == ["Take The Endpoint"]]
            waiting = [each for each in in_line if each.waits_for and self.account.tokens.get(each.waits_for) is None]
            assert len([each for each in waiting if not each.ready]) <= 1, "more than one waits in line"

    def teardown(self) -> None:
        """Everything comes to its end, and then the ledger says what was."""
        if not hasattr(self, "road"):
            return
        while len(self.come) < len(VERSIONS):
            self.a_version_comes()
        for _ in range(500):
            if not self.road.go_on(self.road.promotions):
                break
        self.road.time_passes(all_events=True)
        self.account.before = self.account.after = lambda _number: None
        invariants.at_rest(self.start, self.road, self.deaths + self.twins)
        self._the_ledger_says_what_was()

    def _the_ledger_says_what_was(self) -> None:
        endings = invariants.ending_of(self.road)
        releases = {each["name"]: each["run"] for each in invariants.releases_of(self.account)}
        served = [releases[name] for name, stays in self.truth if stays]
        turned_back = [releases[name] for name, stays in self.truth if not stays]
        assert {run for run, end in endings.items() if end == "PROMOTED"} == set(served), endings
        assert {run for run, end in endings.items() if end in ("ROLLED_BACK", "FAILED")} == set(turned_back), endings
        assert endings[f"demo-iris-{VERSIONS[-1]}"] != "SUPERSEDED", "the newest is never passed over"
        champion = self.road.ledger.head(IRIS).champion
        expected = served[-1] if served else ("demo-iris-a" if self.champion else None)
        found = self.road.ledger.release(IRIS, champion.sequence) if champion else None
        assert (found.run if found else None) == expected, "the champion is the last that came into service"


Interleavings.TestCase.settings = settings(
    derandomize=True, deadline=None, max_examples=60, stateful_step_count=40, phases=[Phase.explicit, Phase.generate]
)
test_the_ledger_says_what_was_however_promotions_are_interleaved = Interleavings.TestCase
