"""The verdict: sure when it speaks, however often it is asked."""

import math
import random
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.domain.verdict import (
    COMMON,
    RARE,
    RARE_SINCE,
    Evidence,
    Judgement,
    Share,
    Signal,
    Verdict,
    VerdictRules,
    Wagers,
    counted,
    interval,
    judge,
    since,
)

RULES = VerdictRules({"errors": Signal(0.01)})
SHARES = st.integers(0, 60).flatmap(lambda requests: st.builds(Share, st.just(requests), st.integers(0, requests)))


def seen(canary: Share, serving: Share, blocks: int = 1) -> Evidence:
    evidence = Evidence()
    for _ in range(blocks):
        evidence = evidence.after(canary, serving)
    return evidence


def log_binomial(share: Share, value: float) -> float:
    missed = share.requests - share.hits
    return share.hits * math.log(value) + missed * math.log1p(-value)


def ways(canary: int, serving: int, hits: int, odds: float) -> dict[int, float]:
    """The probabilities of the canary's hits among all, when its odds of one are so many times the others'."""
    possible = range(max(0, hits - serving), min(hits, canary) + 1)
    weights = {hit: math.comb(canary, hit) * math.comb(serving, hits - hit) * odds**hit for hit in possible}
    return {hit: weight / sum(weights.values()) for hit, weight in weights.items()}


@given(st.integers(0, 9), st.integers(0, 9), st.data(), st.floats(0.01, 1), st.sampled_from([RARE, COMMON]))
def test_a_block_is_worth_one_at_most_on_average_when_the_canary_is_not_worse(
    canary: int, serving: int, data: st.DataObject, odds: float, wagers: dict[float, float]
) -> None:
    """However many of its requests were hits: nothing is assumed of how often, nor of how they hang together."""
    hits = data.draw(st.integers(0, canary + serving))
    worth = {
        hit: Evidence(wagers).after(Share(canary, hit), Share(serving, hits - hit)).logs
        for hit in ways(canary, serving, hits, 1.0)
    }
    for number in range(len(wagers)):
        alike = sum(chance * math.exp(worth[hit][number]) for hit, chance in ways(canary, serving, hits, 1.0).items())
        better = sum(chance * math.exp(worth[hit][number]) for hit, chance in ways(canary, serving, hits, odds).items())
        assert alike == pytest.approx(1)
        assert better <= 1 + 1e-9


@pytest.mark.parametrize(("canary", "serving"), [(Share(400, 100), Share(900, 200)), (Share(30, 30), Share(270, 0))])
def test_a_large_block_is_worth_what_counting_all_its_ways_says(canary: Share, serving: Share) -> None:
    hits, both = canary.hits + serving.hits, canary + serving
    for odds, log in zip(RARE, Evidence().after(canary, serving).logs, strict=True):
        counted = sum(
            math.comb(canary.requests, hit) * math.comb(serving.requests, hits - hit) * int(odds) ** hit
            for hit in range(min(hits, canary.requests) + 1)
        )
        all_ways = math.comb(both.requests, hits)
        assert log == pytest.approx(canary.hits * math.log(odds) - math.log(counted) + math.log(all_ways))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("past", [0, 1, 12])
def test_beside_a_past_of_any_length_a_canary_that_is_alike_is_rarely_condemned_ever(past: int, share: float) -> None:
    """Exactly, over all that can be seen: the chance that the p-value is below a level at any of twelve looks."""

    def binomial(hits: int, requests: int) -> float:
        return math.comb(requests, hits) * share**hits * (1 - share) ** (requests - hits)

    condemned = dict.fromkeys([0.3, 0.1, 0.02], 0.0)
    for level in condemned:
        for before in range(past + 1):
            alive = {0: binomial(before, past)}
            for requests in range(1, 13):
                after: dict[int, float] = {}
                for hits, chance in alive.items():
                    for more, part in ((1, share), (0, 1 - share)):
                        if p_value(requests, hits + more, past, before) <= level:
                            condemned[level] += chance * part
                        else:
                            after[hits + more] = after.get(hits + more, 0.0) + chance * part
                alive = after
    assert all(chance <= level for level, chance in condemned.items()), condemned
    assert past < 12 or condemned[0.3] > 0  # it can be condemned


@cache
def p_value(requests: int, hits: int, past: int, before: int) -> float:
    return since(Share(requests, hits), Share(past, before)).p_value


