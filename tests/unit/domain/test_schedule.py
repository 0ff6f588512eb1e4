"""Cron: what is read, what is refused, and when something was due last."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from headgate.domain.schedule import Cron

NOW = datetime(2026, 11, 28, 12, 7, 30, tzinfo=UTC)  # a Saturday
HOUR, YEAR = timedelta(hours=1), timedelta(days=366)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("* * * * *", "2026-11-28T12:07"),
        ("*/15 * * * *", "2026-11-28T12:00"),
        ("5-59/2 * * * *", "2026-11-28T12:07"),
        ("30/10 * * * *", "2026-11-28T11:50"),
        ("0 3 * * mon", "2026-11-23T03:00"),
        ("0 3 * * 1-5", "2026-11-27T03:00"),
        ("0 0 * * 7", "2026-11-22T00:00"),
        ("0 0 1 jan *", "2026-01-01T00:00"),
        ("0 12 1,28 * *", "2026-11-28T12:00"),
        ("0 0 1 * tue", "2026-11-24T00:00"),  # either of the two fits
        ("0 0 */7 * *", "2026-11-22T00:00"),
        ("0 3 * * fri-sun", "2026-11-28T03:00"),
        ("0 3 * * sun", "2026-11-22T03:00"),
        ("0 0 29 feb *", None),  # in a leap year, and 2026 is none
        ("0 0 31 4 mon", "2026-04-27T00:00"),
    ],
)
def test_when_it_was_due_last(text: str, due: str | None) -> None:
    expected = datetime.fromisoformat(f"{due}+00:00") if due else None
    assert Cron.parse(text).last(NOW, YEAR) == expected


def test_what_is_longer_ago_than_one_looks_back_is_over() -> None:
    assert Cron.parse("7 11 * * *").last(NOW, HOUR) is None
    assert Cron.parse("8 11 * * *").last(NOW, HOUR) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 3 * * ? *", "five fields"),
        ("60 * * * *", "minute '60' is not between 0 and 59"),
        ("* * 0 * *", "day '0' is not between 1 and 31"),
        ("* 22-4 * * *", "hour '22-4' ends before it begins: write two ranges"),
        ("* 5-24 * * *", "hour '5-24' is not between 0 and 23"),
        ("0 0 30 feb *", "day '30' never comes in the month 'feb'"),
        ("0 0 31 apr,jun *", "day '31' never comes"),
        ("* * * foo *", "month 'foo' cannot be read"),
        ("*/0 * * * *", "minute '*/0' is not"),
        ("*/x * * * *", "minute '*/x' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_field(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        Cron.parse(text)
