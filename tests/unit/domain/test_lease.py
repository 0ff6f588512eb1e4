"""The lease's rules, step by step, and against a model that knows what everybody may do."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from headgate.domain.lease import Claim, Granted, InLine, Lease, PassedOver, PlaceInLine, leave, renew, take


def claim(holder: str, visit: int = 0, token: str = "token") -> Claim:
    return Claim(holder, holder, token, visit)


HELD = Lease("a", fence=3, token="endpoint")
BEHIND = PlaceInLine("b", "b", "token", 0, 3)


def test_a_free_lease_is_granted_under_a_new_fence() -> None:
    assert take(Lease(fence=3), claim("a")) == Granted(Lease("a", 4))


def test_the_holder_gets_it_again_under_a_newer_fence_and_nobody_loses_the_place() -> None:
    held = replace(HELD, waiting=BEHIND)
    assert take(held, claim("a")) == Granted(replace(held, fence=4))
    assert renew(held, "a") == replace(held, fence=4)


def test_another_one_waits_and_notes_the_holders_fence() -> None:
    assert take(HELD, claim("b")) == InLine(replace(HELD, waiting=BEHIND))


@pytest.mark.parametrize(("newcomer", "waits"), [("c", True), ("B", False)])
def test_of_two_that_would_wait_the_newer_does(newcomer: str, waits: bool) -> None:
    answer = take(replace(HELD, waiting=BEHIND), claim(newcomer))
    if waits:
        assert answer == InLine(replace(HELD, waiting=PlaceInLine("c", "c", "token", 0, 3)), passed_over=BEHIND)
    else:
        assert answer == PassedOver(by="b")


@pytest.mark.parametrize(("newcomer", "gets_it"), [("c", True), ("B", False), ("b", True)])
def test_a_lease_that_is_free_again_goes_to_the_newest(newcomer: str, gets_it: bool) -> None:
    answer = take(replace(HELD, holder=None, waiting=BEHIND), claim(newcomer))
    if gets_it:
        assert answer == Granted(Lease(newcomer, 4), passed_over=BEHIND if newcomer == "c" else None)
    else:
        assert answer == PassedOver(by="b")


def test_one_that_is_as_new_as_who_waits_is_passed_over() -> None:
    assert take(replace(HELD, waiting=BEHIND), Claim("other", "b", "token")) == PassedOver(by="b")


def test_a_holder_without_a_sign_of_life_for_a_whole_term_loses_the_lease() -> None:
    held = replace(HELD, waiting=BEHIND)
    assert take(held, claim("b", visit=1)) == Granted(Lease("b", 4))


def test_a_holder_that_gave_a_sign_of_life_keeps_it_and_a_new_term_begins() -> None:
    held = replace(HELD, fence=5, waiting=BEHIND)
    again = replace(held, waiting=PlaceInLine("b", "b", "token", 1, 5))
    assert take(held, claim("b", visit=1)) == InLine(again)
    assert take(again, claim("b", visit=2)) == Granted(Lease("b", 6))


def test_the_same_visit_twice_does_not_shorten_the_term() -> None:
    held = replace(HELD, waiting=BEHIND)
    assert take(held, claim("b", token="newer")) == InLine(replace(held, waiting=replace(BEHIND, token="newer")))
    later = replace(held, fence=5)  # what it noted first stays noted
    assert take(later, claim("b")) == InLine(replace(later, waiting=BEHIND))


def test_a_visit_that_comes_late_changes_nothing() -> None:
    held = replace(HELD, fence=5, waiting=replace(BEHIND, visit=2, token="its newer task"))
    assert take(held, claim("b", visit=1)) == InLine(held)


def test_only_one_that_waits_takes_over() -> None:
    assert isinstance(take(HELD, claim("b", visit=7)), InLine)
    assert isinstance(take(replace(HELD, waiting=BEHIND), claim("c", visit=7)), InLine)


def test_nobody_acts_in_the_name_of_another() -> None:
    assert renew(HELD, "b") is None
    assert renew(HELD, "b", if_free=True) is None
    assert renew(Lease(fence=3), "b") is None
    free = Lease(None, 3, waiting=BEHIND)
    assert renew(free, "c", if_free=True) == Lease("c", 4, waiting=BEHIND)


def test_who_leaves_gives_back_what_it_has_and_no_more() -> None:
    held = replace(HELD, waiting=BEHIND)
    assert leave(held, "a") == Lease(None, 3, waiting=BEHIND)
    assert leave(held, "b") == HELD
    assert leave(held, "c") == held


def test_one_that_waits_and_acts_for_a_free_lease_waits_no_more() -> None:
    free = Lease(None, 2, waiting=BEHIND)
    renewed = renew(free, BEHIND.holder, if_free=True)
    assert renewed == Lease(BEHIND.holder, 3)
    other = renew(free, "other", if_free=True)
    assert other == Lease("other", 3, waiting=BEHIND)


class Releases(RuleBasedStateMachine):
    """Releases that come, act, die, wake late and end, in any order; every term is waited by who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.lease = Lease()
        self.visits: dict[str, int] = {}
        self.entered: list[tuple[str, int]] = []
        self.ended: set[str] = set()
        self.signs_since: dict[str, bool] = {}
        self.owner: str | None = None

    def _granted(self, who: str) -> None:
        self.owner = who
        self.entered.append((who, self.lease.fence))
        self.signs_since = dict.fromkeys(self.signs_since, True)

    @rule(who=st.sampled_from("abcdef"), whole_term=st.booleans())
    def come(self, who: str, whole_term: bool) -> None:
        if who in self.ended:
            return
        waited = whole_term and who in self.visits
        if waited:
            self.visits[who] += 1
        visit = self.visits.setdefault(who, 0)
        before, owner = self.lease, self.owner
        match take(before, claim(who, visit)):
            case Granted(lease, passed_over):
                dead = waited and not self.signs_since.get(who, True)
                assert owner in (None, who) or dead, "taken from one that gave a sign of life"
                self.lease = lease
                self._pass_over(passed_over, who)
                self._granted(who)
            case InLine(lease, passed_over):
                assert owner not in (None, who)
                assert lease.fence == before.fence, "who waits gives no sign of life for the holder"
                new_term = before.waiting is None or before.waiting.holder != who or before.waiting.visit < visit
                self.lease = lease
                self._pass_over(passed_over, who)
                if new_term:
                    self.signs_since[who] = False
            case PassedOver(by):
                assert by > who
                self.ended.add(who)

    def _pass_over(self, place: PlaceInLine | None, by: str) -> None:
        if place is not None:
            assert place.holder < by
            self.ended.add(place.holder)

    @rule(who=st.sampled_from("abcdef"), if_free=st.booleans())
    def act(self, who: str, if_free: bool) -> None:
        renewed = renew(self.lease, who, if_free=if_free)
        assert (renewed is not None) == (self.owner == who or (if_free and self.owner is None))
        if renewed is not None:
            self.lease = renewed
            self._granted(who)

    @rule(who=st.sampled_from("abcdef"))
    def end(self, who: str) -> None:
        self.lease = leave(self.lease, who)
        if self.owner == who:
            self.owner = None
        self.ended.add(who)

    @invariant()
    def one_writer(self) -> None:
        """Of all that ever entered, nobody but the last one still passes the check that every write makes."""
        passing = [entry for entry in self.entered if entry == (self.lease.holder, self.lease.fence)]
        assert len(passing) <= 1
        assert self.lease.holder == self.owner
        assert not passing or passing == self.entered[-1:]

    @invariant()
    def fences_grow(self) -> None:
        fences = [fence for _, fence in self.entered]
        assert fences == sorted(set(fences))

    @invariant()
    def one_waits_and_it_is_no_one_that_ended(self) -> None:
        if self.lease.waiting is not None:
            assert self.lease.waiting.holder != self.lease.holder
            assert self.lease.waiting.holder not in self.ended


TestReleases = Releases.TestCase
