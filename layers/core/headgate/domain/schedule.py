"""Times that come again, written as five fields of cron in UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month, at most."""
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. As in cron, a day fits if either of day and weekday does, where both are given."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Read `minute hour day month weekday`: numbers, names of months and weekdays, `*`, lists, ranges and steps.

        Raises:
            ValueError: saying which field cannot be read, or that it never comes.
        """
        fields = text.lower().split()
        if len(fields) != len(_FIELDS):
            raise ValueError("write five fields: minute, hour, day, month, weekday, such as `0 3 * * mon`")
        read = [_read(field, *known) for field, known in zip(fields, _FIELDS, strict=True)]
        weekdays = frozenset(day % 7 for day in read[4])
        if fields[2] != "*" and fields[4] == "*" and min(read[2]) > max(_LONGEST[month] for month in read[3]):
            raise ValueError(f"the day {fields[2]!r} never comes in the month {fields[3]!r}")
        return cls(read[0], read[1], read[2], read[3], weekdays, fields[2] == "*", fields[4] == "*")

    def last(self, now: datetime, back: timedelta) -> datetime | None:
        """The latest minute at which it was due, `now` included and no longer ago than `back`; None when it was not."""
        moment = now.replace(second=0, microsecond=0)
        while now - moment <= back:
            if moment.minute in self.minutes and moment.hour in self.hours and self._fits(moment):
                return moment
            moment -= timedelta(minutes=1)
        return None

    def _fits(self, moment: datetime) -> bool:
        day, weekday = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        fits = day and weekday if self.any_day or self.any_weekday else day or weekday
        return fits and moment.month in self.months


def _read(field: str, what: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    values: set[int] = set()
    for item in field.split(","):
        span, slash, step = item.partition("/")
        first, dash, last = span.partition("-")
        try:
            begin = low if span == "*" else _number(first, names)
            end = high if span == "*" or (slash and not dash) else _number(last, names) if dash else begin
            every = int(step) if slash else 1
        except ValueError:
            raise ValueError(f"the {what} {item!r} cannot be read") from None
        if what == "weekday" and last == "sun":
            end = high  # at the end of a range a Sunday is that of the week
        if low <= end < begin <= high:
            raise ValueError(f"the {what} {item!r} ends before it begins: write two ranges, with a comma between")
        if not (low <= begin <= end <= high and every >= 1):
            raise ValueError(f"the {what} {item!r} is not between {low} and {high}")
        values.update(range(begin, end + 1, every))
    return frozenset(values)


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text) if text in names and text else int(text)
