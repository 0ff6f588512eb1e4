"""The verdict: sure when it speaks, however often it is asked."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.verdict import Evidence, Rules, Share, Signal, Verdict, interval, judge

RULES = Rules({"errors": Signal(0.01)})
SHARES = st.integers(0, 60).flatmap(lambda requests: st.builds(Share, st.just(requests), st.integers(0, requests)))


def seen(canary: Share, serving: Share, blocks: int = 1) -> Evidence:
    evidence = Evidence()
    for _ in range(blocks):
        evidence = evidence.after(canary, serving)
    return evidence


def hits(requests: int, share: float, chance: random.Random) -> Share:
    return Share(requests, sum(chance.random() < share for _ in range(requests)))


def log_binomial(share: Share, value: float) -> float:
    missed = share.requests - share.hits
    return share.hits * math.log(value) + missed * math.log1p(-value)


@given(
    st.integers(0, 6),
    st.integers(0, 6),
    st.floats(0.001, 0.999),
    st.floats(0, 1),
    st.integers(0, 20),
    st.integers(1, 20),
)
def test_a_block_is_worth_one_at_most_on_average_when_the_canary_is_not_worse(
    canary: int, serving: int, value: float, part: float, past_hits: int, past: int
) -> None:
    before = Evidence(serving=Share(20 + past, past_hits))
    better = value * part  # the canary's share: at most the serving fleet's
    expected = 0.0
    for bad in range(canary + 1):
        for usual in range(serving + 1):
            chance = math.comb(canary, bad) * better**bad * (1 - better) ** (canary - bad)
            chance *= math.comb(serving, usual) * value**usual * (1 - value) ** (serving - usual)
            after = before.after(Share(canary, bad), Share(serving, usual))
            expected += chance * sum(math.exp(log) for log in after.logs)
    assert expected <= 1 + 1e-9


@pytest.mark.parametrize("share", [0.005, 0.1, 0.5])
def test_identical_models_are_rarely_condemned_in_an_hour_of_looks(share: float) -> None:
    condemned = 0
    for run in range(100):
        chance, evidence = random.Random(run), Evidence()
        for _ in range(180):
            evidence = evidence.after(hits(10, share, chance), hits(30, share, chance))
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
    evidence = Evidence(serving=Share(10_000, 50)).after(Share(10, 5), Share(90, 0))
    found = judge({"errors": evidence}, RULES)
    assert (found.verdict, found.signal) == (Verdict.FAIL, "errors")
    assert found.reason == "errors: 50.00% of 10 requests against 0.50% of the others, which is no chance."


def test_a_difference_that_matters_to_nobody_does_not_fail_however_sure_it_is() -> None:
    evidence = seen(Share(10_000, 120), Share(10_000, 60), blocks=20)
    assert evidence.p_value < 1e-6
    assert judge({"errors": evidence}, RULES).verdict != Verdict.FAIL
    assert judge({"errors": evidence}, Rules({"errors": Signal(0.001)})).verdict == Verdict.FAIL


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
    rules = Rules({"errors": Signal(0.01), "slow": Signal(0.1), "yes": Signal(0.2, needed=False)})
    good = seen(Share(500, 2), Share(4500, 20), blocks=20)
    assert judge({"errors": good, "slow": good}, rules).verdict == Verdict.PASS
    assert judge({"errors": good}, rules).verdict == Verdict.INCONCLUSIVE
    broken = seen(Share(500, 400), Share(4500, 900))
    assert judge({"errors": good, "slow": good, "yes": broken}, rules).signal == "yes"


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="3 hits in 2 requests"):
        Share(2, 3)
