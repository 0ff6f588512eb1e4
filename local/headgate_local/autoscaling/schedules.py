"""When a scheduled action is due: ``at(...)``, ``rate(...)`` and ``cron(...)``, as pure functions of time."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headgate_local.api.errors import invalid
from headgate_local.seams import scaling as seam

UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def check(schedule: str, timezone: str) -> None:
    """Raise ValidationException for a schedule or a time zone that does not exist."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid(f"The time zone {timezone} is not known.") from None
    if not (_at(schedule) or _rate(schedule) or seam.is_cron(schedule)):
        raise invalid(
            f"The schedule expression {schedule} is not valid: give at(yyyy-mm-ddThh:mm:ss), "
            "rate(value minutes|hours|days) or cron(minutes hours day-of-month month day-of-week year)."
        )


def upcoming(schedule: str, timezone: str, first: float, after: float) -> float | None:
    """The next time (seconds since 1970) later than ``after``, or None if there is none.

    ``first`` is when a rate begins: at its StartTime, or when the action was made.
    """
    if moment := _at(schedule):
        due = moment.replace(tzinfo=ZoneInfo(timezone)).timestamp()
        return due if due > after else None
    if period := _rate(schedule):
        if after < first:
            return first
        return first + ((after - first) // period + 1) * period
    found = seam.next_cron(schedule, datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(timezone)))
    return found.timestamp() if found else None


def _at(schedule: str) -> datetime | None:
    found = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\)", schedule)
    try:
        return datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _rate(schedule: str) -> int | None:
    """The seconds of a rate; AWS wants the unit in the singular for 1 and in the plural else."""
    found = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", schedule)
    if found is None or (found[1] == "1") == bool(found[3]):
        return None
    return int(found[1]) * UNITS[found[2]]
