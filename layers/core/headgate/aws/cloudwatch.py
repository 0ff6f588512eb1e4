"""CloudWatch as the control plane uses it: the alarms that guard a release, and what its instances measure."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from headgate.aws.errors import translated
from headgate.aws.tags import as_tags
from headgate.domain.alarms import NAMESPACE, TAKE_BACK, VARIANT, Alarm, AlarmNow, fleet, sequence_of
from headgate.domain.errors import NotFoundError
from headgate.domain.moments import written
from headgate.domain.standing_alarms import Composite
from headgate.domain.watch import Period, SlowLimits, Usual


class Alarms:
    """Alarms on the metrics of endpoints.

    `shared` is the client for what IAM allows on all alarms or on none: looking at them, combining them, and the tags
    of one that anybody may have made.
    """

    def __init__(self, client: Any, shared: Any) -> None:
        self._client = client
        self._shared = shared

    def ensure(self, alarm: Alarm, tags: Mapping[str, str]) -> None:
        """Make sure that the alarm is there as described; one that is there keeps its state."""
        with translated(f"make the alarm {alarm.name}"):
            self._client.put_metric_alarm(
                AlarmName=alarm.name,
                AlarmDescription=alarm.description,
                **(_metric(alarm) if alarm.over is None else {"Metrics": _quotient(alarm, alarm.over)}),
                EvaluationPeriods=alarm.periods,
                DatapointsToAlarm=alarm.ringing,
                Threshold=alarm.threshold,
                ComparisonOperator="LessThanThreshold" if alarm.below else "GreaterThanThreshold",
                TreatMissingData=alarm.missing,
                ActionsEnabled=alarm.active,
                Tags=as_tags(tags),
            )

    def combine(self, alarm: Composite, tags: Mapping[str, str]) -> None:
        """Make sure that a composite alarm is there as described; its parts are there before it."""
        with translated(f"make the alarm {alarm.name}"):
            self._shared.put_composite_alarm(
                AlarmName=alarm.name,
                AlarmDescription=alarm.description,
                AlarmRule=alarm.rule,
                ActionsEnabled=True,
                Tags=as_tags(tags),
            )

    def ringing(self, names: Sequence[str]) -> list[str]:
        """Which of these alarms are in ALARM."""
        return [alarm["AlarmName"] for alarm in self._find(names) if alarm["StateValue"] == "ALARM"]

    def now(self, name: str) -> AlarmNow | None:
        """How an alarm of any kind is now, or None when there is none of that name."""
        with translated(f"look at the alarm {name}"):
            found = self._shared.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        for each in [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]:
            # StateUpdatedTimestamp moves on while the state stays, as an alarm is evaluated otherwise; the API does not
            # promise the other one.
            since = written(each.get("StateTransitionedTimestamp") or each["StateUpdatedTimestamp"])
            return AlarmNow(each["StateValue"], since, each.get("ActionsEnabled", True))
        return None

    def active(self, names: Sequence[str]) -> dict[str, bool]:
        """Which of these alarms of any kind are there, and whether their actions are switched on."""
        found: dict[str, bool] = {}
        for at in range(0, len(names), 100):
            with translated("look at the alarms of a release"):
                answer = self._shared.describe_alarms(
                    AlarmNames=list(names[at : at + 100]), AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
                )
            every = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
            found |= {each["AlarmName"]: bool(each.get("ActionsEnabled", True)) for each in every}
        return found

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of an alarm; none of one that is gone."""
        try:
            with translated(f"list the tags of {arn}"):
                found = self._shared.list_tags_for_resource(ResourceARN=arn)
        except NotFoundError:
            return {}
        return {each["Key"]: each["Value"] for each in found["Tags"]}

    def retire(self, endpoint: str, before: int | None = None, champion: int | None = None) -> None:
        """Delete the alarms of an endpoint's releases, or of those before one, but for the champion's."""

        def old(name: str) -> bool:
            number = sequence_of(name, endpoint)
            return number is not None and (before is None or number < before) and number != champion

        self.delete(f"headgate-{endpoint}-r", old)

    def delete(self, prefix: str, which: Callable[[str], object] = bool) -> None:
        """Delete the alarms whose names begin so, or those `which` of them."""
        with translated(f"list the alarms of {prefix}"):
            pages = self._shared.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            found = [
                (kind, each["AlarmName"])
                for page in pages
                for kind in ("CompositeAlarms", "MetricAlarms")
                for each in page.get(kind, [])
                if which(each["AlarmName"])
            ]
        metrics = [name for kind, name in found if kind == "MetricAlarms"]
        # One composite alarm at a time, and what it looks at after it; one that is gone refuses its whole batch.
        batches = [[name] for kind, name in found if kind == "CompositeAlarms"]
        for batch in [*batches, *(metrics[at : at + 100] for at in range(0, len(metrics), 100))]:
            with translated("delete alarms that watch nothing any more"), suppress(NotFoundError):
                self._client.delete_alarms(AlarmNames=batch)

    def _find(self, names: Sequence[str]) -> list[dict[str, Any]]:
        if not names:
            return []  # without names CloudWatch would tell of every alarm of the account
        with translated("look at the alarms of a release"):
            found = self._shared.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"], MaxRecords=100)
        return list(found["MetricAlarms"])


