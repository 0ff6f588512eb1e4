"""What follows when an alarm changes: history, events on the default bus, and actions."""

import contextvars
import logging
import queue
import threading
from collections.abc import Callable

from ministack.core.arn import parse_arn

from headgate_local.api.errors import unsupported
from headgate_local.api.records import Record
from headgate_local.cloudwatch import messages
from headgate_local.cloudwatch.history import History
from headgate_local.cloudwatch.queries import refuse

logger = logging.getLogger("headgate.cloudwatch")

Action = Callable[[str, Record, str], None]
Send = Callable[[str, Record, str], None]
"""Sends an event: its detail type, its detail, the ARN of the alarm."""

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
"""The member that lists the actions of a state."""
STATE = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
"""The members that a new configuration leaves as they are."""
GRACE_SECONDS = 1.0
REPEATED = "autoscaling"
"""The service whose actions are carried out again and again while the state lasts."""


class Courier:
    """Does one thing after the other in a thread of its own, which does not outlive the process.

    Not an executor: Python waits for the threads of those at its end, and an action may be waiting for an answer of
    this very cloud, which has gone by then.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._errands: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, call: Callable[..., object], *arguments: object) -> None:
        """Call this after everything that was submitted before; it must not raise."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._errands.put(lambda: call(*arguments))

    def close(self) -> None:
        """Do nothing more, and wait a moment for what is being done."""
        self._closed = True
        self._errands.put(None)
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS)

    def _run(self) -> None:
        while (errand := self._errands.get()) is not None and not self._closed:
            errand()


class Consequences:
    """Events go out one after the other from a thread of their own, and so do actions, which may take their time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.history = History(clock)
        self.actions: dict[str, Action] = {}
        self.send: Send = lambda _kind, _detail, _arn: None
        self._events = Courier("cloudwatch-events")
        self._acting = Courier("cloudwatch-actions")

    def close(self) -> None:
        """End both threads; what waits to be told has nobody to hear it any more."""
        self._acting.close()
        self._events.close()

    def check_actions(self, request: Record) -> None:
        """Refuse actions that nobody carries out here: ValidationError or UnsupportedOperationException."""
        for arn in (arn for member in ACTIONS.values() for arn in request.get(member, [])):
            if not arn.startswith("arn:") or arn.count(":") < 5:
                raise refuse("ValidationError", f"Invalid arn syntax: {arn}")
            if parse_arn(arn).service not in self.actions:
                raise unsupported(f"the alarm action {arn}")

    def configured(self, alarm: Record, operation: str, before: Record | None) -> None:
        """An alarm was made, changed or removed: the operation is create, update or delete."""
        verb = f"{operation}d"
        shown = {name: value for name, value in alarm.items() if name not in STATE}
        data = {"version": "1.0", "type": operation.capitalize(), f"{verb}Alarm": shown}
        self.history.add(alarm, "ConfigurationUpdate", f'Alarm "{alarm["AlarmName"]}" {verb}', data)
        self._event(
            messages.CONFIGURATION_CHANGE, messages.configuration_change(alarm, operation, before), alarm["AlarmArn"]
        )

    def moved(self, alarm: Record, before: Record) -> None:
        """An alarm changed its state."""
        self.history.state_update(alarm, before)
        self._event(messages.STATE_CHANGE, messages.change(alarm, messages.state(before)), alarm["AlarmArn"])

    def act(self, alarm: Record, before: Record, only_repeated: bool = False) -> bool:
        """Carry out the actions of an alarm's state; answers whether some are to be repeated while it lasts."""
        actions = alarm[ACTIONS[alarm["StateValue"]]]
        repeated = [arn for arn in actions if parse_arn(arn).service == REPEATED]
        shown = alarm | {messages.PREVIOUS: messages.state(before)}
        for arn in repeated if only_repeated else actions:
            self._acting.submit(contextvars.copy_context().run, self._carry_out, arn, shown)
        return bool(repeated)

    def _event(self, kind: str, detail: Record, arn: str) -> None:
        self._events.submit(contextvars.copy_context().run, self._send, kind, detail, arn)

    def _send(self, kind: str, detail: Record, arn: str) -> None:
        try:
            self.send(kind, detail, arn)
        except Exception:
            logger.exception("The event %s of %s could not be sent", kind, arn)

    def _carry_out(self, arn: str, alarm: Record) -> None:
        try:
            self.actions[parse_arn(arn).service](arn, alarm, alarm["StateValue"])
        except Exception as error:
            logger.warning("The action %s of the alarm %s failed: %s", arn, alarm["AlarmName"], error)
            summary, outcome = f'Failed to execute action {arn}. Received error: "{error}"', "Failed"
        else:
            summary, outcome = f"Successfully executed action {arn}", "Succeeded"
        data = {
            "actionState": outcome,
            "stateUpdateTimestamp": int(alarm["StateUpdatedTimestamp"] * 1000),
            "notificationResource": arn,
        }
        self.history.add(alarm, "Action", summary, data)
