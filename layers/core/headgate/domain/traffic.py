"""What the record of an endpoint's requests tells of the future: whether machines are worth it, and what is too few."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from headgate.domain.scaling import Scaling, unscalable
from headgate.domain.standing_alarms import Patience

Traffic = Callable[[str, datetime, datetime], Mapping[datetime, float]]
"""Tells an endpoint's requests in each hour that had any; see `Measurements.traffic`."""
_RECORD_HOURS = 168
"""The record is a week's, for no day of the week is like another."""
_LEAST_HOURS, _LEAST_REQUESTS = 24, 20
"""A day of hours, each with so many requests, makes a traffic that can be lost."""
_LOST = 10
"""A tenth of the quietest hour is lost traffic."""
LITTLE = 1000
"""Requests of the busiest hour up to which a project has little traffic. Below it a machine idles, and a first request
after a pause waits seconds; above it pauses are rare, and what machines have (capture, guarded releases) is worth more.
"""


def record_of(endpoint: str, traffic: Traffic, now: datetime, *, has_champion: bool) -> tuple[list[float], int]:
    """The requests of each hour of the last week that had any, and how many whole hours there are since the first.

    An hour counts once it is over. Where nothing of the project was ever crowned, there is no record.
    """
    if not has_champion:
        return [], 0
    end = now.replace(minute=0, second=0, microsecond=0)
    found = traffic(endpoint, end - timedelta(hours=_RECORD_HOURS), end)
    known = int((end - min(found)).total_seconds()) // 3600 if found else 0
    return list(found.values()), known


def is_little(hours: Sequence[float]) -> bool:
    """Whether so many requests in each hour of the record are so few that no machine is worth it."""
    return max(hours, default=0) <= LITTLE


def chosen_patience(
    settings: Mapping[str, Any],
    hours: Sequence[float],
    known_hours: int,
    scaling: Scaling,
    instance_type: str,
    *,
    serverless: bool,
) -> Patience:
    """When the alarms of a release ring, where `endpoint.alarms` of project.yaml does not say all of it.

    Traffic that came hour by hour can be lost: below a tenth of its quietest hour the alarm rings. Instances cost more
    than they should when they are more than scaling may ever add.

    Args:
        settings: `endpoint.alarms`; what it says holds.
        hours: the requests of each hour of the record that had any.
        known_hours: how many whole hours the record could have.
        scaling: what the project asks for.
        instance_type: what the release runs on.
        serverless: whether no instances serve it.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if "requests_per_hour" not in given:
        steady = len(hours) >= known_hours >= _LEAST_HOURS and min(hours) >= _LEAST_REQUESTS
        given["requests_per_hour"] = int(min(hours)) // _LOST if steady else 0
    if "max_instances" not in given and scaling.enabled and not serverless and unscalable(instance_type) is None:
        given["max_instances"] = max(bounds.high for bounds in scaling.every_bounds)
    return Patience.of(given)
