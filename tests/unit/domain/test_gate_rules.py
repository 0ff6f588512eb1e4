"""Rules of the gate that hold for whatever the evaluator may write."""

import copy
import dataclasses
import json
import math
import re
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.gate import Decision, GatePolicy, GateReason, Judgement, judge

from .evaluations import compared, evaluation, newest, part, variant

numbers = st.floats(-1, 1, allow_nan=False)
junk = st.one_of(st.just(math.nan), st.just(math.inf), st.none(), st.just("0.9"), st.booleans(), st.just(-math.inf))
rows = st.integers(0, 300)
SECRET = "Zorro"


@st.composite
def ends(draw: st.DrawFn) -> dict[str, float]:
    low, estimate, high = sorted((draw(numbers), draw(numbers), draw(numbers)))
    return {"low": low, "high": high, "estimate": estimate}


@st.composite
def evaluations(draw: st.DrawFn) -> dict[str, Any]:
    against = draw(st.sampled_from(["champion", "trivial"]))
    slices = [
        part(draw(st.sampled_from("ab")), rows=draw(rows), declared=draw(st.booleans()), name=SECRET)
        | {"difference": draw(st.one_of(st.none(), ends()))}
        for _ in range(draw(st.integers(0, 4)))
    ]
    fresh = {**newest(), "rows": draw(rows), "difference": draw(ends())}
    of_a_group = draw(rows)
    group = compared(*(draw(st.integers(0, of_a_group)) for _ in range(2)), rows=of_a_group)
    group["groups"] = [{**each, "name": SECRET} for each in group["groups"]]
    return evaluation(
        against,
        rows=draw(rows),
        **draw(ends()),
        parity=draw(st.sampled_from([0.0, 1e-6, 1e-4])),
        trivial_difference=draw(st.one_of(st.just({"low": 0.1, "estimate": 0.2, "high": 0.3}), ends())),
        newest=draw(st.sampled_from([None, fresh])),
        slices=slices,
        groups=draw(st.sampled_from([None, [group]])),
        formats=[variant("float32", 400.0), variant(micros=draw(st.floats(0, 500)), low=min(0.01, draw(numbers)))],
    )


policies = st.builds(
    GatePolicy,
    min_improvement=st.floats(0, 0.2),
    max_selection_gap=st.one_of(st.none(), st.floats(0, 1)),
    min_selection_ratio=st.one_of(st.none(), st.floats(0, 1)),
    sensitive=st.just(("sex",)),
)
attempts = st.integers(1, 300)


def numeric_places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in numeric_places(inner, (*way, key))]
    if isinstance(value, list):
        return [place for key, inner in enumerate(value) for place in numeric_places(inner, (*way, key))]
    return [way] if isinstance(value, int | float) and not isinstance(value, bool) else []


@given(evaluations(), policies, attempts)
def test_a_pass_keeps_every_rule(given_evaluation: dict[str, Any], policy: GatePolicy, attempt: int) -> None:
    judgement = judge(given_evaluation, policy, attempt)
    if judgement.decision is not Decision.PASS:
        assert judgement.format == "float32"
        return
    assert given_evaluation["rows"] >= policy.min_test_rows
    assert given_evaluation["parity"]["max_abs_error"] <= 1e-5
    difference, fresh = given_evaluation["difference"], given_evaluation["newest"]
    if difference["against"] == "champion":
        assert difference["low"] > policy.min_improvement
        assert given_evaluation["trivial_difference"]["low"] > 0
        if fresh and fresh["rows"] >= policy.min_test_rows:
            assert fresh["difference"]["low"] > -0.018
        falls = [
            each["difference"]["high"]
            for each in given_evaluation["slices"]
            if each["difference"] and each["rows"] >= policy.min_test_rows
        ]
        assert min(falls, default=0.0) >= -0.045
    else:
        assert difference["low"] > 0
    if policy.max_selection_gap is not None:
        rates = [group["selected"] / group["rows"] for group in given_evaluation["groups"][0]["groups"]]
        assert max(rates) - min(rates) <= policy.max_selection_gap


@given(evaluations(), policies, attempts, st.floats(0, 1))
def test_a_better_challenger_is_never_answered_worse(
    given_evaluation: dict[str, Any], policy: GatePolicy, attempt: int, by: float
) -> None:
    """An interval that lies higher keeps a pass, and never turns an open answer into a fail."""
    better = copy.deepcopy(given_evaluation)
    for end in ("low", "estimate", "high"):
        better["difference"][end] += by
    rank = [Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS]
    before, after = judge(given_evaluation, policy, attempt), judge(better, policy, attempt)
    assert rank.index(after.decision) >= rank.index(before.decision)


