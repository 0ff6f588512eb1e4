"""The alarms that watch what serves: made with each release, before it takes requests, and silent until it does.

One table, from which names, dimensions, thresholds and descriptions come. Each looks at the release's own instances, or
at what the monitor says of its project. An alarm of an older release tells nothing of what serves now: its name says
which release it is of.

Data that misses counts as good everywhere but for lost traffic, where nothing coming is what rings; each description
says so. Most ring on several periods, so that a single bad one does nothing.
"""

from headgate.domain.alarms import Alarm, fleet, standing_name
from headgate.domain.rollout import ALARM_PERIOD, Wishes

_QUIET = " No data counts as good."


def standing_alarms(release: str, endpoint: str, wishes: Wishes) -> list[Alarm]:
    """The alarms that watch a release while it serves."""
    instances = fleet(endpoint, release)
    return [
        Alarm(
            standing_name(release, "errors"),
            f"More than {wishes.max_error_percent:g} % of the requests to {release} fail, in two of three minutes."
            f"{_QUIET}",
            "AWS/SageMaker",
            "Invocation5XXErrors",
            instances,
            "Average",
            wishes.max_error_percent / 100,
            ALARM_PERIOD,
            periods=3,
            ringing=2,
        ),
        Alarm(
            standing_name(release, "latency"),
            f"One in ten requests to {release} takes longer than {wishes.max_latency_ms:g} ms, in three of five "
            f"minutes.{_QUIET}",
            "AWS/SageMaker",
            "ModelLatency",
            instances,
            "p90",
            wishes.max_latency_ms * 1000,
            ALARM_PERIOD,
            periods=5,
            ringing=3,
        ),
    ]
