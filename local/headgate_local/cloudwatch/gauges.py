"""Figures that nobody publishes by itself: the lengths of queues, read while an alarm watches them."""

from collections.abc import Callable, Iterable, Mapping

from headgate_local.cloudwatch.metrics import Metric, Metrics

NAMESPACE = "AWS/SQS"
QUEUES = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
"""Metrics of a queue, by the attribute that they are."""
EVERY = 5
"""Seconds between two readings; AWS publishes every minute."""


class Gauges:
    """Puts the lengths of watched queues. ``figures`` reads those of one queue, None if there is no such queue."""

    def __init__(self, metrics: Metrics, figures: Callable[[Metric], Mapping[str, float] | None]) -> None:
        self._metrics, self._figures = metrics, figures
        self._due = 0.0

    def read(self, now: float, watched: Iterable[Metric]) -> float | None:
        """Read the queues among the watched metrics if it is time; answers when the next reading is due."""
        queues = {
            metric._replace(name="")
            for metric in watched
            if metric.namespace == NAMESPACE and metric.name in QUEUES and [*dict(metric.dimensions)] == ["QueueName"]
        }
        if not queues:
            return None
        if now >= self._due:
            self._due = now - now % EVERY + EVERY
            for queue in queues:
                for name, value in (self._figures(queue) or {}).items():
                    self._metrics.put_counts(queue._replace(name=name), [(value, 1.0)], "Count", now)
        return self._due