@given(evaluations(), policies, attempts, st.data())
def test_what_is_not_finite_never_helps(
    given_evaluation: dict[str, Any], policy: GatePolicy, attempt: int, data: st.DataObject
) -> None:
    """A number that decides, replaced by anything that is no finite number, never passes; others change nothing."""
    place = data.draw(st.sampled_from(numeric_places(given_evaluation)))
    broken = copy.deepcopy(given_evaluation)
    inner: Any = broken
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = data.draw(junk)
    before, after = judge(given_evaluation, policy, attempt), judge(broken, policy, attempt)
    assert before.decision is Decision.PASS or after.decision is not Decision.PASS
    if place[0] in ("difference", "rows", "trivial_difference") and place[-1] != "level":
        needed = given_evaluation["difference"]["against"] == "champion" or place[0] != "trivial_difference"
        assert not needed or after.decision is not Decision.PASS


@given(evaluations(), policies, st.randoms(use_true_random=False))
def test_the_order_of_slices_and_formats_does_not_matter(
    given_evaluation: dict[str, Any], policy: GatePolicy, random: Any
) -> None:
    mixed = copy.deepcopy(given_evaluation)
    random.shuffle(mixed["slices"])
    random.shuffle(mixed["formats"])
    assert judge(mixed, policy) == judge(given_evaluation, policy)


@given(evaluations(), policies, attempts)
def test_the_same_question_has_the_same_answer_and_nothing_is_changed(
    given_evaluation: dict[str, Any], policy: GatePolicy, attempt: int
) -> None:
    before = json.dumps(given_evaluation)
    first, again = judge(given_evaluation, policy, attempt), judge(given_evaluation, policy, attempt)
    assert first == again
    assert json.dumps(given_evaluation) == before


@given(evaluations(), policies, attempts)
def test_every_reason_is_a_sentence_with_a_known_code_and_without_anybodys_data(
    given_evaluation: dict[str, Any], policy: GatePolicy, attempt: int
) -> None:
    judgement = judge(given_evaluation, policy, attempt)
    assert judgement.reason_code in set(GateReason)
    assert re.fullmatch(r"[A-Z][^\n]+\.", judgement.reason)
    assert "XX" not in judgement.reason
    assert not re.search(r"\bnan\b|None|\binf\b|  ", judgement.reason)
    assert SECRET not in "".join(map(str, dataclasses.astuple(judgement)))


@given(evaluations(), policies, attempts, attempts)
def test_a_later_attempt_is_never_easier(
    given_evaluation: dict[str, Any], policy: GatePolicy, first: int, second: int
) -> None:
    early, late = sorted((first, second))
    if judge(given_evaluation, policy, late).decision is Decision.PASS:
        assert judge(given_evaluation, policy, early).decision is Decision.PASS


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=3)),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=5,
    ),
    st.data(),
)
def test_no_evaluation_however_wrong_is_more_than_an_answer(wrong: Any, data: st.DataObject) -> None:
    given_evaluation = evaluation(newest=newest(), slices=[part(high=0.1)], groups=[compared()], formats=[variant()])
    name = data.draw(st.sampled_from(sorted(given_evaluation)))
    policy = GatePolicy(max_selection_gap=0.9, min_selection_ratio=0.1, sensitive=("sex",))
    assert isinstance(judge(given_evaluation | {name: wrong}, policy), Judgement)


def test_trying_again_and_again_does_not_pass_by_luck() -> None:
    """200 equal challengers in a row, 20 times: each has one chance in forty by itself; counted, hardly any passes."""
    random = np.random.default_rng(3)
    alone, counted = 0, 0
    for _ in range(20):
        for number, estimate in enumerate((0.01 * random.normal(size=200)).tolist(), start=1):
            given_evaluation = evaluation(low=estimate - 0.0196, estimate=estimate, high=estimate + 0.0196)
            alone += judge(given_evaluation, GatePolicy()).decision is Decision.PASS
            counted += judge(given_evaluation, GatePolicy(), number).decision is Decision.PASS
    assert 70 <= alone <= 130  # of 4000
    assert counted <= 10  # 20 x 0.025 x (1 + 1/2 + ... + 1/200) = 2.9 are expected