@given(SHARES, SHARES, st.floats(0.001, 0.999), st.sampled_from([RARE_SINCE, COMMON]))
@example(Share(52, 52), Share(52, 52), 0.001, RARE_SINCE)
def test_beside_the_past_the_share_counts_that_helps_the_canary_most(
    canary: Share, past: Share, share: float, wagers: dict[float, float]
) -> None:
    assert since(canary, past, wagers).strongest <= max(0.0, worth_at(share, canary, past, wagers)) + 1e-3


@pytest.mark.parametrize(
    ("canary", "past"),
    [
        (Share(100, 6), Share(72_000, 360)),
        (Share(2000, 22), Share(72_000, 360)),
        (Share(130, 90), Share(72_000, 36_000)),
        (Share(60, 40), Share(500, 200)),
        (Share(40, 20), Share(300, 0)),
        (Share(40, 20), Share(250, 3)),
    ],
)
def test_and_no_less_is_found_than_there_is(canary: Share, past: Share) -> None:
    usual = (past.hits + 0.5) / (past.requests + 1)
    logit, error = math.log(usual / (1 - usual)), 1 / math.sqrt((past.requests + 1) * usual * (1 - usual))
    places = [logit + error * step / 100 for step in range(-500, 1500)]
    shares = [1 / (1 + math.exp(-place)) for place in places if place < 1]
    least = min(worth_at(share, canary, past, RARE_SINCE) for share in shares)
    assert least > 1
    assert since(canary, past).strongest == pytest.approx(least, abs=1e-3)


def worth_at(share: float, canary: Share, past: Share, wagers: Mapping[float, float]) -> float:
    """The logarithm of what is gained against a share, with the doubt about the past."""
    around = 0.0
    if past.requests:
        near, far = past.requests * share, past.requests * (1 - share)
        around = math.lgamma(past.hits + near) + math.lgamma(past.requests - past.hits + far)
        around += math.lgamma(past.requests) - math.lgamma(2 * past.requests) - math.lgamma(near) - math.lgamma(far)
        around -= log_binomial(past, share)
    gained = -math.inf
    for odds, weight in wagers.items():
        worth = math.log(weight) + canary.hits * math.log(odds) - canary.requests * math.log1p((odds - 1) * share)
        if past.requests:
            lower = log_binomial(past, lower_past(past, share, odds)) - log_binomial(past, share)
            worth += float(np.logaddexp(math.log(0.8) + lower, math.log(0.2) + around))
        gained = float(np.logaddexp(gained, worth))
    apart = 0.0
    for each in (canary, past):
        whole = math.lgamma(each.hits + 0.5) + math.lgamma(each.requests - each.hits + 0.5)
        apart += whole - math.lgamma(each.requests + 1) - 2 * math.lgamma(0.5) - log_binomial(each, share)
    return float(np.logaddexp(math.log(0.98) + gained, math.log(0.02) + apart))


def lower_past(past: Share, share: float, odds: float) -> float:
    """The share of the past's that looks like this one together with a worse canary, as long as that is looked at."""
    worse = odds * share / (1 - share + odds * share)
    divergence = worse * math.log(worse / share) + (1 - worse) * math.log((1 - worse) / (1 - share))
    canary = 1.5 * math.log(100) / divergence
    lower = math.exp(-canary / past.requests * (worse - share) / (share * (1 - share)))
    return max(1e-300, lower * share / (1 - share + lower * share))


