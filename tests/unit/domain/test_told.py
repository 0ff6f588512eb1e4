"""What captured answers tell of a release: tables of answers, and what may never condemn it."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domain.captures import Answered
from headgate.domain.told import UNUSUAL, WRONG, Told


def answers(*given: Any, of: str = "x", minute: int = 0) -> list[Answered]:
    """Rows answered one after the other, six in a minute; classes are texts, amounts numbers."""
    return [
        Answered(
            f"{of}{at}",
            1,
            f"2026-01-01T{minute // 60 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z",
            f"{of}{at}",
            {"label": each} if isinstance(each, str) else {"value": each},
        )
        for at, each in enumerate(given)
    ]


def classes(number: int, yes: float, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["yes" if chance.random() < yes else "no" for _ in range(number)]


def amounts(number: int, middle: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(middle, 1.0) for _ in range(number)]


SAME, OTHER = classes(400, 0.3, 1), classes(400, 0.9, 2)
NEAR, FAR = amounts(400, 10, 1), amounts(400, 14, 2)


@pytest.mark.parametrize(
    ("told", "signal"),
    [
        (Told(answers(*OTHER), answers(*SAME)), "answers yes"),
        (Told(answers(*SAME), answers(*OTHER)), "answers no"),
        (Told(answers(*OTHER), past=answers(*SAME)), "answers yes"),
        (Told(answers(*FAR), answers(*NEAR)), UNUSUAL),
        (Told(answers(*FAR), past=answers(*NEAR)), UNUSUAL),
    ],
    ids=["more of one", "more of the other", "since", "amounts", "amounts since"],
)
def test_answers_that_are_others_condemn_a_release(told: Told, signal: str) -> None:
    judgement = told.worse()
    assert judgement is not None
    assert judgement.signal == signal
    assert signal in judgement.reason


@pytest.mark.parametrize(
    "told",
    [
        Told(),
        Told(answers(*OTHER)),
        Told(past=answers(*SAME)),
        Told(answers(*classes(400, 0.3, 3)), answers(*SAME)),
        Told(answers(*classes(400, 0.38, 3)), answers(*SAME)),
        Told(answers(*classes(400, 0.45, 3)), past=answers(*SAME)),
        Told(answers(*OTHER[:5]), answers(*SAME)),
        Told(answers(*amounts(400, 10, 3)), answers(*NEAR)),
        Told(answers(*FAR), answers(*NEAR[:9])),
    ],
    ids=["nothing", "nothing before", "not asked", "alike", "a little else", "else later", "few", "near", "unknown"],
)
def test_answers_that_prove_nothing_condemn_nobody(told: Told) -> None:
    assert told.worse() is None


def truths(rows: list[Answered], right: float, seed: int) -> dict[tuple[str, int], str]:
    chance = random.Random(seed)
    return {
        (str(row.inference_id), row.number): str(row.label)
        if chance.random() < right
        else ("no" if row.label == "yes" else "yes")
        for row in rows
    }


@pytest.mark.parametrize(("right", "condemned"), [(0.9, False), (0.85, False), (0.4, True)])
def test_labels_tell_how_often_answers_are_wrong(right: float, condemned: bool) -> None:
    new, old = answers(*SAME, of="n"), answers(*classes(400, 0.3, 4), of="o")
    judgement = Told(new, old, labels=truths(new, right, 5) | truths(old, 0.9, 6)).worse()
    assert (judgement is not None) is condemned
    assert judgement is None or judgement.signal == WRONG


@pytest.mark.parametrize(("off", "condemned"), [(0.1, False), (3.0, True)])
def test_amounts_are_wrong_by_more_than_was_usual(off: float, condemned: bool) -> None:
    new, old = answers(*NEAR, of="n"), answers(*NEAR, of="o")
    labels = {(f"o{at}", 1): str(value + random.Random(at).gauss(0, 0.2)) for at, value in enumerate(NEAR)}
    labels |= {(f"n{at}", 1): str(value + off) for at, value in enumerate(NEAR)}
    judgement = Told(new, old, labels=labels).worse()
    assert (judgement is not None and judgement.signal == WRONG) is condemned


def test_a_label_that_is_no_number_says_nothing_of_an_amount() -> None:
    rows = answers(*NEAR, of="n")
    told = Told(rows, answers(*NEAR, of="o"), labels={("n1", 1): "much", ("o1", 1): "little"})
    assert WRONG not in told.evidence


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_a_version_that_answers_alike_stays(seed: int, yes: float) -> None:
    new, old = answers(*classes(300, yes, seed)), answers(*classes(300, yes, seed + 20_000))
    assert Told(new, old).worse() is None


def test_who_asks_the_same_again_and_again_is_answered_once() -> None:
    def repeated(answer: str) -> list[Answered]:
        return [replace(each, asked="the same") for each in answers(*[answer] * 400)]

    assert Told(repeated("yes"), repeated("no")).worse() is None
    assert Told(repeated("yes"), past=repeated("no")).worse() is None
    seen = Told([*repeated("yes"), *answers(*SAME)], [*repeated("no"), *answers(*SAME)]).evidence["answers yes"]
    assert (seen.canary.requests, seen.serving.requests) == (401, 401)
