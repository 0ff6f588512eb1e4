"""The alarms of the local CloudWatch: what there is, which state it is in, and when it is looked at."""

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from headgate_local.api.records import Record
from headgate_local.cloudwatch import composite
from headgate_local.cloudwatch.clock import Clock
from headgate_local.cloudwatch.composite import Node, Parser
from headgate_local.cloudwatch.consequences import ACTIONS, STATE, Action, Consequences
from headgate_local.cloudwatch.definition import Definition, define
from headgate_local.cloudwatch.evaluation import INSUFFICIENT_DATA
from headgate_local.cloudwatch.judgement import judge, moment
from headgate_local.cloudwatch.metrics import Metric, Metrics
from headgate_local.cloudwatch.queries import refuse
from headgate_local.cloudwatch.suppression import Suppression

logger = logging.getLogger("headgate.cloudwatch")

Watcher = Callable[[str, str, str], None]
Gauges = Callable[[float, set[Metric]], float | None]

REPEAT_SECONDS = 60
"""How often an action of autoscaling is repeated while the state lasts, as on AWS."""
AGAIN_SECONDS = 60
"""After how long an alarm is looked at again that could not be evaluated."""


@dataclass
class _Entry:
    """An alarm: its record, and what is needed to look at it from any thread."""

    record: Record
    context: contextvars.Context
    """Of the account and region that it lives in."""
    definition: Definition | None = None
    rule: Node | None = None
    """Of a composite alarm, where ``definition`` is None."""
    suppression: Suppression = field(default_factory=Suppression)
    before: Record = field(default_factory=dict)
    """The record before its last transition."""
    due: float = 0.0
    boundary: float = 0.0
    """When the last period that was looked at had ended."""
    held: float = 0.0
    """Until when a state that was set by hand stays."""
    repeat: float = float("inf")
    changed: list[str] = field(default_factory=list)
    """Of a composite alarm: the ARNs of the children that changed since it did, the newest first."""