def test_a_long_past_is_nearly_as_good_as_a_share_that_is_known() -> None:
    levels = [since(Share(100, 10), Share(past, past // 100)).p_value for past in (100, 1000, 10_000, 1_000_000)]
    assert levels == sorted(levels, reverse=True)
    known = sum(weight * odds**10 / (1 + (odds - 1) * 0.01) ** 100 for odds, weight in RARE_SINCE.items())
    assert 1 / known < levels[-1] < 1.12 / known  # a fiftieth is wagered on something else


def test_the_least_evidence_is_found_wherever_it_lies() -> None:
    """A short past and a long canary that is alike: the share that helps it lies far above the past's."""
    assert since(Share(20_000, 1000), Share(40, 0)).p_value > 0.1
    assert since(Share(5000, 2500), Share(30, 9), COMMON).p_value > 0.01


def routed(hits: int, requests: int, canary: int, chance: random.Random) -> tuple[Share, Share]:
    """Requests of which so many are hits, shared out by chance."""
    found = sum(place < hits for place in chance.sample(range(requests), canary))
    return Share(canary, found), Share(requests - canary, hits - found)


TROUBLES = {
    "alike": lambda _look, _chance: 2,
    "one in four": lambda _look, _chance: 10,
    "worse and worse": lambda look, _chance: min(40, look // 4),
    "all at once, at times": lambda _look, chance: 40 if chance.random() < 0.1 else 0,
    "five at a time": lambda _look, chance: 5 * (chance.random() < 0.3),
}
"""How many of forty requests are hits in a look, wherever they go."""


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_ails_both_condemns_nobody(trouble: str) -> None:
    """However it changes, and however requests hang together: in an hour of looks, hardly ever."""
    condemned = 0
    for run in range(100):
        chance, evidence = random.Random(run), Evidence()
        for look in range(180):
            evidence = evidence.after(*routed(TROUBLES[trouble](look, chance), 40, 10, chance))
        condemned += evidence.p_value <= 0.01
    assert condemned <= 3  # of 100 at 1 %: more have a chance of 2 %, and the seeds are fixed


@given(st.lists(st.tuples(SHARES, SHARES), max_size=8))
def test_what_was_once_sure_stays_so(blocks: list[tuple[Share, Share]]) -> None:
    evidence, before = Evidence(), 1.0
    for canary, serving in blocks:
        evidence = evidence.after(canary, serving)
        assert 0 < evidence.p_value <= before
        before = evidence.p_value


@given(SHARES, st.floats(0.0005, 0.2))
def test_an_interval_holds_the_values_that_the_mixture_does_not_exclude(share: Share, alpha: float) -> None:
    low, high = interval(share, alpha)
    assert 0 <= low <= share.value <= high <= 1
    mixture = math.lgamma(share.hits + 0.5) + math.lgamma(share.requests - share.hits + 0.5)
    mixture -= math.lgamma(share.requests + 1) + math.log(math.pi)
    for edge, outside in ((low, low - 1e-6), (high, high + 1e-6)):
        if 1e-6 < edge < 1 - 1e-6:
            assert mixture - log_binomial(share, outside) >= -math.log(alpha) - 1e-3


def test_an_interval_shrinks_with_what_is_seen() -> None:
    widths = [high - low for low, high in (interval(Share(n, n // 10), 0.01) for n in (10, 100, 1000, 10_000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.03


def test_a_canary_that_fails_half_of_its_requests_is_caught_within_ten() -> None:
    evidence = Evidence().after(Share(10, 5), Share(90, 0))
    found = judge({"errors": evidence}, RULES)
    assert (found.verdict, found.signal) == (Verdict.FAIL, "errors")
    assert found.reason == "errors: 50.00% of 10 requests against 0.00% of the others, which is no chance."


def test_a_difference_that_matters_to_nobody_does_not_fail_however_sure_it_is() -> None:
    evidence = seen(Share(10_000, 120), Share(10_000, 60), blocks=20)
    assert evidence.p_value < 1e-6
    assert judge({"errors": evidence}, RULES).verdict != Verdict.FAIL
    assert judge({"errors": evidence}, VerdictRules({"errors": Signal(0.001)})).verdict == Verdict.FAIL


def test_enough_good_requests_pass() -> None:
    evidence = seen(Share(500, 2), Share(4500, 20), blocks=10)
    assert judge({"errors": evidence}, RULES).verdict == Verdict.PASS


@pytest.mark.parametrize("canary", [Share(), Share(49, 0)])
def test_a_canary_without_requests_never_passes(canary: Share) -> None:
    found = judge({"errors": seen(canary, Share(10_000, 0))}, RULES)
    assert (found.verdict, found.signal) == (Verdict.INCONCLUSIVE, "errors")
    assert "too few" in found.reason
    assert judge({}, RULES).verdict == Verdict.INCONCLUSIVE


def test_a_good_but_short_look_is_no_pass() -> None:
    found = judge({"errors": seen(Share(60, 0), Share(600, 3))}, RULES)
    assert found.verdict == Verdict.INCONCLUSIVE
    assert "may be worse than allowed" in found.reason


def test_one_bad_signal_is_enough_and_one_that_is_not_needed_may_be_missing() -> None:
    rules = VerdictRules({"errors": Signal(0.01, 0.5), "slow": Signal(0.1, 0.4), "yes": Signal(0.2, 0.1, needed=False)})
    good = seen(Share(500, 2), Share(4500, 20), blocks=20)
    assert judge({"errors": good, "slow": good}, rules).verdict == Verdict.PASS
    assert judge({"errors": good}, rules).verdict == Verdict.INCONCLUSIVE
    broken = seen(Share(500, 400), Share(4500, 900))
    assert judge({"errors": good, "slow": good, "yes": broken}, rules).signal == "yes"


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="3 hits in 2 requests"):
        Share(2, 3)


def test_the_chance_of_a_false_rollback_is_spent_once() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.1, which is more than one"):
        VerdictRules({"errors": Signal(0.01, 0.6), "slow": Signal(0.1, 0.5)})


def test_a_signal_may_spend_its_part_of_the_chance_and_no_more() -> None:
    evidence = Evidence().after(Share(6, 3), Share(54, 0))
    assert 0.0025 < evidence.p_value < 0.005
    for weight, verdict in ((0.5, Verdict.FAIL), (0.25, Verdict.INCONCLUSIVE)):
        assert judge({"errors": evidence}, VerdictRules({"errors": Signal(0.01, weight)})).verdict == verdict


def test_a_canary_passes_when_both_intervals_together_are_within_the_margin_and_not_before() -> None:
    evidence = seen(Share(500, 5), Share(4500, 20))
    _, worst = interval(evidence.canary, RULES.alpha / 2)
    best, _ = interval(evidence.serving, RULES.alpha / 2)
    passed = judge({"errors": evidence}, VerdictRules({"errors": Signal(worst - best)}))
    assert passed == Judgement(Verdict.PASS, None, "No signal of the canary is worse than its margin allows.")
    open_still = judge({"errors": evidence}, VerdictRules({"errors": Signal(worst - best - 1e-9)}))
    assert (open_still.verdict, open_still.signal) == (Verdict.INCONCLUSIVE, "errors")


def test_a_margin_is_what_is_allowed() -> None:
    evidence = seen(Share(20, 10), Share(180, 0))
    assert judge({"errors": evidence}, VerdictRules({"errors": Signal(0.5)})).verdict != Verdict.FAIL
    assert judge({"errors": evidence}, VerdictRules({"errors": Signal(0.49)})).verdict == Verdict.FAIL


def test_the_least_requests_are_enough_and_every_needed_signal_is_asked() -> None:
    rules = VerdictRules({"yes": Signal(0.9, 0.1, needed=False), "errors": Signal(0.9, 0.5), "slow": Signal(0.9, 0.4)})
    enough, few = seen(Share(50, 0), Share(50, 0)), seen(Share(49, 0), Share(50, 0))
    assert judge({"errors": enough, "slow": enough}, rules).verdict == Verdict.PASS
    assert judge({"errors": enough, "slow": few}, rules).signal == "slow"


def test_the_ledger_gets_the_numbers_behind_each_signal() -> None:
    told = counted({"errors": seen(Share(10, 1), Share(90, 2))})
    canary, serving = {"requests": 10, "hits": 1}, {"requests": 90, "hits": 2}
    assert told == {"errors": {"canary": canary, "serving": serving}}


def test_where_nothing_was_seen_the_edge_is_where_the_mixture_is_worth_what_may_be_missed() -> None:
    mixture = math.lgamma(250.5) - math.lgamma(251) - math.lgamma(0.5)
    most = -math.expm1((mixture - math.log(200)) / 250)
    assert interval(Share(250), 0.005) == pytest.approx((0.0, most))
    assert interval(Share(250, 250), 0.005) == pytest.approx((1 - most, 1.0))


@pytest.mark.parametrize("wagers", [RARE_SINCE, COMMON])
@pytest.mark.parametrize(
    ("canary", "past"), [((300, 60), (250, 3)), ((5000, 2500), (60, 1)), ((100_000, 20_000), (1000, 10))]
)
def test_a_canary_longer_than_its_past_is_no_less_evident(
    canary: tuple[int, int], past: tuple[int, int], wagers: Wagers
) -> None:
    """No share explains both, however high it is."""
    assert since(Share(*canary), Share(*past), wagers).p_value < 1e-6
