"""What is measured: values by metric and second, kept within bounds."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ministack.core.responses import get_account_id, get_region

from headgate_local.cloudwatch.statistics import Distribution

Dimensions = tuple[tuple[str, str], ...]
FINE = 3 * 3600
"""Seconds for which values are kept by the second, as on AWS; older ones are kept by the minute."""
KEPT = 15 * 24 * 3600
"""Seconds after which a value is forgotten, as on AWS those of one minute are."""
MOST = 20_000
"""Different values of one metric that are kept; with more, the older ones go by the minute, and the oldest go."""
PAST, FUTURE = 14 * 24 * 3600, 2 * 3600
"""Seconds that a value may be old or early; others are refused, as on AWS."""
SWEEP = 3600
"""Seconds between two looks at metrics that nobody measures any more, such as those of a release that is gone."""
BUSY = 900
"""Seconds that such a metric keeps by the second."""


class Metric(NamedTuple):
    """What names a metric; a metric of other dimensions is another one."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions
    """Sorted by name."""


def metric(namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
    """A metric of the request's account and region."""
    sorted_dimensions = tuple(sorted(dimensions.items())) if len(dimensions) > 1 else tuple(dimensions.items())
    return Metric(get_account_id(), get_region(), namespace, name, sorted_dimensions)


Arrival = Callable[[Metric, float], None]
"""Called with a metric and the time of its new value."""


class _Series:
    """All values of one metric in one unit, by the second (or minute) in which they were seen."""

    __slots__ = ("buckets", "sized_at")

    def __init__(self) -> None:
        self.buckets: dict[int, Distribution] = {}
        self.sized_at = 0

    def bucket(self, second: int, now: float) -> Distribution:
        found = self.buckets.get(second)
        if found is None:
            if len(self.buckets) - self.sized_at > 60:
                self.shrink(now)
            found = self.buckets.setdefault(second, Distribution())
        return found

    def shrink(self, now: float) -> None:
        """Keep less of what is old, and nothing of what is too old."""
        if sum(len(each.values or ()) for each in self.buckets.values()) <= MOST:
            self._roll_up(now - FINE)
        else:
            self._roll_up(now - BUSY)
        for second in [second for second in self.buckets if second < now - KEPT]:
            del self.buckets[second]
        size = sum(len(each.values or ()) for each in self.buckets.values())
        for second in sorted(self.buckets):
            if size <= MOST:
                break
            size -= len(self.buckets.pop(second).values or ())
        self.sized_at = len(self.buckets)

    def _roll_up(self, before: float) -> None:
        for second in [second for second in self.buckets if second < before and second % 60]:
            whole = self.buckets.setdefault(second - second % 60, Distribution())
            whole.merge(self.buckets.pop(second))
            whole.compact()


class Metrics:
    """All metrics of all accounts and regions. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._series: dict[Metric, dict[str, _Series]] = {}
        self._lock = threading.Lock()
        self._next_sweep = clock() + SWEEP
        self._watched: set[Metric] = set()
        self._arrived: Arrival = lambda _metric, _at: None

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        at: float | None = None,
    ) -> None:
        """Note one value, now or at a time (seconds since 1970), in the account and region of this context.

        One that is no number (the loss of a training that diverged) is passed over: CloudWatch has none of these.
        """
        if not math.isfinite(value):
            return
        key = metric(namespace, name, dimensions)
        now = self._clock()
        at = now if at is None else at
        with self._lock:
            self._bucket(key, unit, at, now).add(value)
        if key in self._watched:
            self._arrived(key, at)

    def put_counts(self, key: Metric, counts: Iterable[tuple[float, float]], unit: str, at: float | None) -> None:
        """Note values with how often each occurred."""
        now = self._clock()
        at = now if at is None else at
        with self._lock:
            bucket = self._bucket(key, unit, at, now)
            for value, count in counts:
                bucket.add(value, count)
        if key in self._watched:
            self._arrived(key, at)

    def put_set(
        self, key: Metric, count: float, total: float, low: float, high: float, unit: str, at: float | None
    ) -> None:
        """Note a statistic set."""
        now = self._clock()
        at = now if at is None else at
        with self._lock:
            self._bucket(key, unit, at, now).add_set(count, total, low, high)
        if key in self._watched:
            self._arrived(key, at)

    def by_period(
        self,
        key: Metric,
        period: int,
        start: float,
        end: float,
        unit: str | None = None,
        first: int = 0,
        with_values: bool = True,
    ) -> dict[int, Distribution]:
        """What is known from ``start`` until before ``end``, in one unit or in all, by the start of each period.

        One of the periods starts at ``first``. Without the values, which only percentiles need, it is quicker.
        """
        periods: dict[int, Distribution] = {}
        with self._lock:
            by_unit = self._series.get(key, {})
            chosen = list(by_unit.values()) if unit is None else [by_unit[unit]] if unit in by_unit else []
            for series in chosen:
                for second in _seconds(series.buckets, start, end):
                    at = second - (second - first) % period
                    if (whole := periods.get(at)) is None:
                        whole = periods[at] = Distribution()
                    whole.merge(series.buckets[second], with_values)
        return periods

    def listing(self, since: float) -> list[Metric]:
        """The metrics of this context's account and region that have a value since then."""
        here = (get_account_id(), get_region())
        with self._lock:
            return [
                key
                for key, by_unit in self._series.items()
                if (key.account, key.region) == here
                and any(second >= since for series in by_unit.values() for second in series.buckets)
            ]

    def units(self, key: Metric) -> list[str]:
        """The units in which a metric was measured."""
        with self._lock:
            return list(self._series.get(key, {}))

    def takes(self, at: float) -> bool:
        """Whether a value of this time is neither too old nor too early."""
        now = self._clock()
        return now - PAST <= at <= now + FUTURE

    def on_arrival(self, watched: set[Metric], call: Arrival) -> None:
        """From now on call when a value of one of these metrics arrives; the call must not block."""
        self._watched, self._arrived = watched, call

    def _bucket(self, key: Metric, unit: str, at: float, now: float) -> Distribution:
        by_unit = self._series.get(key)
        if by_unit is None:
            if now >= self._next_sweep:
                self._sweep(now)
            by_unit = self._series[key] = {}
        series = by_unit.get(unit)
        if series is None:
            series = by_unit[unit] = _Series()
        return series.bucket(int(at), now)

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + SWEEP
        for key, by_unit in list(self._series.items()):
            for unit, series in list(by_unit.items()):
                series.shrink(now)
                if not series.buckets:
                    del by_unit[unit]
            if not by_unit:
                del self._series[key]


def _seconds(buckets: dict[int, Distribution], start: float, end: float) -> Iterator[int]:
    """The seconds of a stretch that have something, by the shorter of two ways to find them."""
    if end - start < len(buckets):
        first = int(start) if start == int(start) else int(start) + 1
        yield from (second for second in range(first, int(end) + 1) if second < end and second in buckets)
    else:
        yield from (second for second in buckets if start <= second < end)
