"""The alarms of a release, on the values that an endpoint really sends."""

from headgate.domain.alarms import alarm_names, alarms_of
from headgate.domain.names import Project
from headgate.domain.rollout import Wishes


def test_the_share_of_failed_requests_is_compared_with_a_share() -> None:
    errors, *_ = alarms_of("demo-iris-r2", "demo-iris", Wishes(max_error_percent=2.0))
    one_in_ten = [0.0] * 9 + [1.0]  # a 1 for each failed invocation, otherwise a 0
    assert errors.statistic == "Average"
    assert sum(one_in_ten) / len(one_in_ten) > errors.threshold  # AWS's example asks for more than 1, which never is
    assert errors.threshold > 1 / 100


def test_the_latency_is_compared_in_microseconds() -> None:
    _, latency, _ = alarms_of("demo-iris-r2", "demo-iris", Wishes(max_latency_ms=250))
    assert (latency.metric, latency.statistic, latency.threshold) == ("ModelLatency", "p90", 250_000)


def test_alarms_look_at_the_new_instances_alone() -> None:
    errors, latency, verdict = alarms_of("demo-iris-r2", "demo-iris", Wishes())
    instances = {"EndpointName": "demo-iris", "VariantName": "main", "EndpointConfigName": "demo-iris-r2"}
    assert errors.dimensions == latency.dimensions == instances
    assert (verdict.namespace, verdict.dimensions) == ("Headgate", {"Release": "demo-iris-r2"})


def test_the_watch_is_listened_to_as_soon_as_alarms_can() -> None:
    *_, verdict = alarms_of("demo-iris-r2", "demo-iris", Wishes())
    assert (verdict.period, verdict.statistic, verdict.threshold) == (10, "Maximum", 0)


def test_names_of_alarms_fit_however_long_a_project_is_called() -> None:
    longest = Project("t" * 18, "p" * 30).release_name(999_999)
    assert all(len(name) <= 255 and name.startswith("headgate-") for name in alarm_names(longest))