class Measurements:
    """Metrics of the instances that serve one configuration of an endpoint, and the one that takes a release back."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def usual(self, endpoint: str, config: str, start: datetime, end: datetime, variant: str = VARIANT) -> Usual | None:
        """What latency is usual, roughly: means of the minutes' percentiles, by requests; None without requests."""
        wanted = {"requests": ("Invocations", "Sum"), "p50": ("ModelLatency", "p50"), "p99": ("ModelLatency", "p99")}
        minutes = [
            each
            for each in self._read(fleet(endpoint, config, variant), wanted, start, end, 60).values()
            if "p99" in each
        ]
        requests = sum(minute["requests"] for minute in minutes)
        if not requests:
            return None
        median, slowest = (sum(each["requests"] * each[name] for each in minutes) / requests for name in ("p50", "p99"))
        return Usual(median, slowest)

    def periods(
        self,
        endpoint: str,
        config: str,
        limits: SlowLimits,
        start: datetime,
        end: datetime,
        seconds: int,
        variant: str = VARIANT,
    ) -> dict[datetime, Period]:
        """What the instances did, in periods of so many seconds, by their beginning; periods without requests miss."""
        wanted = {
            "requests": ("Invocations", "Sum"),
            "errors": ("Invocation5XXErrors", "Sum"),
            "slow": ("ModelLatency", f"PR(:{limits.slow:.0f})"),
            "slowest": ("ModelLatency", f"PR(:{limits.slowest:.0f})"),
        }
        return {
            at: Period(
                round(found["requests"]),
                round(found.get("errors", 0.0)),
                found.get("slow", 100.0),
                found.get("slowest", 100.0),
            )
            for at, found in self._read(fleet(endpoint, config, variant), wanted, start, end, seconds).items()
            if found.get("requests")
        }

    def traffic(self, endpoint: str, start: datetime, end: datetime) -> dict[datetime, float]:
        """The requests to what serves on an endpoint, by the hours that had any; whatever served then."""
        variant = {"EndpointName": endpoint, "VariantName": VARIANT}
        found = self._read(variant, {"requests": ("Invocations", "Sum")}, start, end, 3600)
        return {at: hour["requests"] for at, hour in sorted(found.items()) if hour["requests"]}

    def take_back(self, release: str, *, wanted: bool) -> None:
        """Say whether the requests have to go back to the version before; the release's alarm listens."""
        datum = {
            "MetricName": TAKE_BACK,
            "Dimensions": _dimensions({"Release": release}),
            "Value": float(wanted),
            "StorageResolution": 1,
        }
        with translated(f"say how {release} does"):
            self._client.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    def _read(
        self,
        whose: Mapping[str, str],
        wanted: Mapping[str, tuple[str, str]],
        start: datetime,
        end: datetime,
        seconds: int,
    ) -> dict[datetime, dict[str, float]]:
        queries = [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": metric,
                        "Dimensions": _dimensions(whose),
                    },
                    "Period": seconds,
                    "Stat": statistic,
                },
            }
            for name, (metric, statistic) in wanted.items()
        ]
        found: dict[datetime, dict[str, float]] = {}
        with translated(f"read the metrics of {whose['EndpointName']}"):
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                        found.setdefault(at, {})[result["Id"]] = value
        return dict(sorted(found.items()))


def _metric(alarm: Alarm) -> dict[str, Any]:
    percentile = alarm.statistic.startswith("p")
    return {
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": _dimensions(alarm.dimensions),
        "ExtendedStatistic" if percentile else "Statistic": alarm.statistic,
        "Period": alarm.period,
    }


def _quotient(alarm: Alarm, over: str) -> list[dict[str, Any]]:
    def part(name: str, metric: str) -> dict[str, Any]:
        known = {"Namespace": alarm.namespace, "MetricName": metric, "Dimensions": _dimensions(alarm.dimensions)}
        stat = {"Metric": known, "Period": alarm.period, "Stat": alarm.statistic}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    quotient = {"Id": "quotient", "Expression": "above / below", "Label": alarm.name, "ReturnData": True}
    return [part("above", alarm.metric), part("below", over), quotient]


def _dimensions(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]
