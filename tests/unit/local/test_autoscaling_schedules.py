"""When scheduled actions are due."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.api.errors import ApiError
from headgate_local.autoscaling import schedules


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-03-10T12:00:30")  # a Tuesday


@pytest.mark.parametrize(
    ("schedule", "timezone", "due"),
    [
        ("at(2026-03-10T13:00:00)", "UTC", "2026-03-10T13:00:00"),
        ("at(2026-07-10T13:00:00)", "Europe/Berlin", "2026-07-10T11:00:00"),
        ("at(2026-03-10T11:00:00)", "UTC", None),
        ("rate(1 minute)", "UTC", "2026-03-10T12:01:00"),
        ("rate(7 days)", "UTC", "2026-03-16T12:00:00"),
        ("cron(15 9 * * ? *)", "UTC", "2026-03-11T09:15:00"),
        ("cron(15 9 * * ? *)", "America/New_York", "2026-03-10T13:15:00"),
        ("cron(0 0 ? * MON *)", "UTC", "2026-03-16T00:00:00"),
        ("cron(0 8 L * ? *)", "UTC", "2026-03-31T08:00:00"),
        ("cron(0 8 1 1 ? 2025)", "UTC", None),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, timezone: str, due: str | None) -> None:
    schedules.check(schedule, timezone)
    first = at("2026-03-09T12:00:00")
    assert schedules.upcoming(schedule, timezone, first, NOW) == (at(due) if due else None)


def test_a_rate_begins_at_its_start() -> None:
    assert schedules.upcoming("rate(5 minutes)", "UTC", NOW + 90, NOW) == NOW + 90
    assert schedules.upcoming("rate(5 minutes)", "UTC", NOW + 90, NOW + 90) == NOW + 390


@given(count=st.integers(2, 500), unit=st.sampled_from(["minute", "hour", "day"]), passed=st.floats(0, 1e8))
def test_a_rate_comes_back_after_each_period(count: int, unit: str, passed: float) -> None:
    period = count * schedules.UNITS[unit]
    due = schedules.upcoming(f"rate({count} {unit}s)", "UTC", NOW, NOW + passed)
    assert due is not None
    assert NOW + passed < due <= NOW + passed + period + 1
    assert (due - NOW) % period == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    "schedule",
    [
        "every day",
        "rate(1 minutes)",
        "rate(0 minutes)",
        "rate(5 minute)",
        "rate(5 weeks)",
        "at(tomorrow)",
        "at(2026-13-01T00:00:00)",
        "cron(* * * * *)",
        "cron(0 8 1 * MON *)",
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ApiError, match="is not valid"):
        schedules.check(schedule, "UTC")


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ApiError, match="time zone Europe/Atlantis"):
        schedules.check("rate(2 days)", "Europe/Atlantis")
