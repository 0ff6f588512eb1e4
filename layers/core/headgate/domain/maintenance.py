"""Maintenance windows: times of the week, in UTC, in which nothing is done about alarms."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?:(\w{3}) )?(\d\d):(\d\d)-(\d\d):(\d\d)")


def ends_of_window(windows: Iterable[str], now: datetime) -> datetime | None:
    """When the windows end that it is in now, the latest of them; None outside of all.

    A window that ends before it begins goes on until the next day; its day is the one on which it begins.
    """
    ends = [end for window in windows if (end := _end(window, now)) is not None]
    return max(ends, default=None)


def _end(window: str, now: datetime) -> datetime | None:
    parts = _WINDOW.fullmatch(window)
    if parts is None:
        return None
    day, *times = parts.groups()
    from_hour, from_minute, to_hour, to_minute = (int(each) for each in times)
    for back in (0, 1):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=back)
        begin = midnight + timedelta(hours=from_hour, minutes=from_minute)
        end = midnight + timedelta(hours=to_hour, minutes=to_minute)
        end = end if end > begin else end + timedelta(days=1)
        if begin <= now < end and day in (None, _DAYS[midnight.weekday()]):
            return end
    return None
