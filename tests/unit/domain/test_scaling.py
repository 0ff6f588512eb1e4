"""How many instances serve: what a project asks for, and what a release leaves behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import SettingsError
from headgate.domain.project_file import parse_settings
from headgate.domain.scaling import Bounds, Scaling, keep, unscalable

SCHEDULE = {"cron": "0 7 ? * MON-FRI *", "min": 4, "max": 8}
M5 = "ml.m5.large"
counts = st.integers(1, 100)


@pytest.mark.parametrize(
    ("settings", "count", "bounds"),
    [
        ({}, 1, (1, 2)),
        ({}, 3, (3, 6)),
        ({"min": 1}, 3, (1, 3)),
        ({"min": 2, "max": None}, 1, (2, 4)),
        ({"min": 1, "max": 9}, 2, (1, 9)),
    ],
)
def test_bounds_follow_from_what_is_said(settings: dict[str, int], count: int, bounds: tuple[int, int]) -> None:
    assert Scaling.of(settings, count).bounds == Bounds(*bounds)


def test_what_project_yaml_says_is_what_is_asked_for() -> None:
    text = b"endpoint: {scaling: {min: 2, max: 8, schedules: [{cron: '0 7 ? * MON-FRI *', min: 4, max: 8}]}}"
    settings = parse_settings(text).endpoint
    asked = Scaling.of(settings.scaling.model_dump(), settings.instance_count)
    assert asked.every_bounds == [Bounds(2, 8), Bounds(4, 8)]
    assert asked == Scaling.of({"min": 2, "max": 8, "schedules": [SCHEDULE]}, 1)
    assert Scaling.of(parse_settings(b"").endpoint.scaling.model_dump(), 1) == Scaling.of({}, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scaling: {min: 3, max: 2}", "scaling.max must not be less"),
        ("instance_count: 3, scaling: {max: 2}", "scaling.max must not be less"),
        ("scaling: {schedules: [{cron: '0 7 * * *', min: 1, max: 2}]}", "endpoint.scaling.schedules.0.cron"),
        ("scaling: {schedules: [{cron: '0 7 ? * MON-FRI *', min: 3, max: 2}]}", "max of a schedule"),
        ("scaling: {schedules: [{cron: '0 7 ? * MON-FRI *', min: 1, max: 2, timezone: 'x y'}]}", "timezone"),
        ("scaling: {invocations_per_minute: 0}", "endpoint.scaling.invocations_per_minute"),
    ],
)
def test_bounds_that_cannot_be_are_refused(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(f"endpoint: {{{text}}}".encode())
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("serving", "known", "kept"),
    [
        (1, None, Bounds(1, 2)),
        (2, Bounds(1, 2), Bounds(1, 2)),
        (5, Bounds(4, 8), Bounds(4, 8)),  # a schedule set them, and nothing but a schedule ends them
        (2, Bounds(1, 50), Bounds(1, 2)),  # what the project asked for once
        (5, Bounds(1, 2), Bounds(1, 5)),  # somebody scaled out by hand; no release scales in
    ],
)
def test_a_release_leaves_bounds_behind_that_take_nothing_away(
    serving: int, known: Bounds | None, kept: Bounds
) -> None:
    assert keep(Scaling.of({"schedules": [SCHEDULE]}, 1), M5, serving, known).bounds == kept


@given(counts, counts, counts, st.builds(Bounds, counts, counts) | st.none())
def test_no_release_takes_an_instance_away(low: int, more: int, serving: int, known: Bounds | None) -> None:
    kept = keep(Scaling.of({"min": low, "max": low + more}, low), M5, serving, known)
    assert kept.bounds is not None
    assert serving <= kept.bounds.high >= kept.bounds.low == low


def test_why_something_does_not_scale_is_said() -> None:
    assert "switched scaling off" in keep(Scaling.of({"enabled": False}, 1), M5, 1, None).reason
    burstable = keep(Scaling.of({}, 1), "ml.t2.medium", 1, None)
    assert burstable.bounds is None
    assert burstable.reason.startswith("AWS does not scale burstable instances such as ml.t2.medium")
    assert unscalable(M5) is None
    assert keep(Scaling.of({}, 1), M5, 1, None).reason == (
        "1 to 2 instances, so that each takes some 3000 requests in a minute."
    )


def test_another_time_or_other_bounds_are_another_action() -> None:
    schedules = [SCHEDULE, {**SCHEDULE, "max": 9}, {**SCHEDULE, "timezone": "Europe/Berlin"}]
    names = [each.name for each in Scaling.of({"schedules": [*schedules, SCHEDULE]}, 1).schedules]
    assert len(set(names)) == 3
    assert names[0] == names[3]
