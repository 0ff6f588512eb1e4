"""A/B tests by labels that come later: who wins, who loses, and how seldom by chance."""

import random

import pytest

from headgate.domain.captures import Answered
from headgate.domain.contest import ALPHA, Contest, contest
from headgate.domain.stand import Stand
from headgate.domain.trial import stand_of_contest
from headgate.domain.verdict import Judgement, Share, Verdict


def answers(arm: str, labels: list[str]) -> list[Answered]:
    moments = (f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z" for number in range(len(labels)))
    return [
        Answered(f"{arm}-{number}", 1, moment, "", {"label": label})
        for number, (moment, label) in enumerate(zip(moments, labels, strict=True))
    ]


def labelled(*arms: list[Answered]) -> dict[tuple[str, int], str]:
    """All that was asked should have been answered yes."""
    return {(str(each.inference_id), each.number): "yes" for arm in arms for each in arm}


def outcome(wrong_new: int, wrong_old: int, rows: int = 400) -> Contest:
    new = answers("new", ["no"] * wrong_new + ["yes"] * (rows - wrong_new))
    old = answers("old", ["no"] * wrong_old + ["yes"] * (rows - wrong_old))
    return contest(new, old, [labelled(new, old)])


@pytest.mark.parametrize(
    ("new", "old", "better", "worse"),
    [(40, 100, True, False), (100, 40, False, True), (60, 62, False, False), (0, 0, False, False)],
)
def test_who_is_more_often_wrong_beyond_chance(new: int, old: int, better: bool, worse: bool) -> None:
    found = outcome(new, old)
    assert (found.is_better, found.is_worse) == (better, worse)
    assert found.document()["tried"] == {"rows": 400, "wrong": new}


def test_the_first_label_of_a_row_counts_and_a_row_of_both_for_neither() -> None:
    new, old = answers("new", ["no", "yes"]), answers("old", ["yes"])
    twice = answers("twice", ["yes"])
    files = [{("new-0", 1): "yes", ("twice-0", 1): "no"}, {("new-0", 1): "no", ("old-0", 1): "yes", ("gone", 1): "no"}]
    found = contest([*new, *twice], [*old, *twice], files)
    assert (found.worse.canary, found.worse.serving, found.rows) == (Share(1, 1), Share(1, 0), 1)
    assert contest(new, old, []).rows == 0


def test_amounts_are_wrong_that_are_further_off_than_half_of_those_before() -> None:
    def told(arm: str, errors: list[float]) -> list[Answered]:
        return [
            Answered(f"{arm}-{at}", 1, "2026-01-01T00:00:00Z", "", {"value": each}) for at, each in enumerate(errors)
        ]

    old, new = told("old", [1.0, 2.0, 3.0, 4.0]), told("new", [0.5, 0.5, 0.5, 9.0])
    found = contest(new, old, [{(str(each.inference_id), 1): "0" for each in (*old, *new)}])
    assert (found.worse.canary, found.worse.serving) == (Share(4, 1), Share(4, 2))


def test_looking_after_every_file_of_labels_crowns_an_equal_version_seldom() -> None:
    """Forty looks at one test: whether it ever wins or loses is what counts."""
    chance, wins, losses, tests = random.Random(17), 0, 0, 200
    for _ in range(tests):
        new, old = (answers(arm, [chance.choice(["yes", "yes", "yes", "no"]) for _ in range(400)]) for arm in "no")
        both = [*new, *old]
        chance.shuffle(both)
        found = contest(new, old, [labelled(both[at : at + 20]) for at in range(0, len(both), 20)])
        wins, losses = wins + found.is_better, losses + found.is_worse
    assert max(wins, losses) <= ALPHA * tests


GOOD, BAD, UNSURE = (
    Judgement(verdict, None, f"It is {verdict}.") for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
)


@pytest.mark.parametrize(
    ("metrics", "wrong", "over", "stand"),
    [
        (GOOD, (40, 100), False, Stand.PASSED),
        (GOOD, (100, 40), False, Stand.FAILED),
        (BAD, (40, 100), False, Stand.FAILED),
        (UNSURE, (40, 100), False, Stand.WATCHING),
        (UNSURE, (40, 100), True, Stand.HELD),
        (GOOD, (60, 60), False, Stand.WATCHING),
        (GOOD, (60, 60), True, Stand.HELD),
    ],
)
def test_when_an_ab_test_is_over(metrics: Judgement, wrong: tuple[int, int], over: bool, stand: Stand) -> None:
    assert stand_of_contest(metrics, outcome(*wrong), over=over)[0] == stand