class Alarms:
    """All alarms, metric and composite, of all accounts and regions; a call sees those of its context."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time, threaded: bool = True) -> None:
        self.metrics = metrics
        self.consequences = Consequences(clock)
        self.actions: dict[str, Action] = self.consequences.actions
        """What carries out an action, by the service part of its ARN; given the action's ARN, the alarm as
        DescribeAlarms shows it (with ``messages.PREVIOUS`` besides), and its new state. May take its time."""
        self.metric_alarms: dict[str, Record] = AccountRegionScopedDict()
        self.composite_alarms: dict[str, Record] = AccountRegionScopedDict()
        self.tags: dict[str, dict[str, str]] = {}
        """Tags by ARN."""
        self.parse_rule: Parser | None = None
        """Reads the rule of a composite alarm; raises ValueError with what is wrong."""
        self.gauges: Gauges = lambda _now, _watched: None
        """Puts what nobody publishes by itself, before alarms are looked at; answers when it is due again."""
        self._now = clock
        self._entries: dict[str, _Entry] = {}
        self._watchers: list[Watcher] = []
        self._watched: set[Metric] = set()
        self._arrived: dict[Metric, float] = {}
        """The oldest time of the values that arrived since the last look, by metric."""
        self._arriving = threading.Lock()
        self._told: list[tuple[str, str, str]] = []
        self._moving: set[str] = set()
        """The ARNs of those whose transition is under way, one because of the other."""
        self._lock = threading.RLock()
        self._clock = Clock(self.tick, clock)
        self._threaded = threaded

    # What the API and other services ask

    def state(self, name: str) -> str | None:
        """OK, ALARM or INSUFFICIENT_DATA; None if there is no such alarm."""
        record = self.find(name)
        return str(record["StateValue"]) if record else None

    def find(self, name: str) -> Record | None:
        """The record of the alarm with this name or ARN."""
        if name.startswith("arn:"):
            entry = self._entries.get(name)
            return entry.record if entry else None
        return self.metric_alarms.get(name) or self.composite_alarms.get(name)

    def describe(self, names: list[str]) -> list[Record]:
        """The alarms of these names that exist, as DescribeAlarms shows them."""
        return [dict(record) for name in names if (record := self.find(name)) is not None]

    def tagged(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """Every alarm's ARN and its tags."""
        for record in [*self.metric_alarms.values(), *self.composite_alarms.values()]:
            tags = self.tags.get(record["AlarmArn"], {})
            yield record["AlarmArn"], [{"Key": key, "Value": value} for key, value in tags.items()]

    def watch(self, callback: Watcher) -> Callable[[], None]:
        """Call on each transition from now on with the alarm's name, its old and its new state, until the function
        that this answers is called. The callback must not block."""
        self._watchers.append(callback)

        def unwatch() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return unwatch

    def put(self, request: Record) -> None:
        """PutMetricAlarm: make an alarm, or give one a new configuration and leave its state.

        Raises:
            ApiError: ValidationError and its kin for what AWS refuses, UnsupportedOperationException for what only
                AWS has.
        """
        definition = define(request)
        self.consequences.check_actions(request)
        named: Record = {} if "Metrics" in request else {"Dimensions": []}
        self._store(self.metric_alarms, named | request, definition=definition)

    def put_composite(self, request: Record) -> None:
        """PutCompositeAlarm; raises as ``put`` does."""
        assert self.parse_rule is not None, "The local cloud installs it."
        self.consequences.check_actions(request)
        try:
            rule = self.parse_rule(request["AlarmRule"])
        except ValueError as error:
            raise refuse("ValidationError", str(error)) from error
        suppression = Suppression.of(request)
        named = dict.fromkeys([*composite.references(rule), *filter(None, [suppression.suppressor])])
        if missing := [alarm_arn(name) for name in named if self.find(name) is None]:
            raise refuse(
                "ValidationError",
                f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist",
            )
        self._store(self.composite_alarms, request, rule=rule, suppression=suppression)

    def delete(self, names: list[str]) -> None:
        """DeleteAlarms; unknown names are passed over.

        Raises:
            ApiError: ValidationError while a composite alarm needs one of them.
        """
        with self._lock:
            composites = [name for name in dict.fromkeys(names) if name in self.composite_alarms]
            if len(composites) > 1:
                raise refuse(
                    "ValidationError",
                    f"Cannot delete [{len(composites)}] Composite Alarms as only one composite alarm delete is allowed "
                    "in single request",
                )
            for name in names:
                if any(self._parents(alarm_arn(name))):
                    raise refuse(
                        "ValidationError", f"Cannot delete {name} as there are composite alarm(s) depending on it."
                    )
            for name in dict.fromkeys(names):
                record = self.metric_alarms.pop(name, None) or self.composite_alarms.pop(name, None)
                if record is not None:
                    del self._entries[record["AlarmArn"]]
                    self.tags.pop(record["AlarmArn"], None)
                    self.consequences.configured(record, "delete", None)
            self._look_out()

    def set_state(self, name: str, value: str, reason: str, reason_data: str | None = None) -> None:
        """SetAlarmState: for a minute, or the alarm's period if that is shorter; then it is evaluated again.

        A composite alarm stays so until one of its children changes. Raises ResourceNotFound.
        """
        with self._lock:
            record = self.find(name)
            if record is None:
                raise refuse("ResourceNotFound", f"Alarm {name} does not exist")
            entry = self._entries[record["AlarmArn"]]
            if entry.definition is not None:
                entry.held = self._now() + entry.definition.step
            self._move(entry, value, reason, reason_data, self._now())
        self._tell()
        self._wake()

    def enable(self, names: list[str], enabled: bool) -> None:
        """EnableAlarmActions and DisableAlarmActions; unknown names are passed over."""
        with self._lock:
            for record in [record for name in names if (record := self.find(name)) is not None]:
                if record["ActionsEnabled"] != enabled:
                    before = dict(record)
                    record |= {"ActionsEnabled": enabled, "AlarmConfigurationUpdatedTimestamp": self._now()}
                    self.consequences.configured(record, "update", before)

    def close(self) -> None:
        """End the clock and what follows from it."""
        self._clock.close()
        self.consequences.close()

    # The clock

    def tick(self, now: float) -> float | None:
        """Look at every alarm that is due or has new data; answers when the next one is due, None for never."""
        times = [self.gauges(now, self._watched)]
        with self._arriving:
            arrived, self._arrived = self._arrived, {}
        for arn, entry in list(self._entries.items()):
            if now >= entry.due or _matters(entry, arrived):
                self._look_safely(arn, entry, now)
            times.append(entry.due)
        self._tell()
        return min((time for time in times if time is not None and time != float("inf")), default=None)

    def _look_safely(self, arn: str, entry: _Entry, now: float) -> None:
        """Look at one alarm; whatever goes wrong with it, those after it are looked at too."""
        try:
            entry.context.copy().run(self._look, arn, entry, now)
        except Exception:
            logger.exception("The alarm %s could not be evaluated", arn)
            entry.due = now + AGAIN_SECONDS

    def _look(self, arn: str, entry: _Entry, now: float) -> None:
        with self._lock:
            if self._entries.get(arn) is not entry:
                return
            if entry.definition is None:
                if entry.suppression.ends(now, entry.record):
                    self._act(entry, now)
                entry.due = entry.suppression.until or float("inf")
                return
            if now >= entry.held:
                found = judge(entry.definition, self.metrics, now, entry.record["StateValue"])
                if found is not None:
                    self._move(entry, found.state, found.reason, found.reason_data, now)
            if now >= entry.repeat:
                self._act(entry, now, only_repeated=True)
            entry.boundary = now - now % entry.definition.step
            entry.due = min(entry.boundary + entry.definition.step, entry.repeat)

    # Changes

    def _store(self, table: dict[str, Record], request: Record, **parts: Any) -> None:
        name, arn, now = request["AlarmName"], alarm_arn(request["AlarmName"]), self._now()
        wanted: Record = {"ActionsEnabled": True, **{member: [] for member in ACTIONS.values()}, **request}
        tags = {tag["Key"]: tag["Value"] for tag in wanted.pop("Tags", [])}
        with self._lock:
            before = self.find(name)
            if before is not None and name not in table:
                raise refuse("ValidationError", f"There is an alarm {name} of the other type already.")
            state = {member: before[member] for member in STATE if member in before} if before else _initial(now)
            record = {**wanted, **state, "AlarmArn": arn, "AlarmConfigurationUpdatedTimestamp": now}
            table[name] = record
            if (known := self._entries.get(arn)) is not None:  # what the state brings goes on with it
                parts |= {"before": known.before, "held": known.held, "repeat": known.repeat}
            entry = self._entries[arn] = _Entry(record, contextvars.copy_context(), **parts)
            if before is None and tags:  # an update ignores them, as on AWS
                self.tags[arn] = tags
            self.consequences.configured(record, "create" if before is None else "update", before)
            if entry.rule is not None:
                verb = "created and its" if before is None else "updated and its new"
                state_now = composite.state_of(entry.rule, self.state)
                self._weigh(entry, now, f"{arn} was {verb} alarm rule evaluates to {state_now}")
            self._look_out()
        self._tell()
        self._wake()

    def _move(self, entry: _Entry, state: str, reason: str, reason_data: str | None, now: float) -> None:
        """Put an alarm into a state, and let follow what follows if it is another one."""
        record, before = entry.record, dict(entry.record)
        record |= {"StateReason": reason, "StateValue": state, "StateUpdatedTimestamp": now}
        record.pop("StateReasonData", None)
        if reason_data:
            record["StateReasonData"] = reason_data
        if before["StateValue"] == state:
            return
        record["StateTransitionedTimestamp"] = now
        entry.before = before
        entry.suppression.moved(now, record, self.state)
        self.consequences.moved(record, before)
        self._told.append((record["AlarmName"], before["StateValue"], state))
        self._act(entry, now)
        entry.due = min(entry.due, entry.suppression.until or entry.due)
        self._suppress(record, now)
        self._moving.add(record["AlarmArn"])
        for parent in list(self._parents(record["AlarmArn"])):
            self._child_changed(parent, record, now)
        self._moving.discard(record["AlarmArn"])

    def _child_changed(self, parent: _Entry, child: Record, now: float) -> None:
        arn = child["AlarmArn"]
        if parent.record["AlarmArn"] in self._moving:  # composite alarms in a circle: AWS stops there, too
            return
        parent.changed = [arn, *(other for other in parent.changed if other != arn)]
        at = datetime.fromtimestamp(now, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
        self._weigh(parent, now, f"{arn} transitioned to {child['StateValue']} at {at}")

    def _weigh(self, entry: _Entry, now: float, reason: str) -> None:
        """Evaluate a composite alarm's rule."""
        assert entry.rule is not None
        state = composite.state_of(entry.rule, self.state)
        if state == entry.record["StateValue"]:
            return
        named, entry.changed = entry.changed or [alarm_arn(name) for name in composite.references(entry.rule)], []
        children = [self._entries[arn].record for arn in dict.fromkeys(named) if arn in self._entries]
        triggering = [
            {
                "arn": child["AlarmArn"],
                "state": {"value": child["StateValue"], "timestamp": moment(child["StateUpdatedTimestamp"])},
            }
            for child in children
        ]
        data = json.dumps({"triggeringAlarms": triggering}, separators=(",", ":"))
        self._move(entry, state, reason, data, now)

    def _act(self, entry: _Entry, now: float, only_repeated: bool = False) -> None:
        """Carry out the actions of an alarm's state, unless they are off or held back."""
        entry.repeat = float("inf")
        if not entry.record["ActionsEnabled"] or entry.suppression.active:
            return
        if self.consequences.act(entry.record, entry.before, only_repeated):
            entry.repeat = now + REPEAT_SECONDS

    def _suppress(self, record: Record, now: float) -> None:
        """Let the composite alarms know whose suppressor this one is."""
        for other in self._entries.values():
            suppressor = other.suppression.suppressor
            if suppressor and other.context.copy().run(alarm_arn, suppressor) == record["AlarmArn"]:
                other.suppression.suppressor_moved(now, other.record, record["StateValue"])
                other.due = other.suppression.until or float("inf")

    def _tell(self) -> None:
        """Call the watchers, with no lock held: they may take what one holds who asks for a state."""
        with self._lock:
            told, self._told = self._told, []
        for transition in told:
            for watcher in list(self._watchers):
                watcher(*transition)

    def _parents(self, arn: str) -> Iterator[_Entry]:
        """The composite alarms whose rule speaks of an alarm of this context."""
        for entry in list(self._entries.values()):
            if entry.rule is not None and arn in {alarm_arn(name) for name in composite.references(entry.rule)}:
                yield entry

    def _look_out(self) -> None:
        """Watch for values of the metrics that alarms look at."""
        self._watched = {
            metric for entry in self._entries.values() if entry.definition for metric in entry.definition.metrics
        }
        self.metrics.on_arrival(self._watched, self._notice)

    def _notice(self, metric: Metric, at: float) -> None:
        with self._arriving:
            self._arrived[metric] = min(at, self._arrived.get(metric, at))
        self._clock.wake()

    def _wake(self) -> None:
        if self._threaded:
            self._clock.start()
            self._clock.wake()


def _matters(entry: _Entry, arrived: Mapping[Metric, float]) -> bool:
    """Whether new values can change an alarm's state before it is due again: late ones, or such as decide early."""
    definition = entry.definition
    if definition is None or arrived.keys().isdisjoint(definition.metrics):
        return False
    if definition.may_ring_early:
        return True
    return any(arrived.get(metric, entry.boundary) < entry.boundary for metric in definition.metrics)


def _initial(now: float) -> Record:
    return {
        "StateValue": INSUFFICIENT_DATA,
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
    }


def alarm_arn(name: str) -> str:
    """The ARN of an alarm of this context by its name or ARN."""
    return name if name.startswith("arn:") else f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
