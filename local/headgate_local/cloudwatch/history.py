"""What happened to alarms: the items that DescribeAlarmHistory answers."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable

from ministack.core.responses import AccountRegionScopedDict

from headgate_local.api.records import Record
from headgate_local.cloudwatch.queries import refuse

MOST = 5000
"""Items kept for one account and region; AWS keeps them for 30 days."""
PAGE = 50


class History:
    """The latest items of every account and region."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._items: dict[str, deque[tuple[int, Record]]] = AccountRegionScopedDict()
        self._count = 0
        self._lock = threading.Lock()

    def add(self, alarm: Record, kind: str, summary: str, data: Record) -> None:
        """Note something of a kind: StateUpdate, ConfigurationUpdate or Action."""
        item = {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
            "Timestamp": self._clock(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
        with self._lock:
            kept = self._items.get("items")
            if kept is None:
                kept = self._items["items"] = deque(maxlen=MOST)
            self._count += 1
            kept.append((self._count, item))

    def state_update(self, alarm: Record, previous: Record) -> None:
        """Note a transition; ``previous`` and the alarm are as DescribeAlarms shows them."""
        summary = f"Alarm updated from {previous['StateValue']} to {alarm['StateValue']}"
        data = {"version": "1.0", "oldState": _state(previous), "newState": _state(alarm)}
        self.add(alarm, "StateUpdate", summary, data)

    def page(self, request: Record) -> Record:
        """DescribeAlarmHistory; raises InvalidNextToken."""
        with self._lock:
            items = list(self._items.get("items") or ())
        types = request.get("AlarmTypes") or ["MetricAlarm"]
        chosen = [
            (number, item)
            for number, item in items
            if item["AlarmName"] == request.get("AlarmName", item["AlarmName"])
            and item["AlarmType"] in types
            and item["HistoryItemType"] == request.get("HistoryItemType", item["HistoryItemType"])
            and request.get("StartDate", 0) <= item["Timestamp"] <= request.get("EndDate", float("inf"))
        ]
        ascending = request.get("ScanBy") == "TimestampAscending"
        if not ascending:
            chosen.reverse()
        if (token := request.get("NextToken")) is not None:
            if not token.isdigit():
                raise refuse("InvalidNextToken", f"Invalid NextToken : {token}")
            chosen = [each for each in chosen if (each[0] >= int(token) if ascending else each[0] <= int(token))]
        size = request.get("MaxRecords", PAGE)
        more = {"NextToken": str(chosen[size][0])} if len(chosen) > size else {}
        return {"AlarmHistoryItems": [item for _, item in chosen[:size]], **more}


def _state(alarm: Record) -> Record:
    state = {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}
    if alarm.get("StateReasonData"):
        try:
            state["stateReasonData"] = json.loads(alarm["StateReasonData"])
        except ValueError:
            state["stateReasonData"] = alarm["StateReasonData"]
    return state
