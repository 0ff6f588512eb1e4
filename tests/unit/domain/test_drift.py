"""What a window says: moved only if chance does not explain it and it is large enough to matter."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.baseline import Baseline, Categories, Feature, Numbers, Seen
from headgate.domain.drift import Moved, judge_drift, stability_index
from headgate.domain.margins import Margins

NUMBERS = Numbers(edges=[10.0, 20.0, 30.0], counts=[250] * 4, low=0.0, high=40.0, median=20.0)
AGE = Feature("age", "age", "value", 1000, 0, NUMBERS)
WARD = Feature("ward", "ward", "value", 1000, 0, Categories({"B1": 600, "B2": 300, "C1": 100}, once=0, rest=0))
ANSWERS = replace(AGE, name="ill", column="ill")
AS_BEFORE = Seen(1000, 0, [250, 250, 250, 250], median=20.0)
WARDS_AS_BEFORE = Seen(1000, 0, {"B1": 600, "B2": 300, "C1": 100})


UNIT = "values look like another unit: about 1000 times what they were"
BEYOND = "99 % lie outside of everything seen in training"
NEW = "2 % have categories that training never saw: D4"


def judged(
    seen: Seen, feature: Feature = AGE, limits: Margins | None = None, importance: dict[str, float] | None = None
) -> Moved:
    baseline = Baseline(1000, [feature], ANSWERS, None, importance or {})
    [moved] = judge_drift(baseline, {feature.name: seen}, AS_BEFORE, limits).features
    return moved


def numbers(*counts: int, **more: object) -> Seen:
    return replace(Seen(sum(counts), 0, counts), **more)  # type: ignore[arg-type]


def wards(unknown: int = 0, names: tuple[str, ...] = (), **counts: int) -> Seen:
    return Seen(sum(counts.values()) + unknown, 0, counts, unknown=unknown, unknown_names=names)


@pytest.mark.parametrize(
    ("feature", "seen", "why"),
    [
        (AGE, AS_BEFORE, []),
        (WARD, WARDS_AS_BEFORE, []),
        (AGE, numbers(400, 300, 200, 100), ["the values moved"]),
        (AGE, numbers(260, 255, 245, 240), []),
        (AGE, numbers(45, 30, 15, 10), ["the values moved"]),
        (AGE, numbers(4, 3, 2, 1), []),  # so few rows may be chance
        (AGE, numbers(2900, 2600, 2400, 2100), []),  # sure, and too little to matter
        (AGE, numbers(0, 0, 0, 1000, beyond=(0, 990), median=20_000.0), [UNIT, BEYOND]),
        (AGE, numbers(0, 0, 0, 1000, beyond=(0, 990), median=500.0), ["the values moved", BEYOND]),
        (AGE, numbers(250, 250, 250, 270, beyond=(0, 20)), ["1.96 % lie outside of everything seen in training"]),
        (AGE, numbers(250, 250, 250, 252, beyond=(0, 2)), []),
        (WARD, wards(B1=300, B2=600, C1=100), ["the values moved"]),
        (WARD, wards(B1=640, B2=360), ["the values moved", "a category came no more: C1"]),
        (WARD, wards(B1=6, B2=3), []),
        (WARD, wards(B1=590, B2=290, C1=100, unknown=20, names=("D4",)), [NEW]),
        (WARD, wards(B1=600, B2=295, C1=100, unknown=5), []),  # too few to matter
    ],
)  # fmt: skip
def test_what_moved_and_why(feature: Feature, seen: Seen, why: list[str]) -> None:
    moved = judged(seen, feature)
    assert (moved.why, moved.drifted) == (why, bool(why))


def test_new_categories_are_usual_where_training_had_many_that_came_once() -> None:
    rare = {f"street {number}": 1 for number in range(300)}
    streets = replace(WARD, spread=Categories({"Main": 700, **rare}, once=300, rest=0))
    assert not judged(Seen(1000, 0, {"Main": 700, "street 1": 20}, unknown=280), streets).drifted
    assert judged(Seen(1000, 0, {"Main": 400}, unknown=600), streets).drifted


def test_nobody_knows_new_categories_where_not_all_old_ones_are_kept() -> None:
    places = replace(WARD, spread=Categories({"B1": 600}, once=5, rest=400))
    assert not judged(Seen(1000, 0, {"B1": 600}, unknown=0), places).drifted


@pytest.mark.parametrize(
    ("categories", "before", "now"), [(16, 100, 1000), (100, 1000, 200), (300, 1000, 10_000), (2000, 10_000, 10_000)]
)
def test_categories_that_stay_as_they_were_say_nothing(categories: int, before: int, now: int) -> None:
    random, said = np.random.default_rng(7), 0
    for _ in range(100):
        drawn = [random.multinomial(rows, np.full(categories, 1 / categories)) for rows in (before, now)]
        spread, counts = (
            Counter({str(at): count for at, count in enumerate(each.tolist()) if count}) for each in drawn
        )
        once, kept = sum(count == 1 for count in spread.values()), dict(spread.most_common(1000))
        feature = Feature("w", "w", "value", before, 0, Categories(kept, once, before - sum(kept.values())))
        seen = {name: count for name, count in counts.items() if name in kept}
        unknown = 0 if len(spread) > len(kept) else now - sum(seen.values())
        said += judged(Seen(now, 0, seen, unknown=unknown), feature).drifted
    assert said <= 1  # it is one in 500 at most


@pytest.mark.parametrize(("missing", "lacks"), [(0, False), (20, False), (40, False), (80, True), (1000, True)])
def test_missing_values_count_when_they_grow_by_more_than_the_limit(missing: int, lacks: bool) -> None:
    feature = replace(AGE, missing=10)
    seen = Seen(1000, missing, [(1000 - missing) // 4] * 4)
    moved = judged(seen, feature)
    assert (moved.lacks, moved.missing, moved.missing_before) == (lacks, missing / 1000, 0.01)


def test_a_project_sets_what_matters() -> None:
    seen = numbers(400, 300, 200, 100)
    assert not judged(seen, limits=Margins(psi=0.5)).drifted


def test_what_the_model_looks_at_stands_first() -> None:
    features = [replace(AGE, name=name, column=name) for name in ("idle", "vital", "calm")]
    baseline = Baseline(1000, features, ANSWERS, None, {"vital": 0.2, "idle": 0.0, "calm": 0.4})
    moved, still = numbers(400, 300, 200, 100), AS_BEFORE
    drift = judge_drift(baseline, {"idle": moved, "vital": moved, "calm": still}, moved)
    assert [(each.name, each.weight) for each in drift.features] == [("vital", 0.5), ("idle", 0.0), ("calm", 1.0)]
    assert drift.answers.drifted


def test_one_of_many_features_has_to_move_further_to_be_believed() -> None:
    seen = numbers(80, 50, 40, 30)
    alone = judged(seen)
    crowd = [AGE, *(replace(AGE, name=str(number), column=str(number)) for number in range(200))]
    still = {each.name: numbers(50, 50, 50, 50) for each in crowd}
    drift = judge_drift(Baseline(1000, crowd, ANSWERS, None), still | {"age": seen}, AS_BEFORE)
    among = next(each for each in drift.features if each.name == "age")
    assert among.chance > 50 * alone.chance


def test_a_feature_that_was_never_there_says_nothing() -> None:
    empty = Feature("age", "age", "value", 1000, 1000, Numbers([], [0], None, None, None))
    assert not judged(Seen(1000, 0, [1000]), empty).drifted
    assert not judged(Seen(0, 0, [0, 0, 0, 0])).drifted


@given(st.lists(st.integers(50, 1000), min_size=2, max_size=20))
def test_the_stability_index_of_the_same_shares_is_nothing(counts: list[int]) -> None:
    assert stability_index(counts, counts) == 0
    assert stability_index([3 * count for count in counts], counts) < 0.01


def test_the_stability_index_is_known_for_two_bins() -> None:
    # (0.5 - 0.2) ln(0.5 / 0.2) + (0.5 - 0.8) ln(0.5 / 0.8), of so many rows that chance takes nothing off
    assert stability_index([500_000, 500_000], [200_000, 800_000]) == pytest.approx(0.4159, abs=1e-3)
