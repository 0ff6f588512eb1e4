"""CloudWatch as the control plane uses it: the alarms that guard a release."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.aws.errors import translated
from headgate.domain.alarms import VARIANT, Alarm
from headgate.domain.rollout import ALARM_PERIOD


class Alarms:
    """Alarms on the metrics of endpoints."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ensure(self, alarm: Alarm, tags: Mapping[str, str]) -> None:
        """Make sure that the alarm is there as described; one that is there keeps its state."""
        percentile = alarm.statistic.startswith("p")
        dimensions = {"EndpointName": alarm.endpoint, "VariantName": VARIANT, "EndpointConfigName": alarm.config}
        with translated(f"make the alarm {alarm.name}"):
            self._client.put_metric_alarm(
                AlarmName=alarm.name,
                AlarmDescription=alarm.description,
                Namespace="AWS/SageMaker",
                MetricName=alarm.metric,
                Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
                **{"ExtendedStatistic" if percentile else "Statistic": alarm.statistic},
                Period=ALARM_PERIOD,
                EvaluationPeriods=1,
                Threshold=alarm.threshold,
                ComparisonOperator="GreaterThanThreshold",
                TreatMissingData="notBreaching",
                Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
            )

    def ringing(self, names: Sequence[str]) -> list[str]:
        """Which of these alarms are in ALARM."""
        return [alarm["AlarmName"] for alarm in self._find(names) if alarm["StateValue"] == "ALARM"]

    def remove(self, names: Sequence[str]) -> None:
        """Delete those of these alarms that there are, at most 100; DeleteAlarms refuses all when one is missing."""
        if found := [alarm["AlarmName"] for alarm in self._find(names)]:
            with translated("delete alarms that watch nothing any more"):
                self._client.delete_alarms(AlarmNames=found)

    def _find(self, names: Sequence[str]) -> list[dict[str, Any]]:
        if not names:
            return []  # without names CloudWatch would tell of every alarm of the account
        with translated("look at the alarms of a release"):
            found = self._client.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"], MaxRecords=100)
        return list(found["MetricAlarms"])
