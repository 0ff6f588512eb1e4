"""Cheating challengers, really trained on real rows, against a champion of clean rows; see `benchmarks.poison`."""

import pytest
from benchmarks.poison import ATTACKS, Arena


@pytest.fixture(scope="module", params=[("healthcare", 0), ("finance", 1)], ids=["healthcare", "finance"])
def arena(request: pytest.FixtureRequest) -> Arena:
    return Arena(*request.param)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_cheating_challenger_does_not_pass(arena: Arena, attack: str) -> None:
    answer = arena.judged(attack)
    assert answer["decision"] != "pass", answer
    if attack == "shuffled":
        assert answer["estimate"] < 0
