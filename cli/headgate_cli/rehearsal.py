"""A project as a rehearsal finds it: asks its endpoint, breaks what serves, and waits for what comes of it."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from headgate.domain.alarms import standing_name
from headgate.domain.incidents import Action, Incident
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate_cli import faults
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.prediction import gone
from headgate_cli.rollouts import endpoint_of
from headgate_cli.rows import Instances, Row
from headgate_cli.runs import Artifacts, Records, RunRef
from headgate_cli.timeline import Timeline
from headgate_cli.waiting import eventually

REQUESTS_PER_SECOND = 10
_MOST_ROWS = 2000
_IN_A_ROW = 5
"""Answers, one after the other, after which an endpoint counts as answering again."""
_Seen = TypeVar("_Seen")


@dataclass
class Rehearsal:
    """Where a scene is played: a project with something in service, the rows that it is asked, and the timeline."""

    cloud: Cloud
    project: Project
    instances: Sequence[Row]
    timeline: Timeline
    timeout: float
    _known: set[str] = field(init=False)

    def __post_init__(self) -> None:
        """Remember the incidents of before: what comes from here on is of this rehearsal."""
        self._known = {each.incident for each in self.incidents()}

    def champion(self) -> Release:
        """The release that serves."""
        release = Records(self.cloud).ledger.serving(self.project)
        if release is None:
            raise UsageError(
                f"Nothing of {self.project.tenant}/{self.project.name} serves: `headgate drop` a dataset first."
            )
        return release

    def incidents(self) -> list[Incident]:
        """What the ledger says of this project's incidents, the oldest first."""
        return sorted(Records(self.cloud).ledger.incidents(self.project), key=lambda each: each.seen_at)

    def new_incidents(self) -> list[Incident]:
        """The incidents that came since the rehearsal began."""
        return [each for each in self.incidents() if each.incident not in self._known]

    def note(self, kind: str, text: str, at: str | None = None) -> None:
        """Add a moment to the timeline."""
        self.timeline.note(kind, text, at)

    @contextmanager
    def requests(self, change: Callable[[Row], Row] = dict, at_once: int = 1) -> Iterator[None]:
        """Ask the endpoint all the time, `at_once` rows in a request, each changed before it is sent."""
        over = threading.Event()
        thread = threading.Thread(target=self._ask, args=(over, change, at_once), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _ask(self, over: threading.Event, change: Callable[[Row], Row], at_once: int) -> None:
        rows = cycle(self.instances)
        while not over.wait(1 / REQUESTS_PER_SECOND):
            self.timeline.request(answered=self.answers([change(dict(row)) for row in islice(rows, at_once)]))

    def answers(self, rows: Iterable[Row] = ()) -> bool:
        """Whether the endpoint answers a request about these rows, or about one of the rehearsal's."""
        body = json.dumps({"instances": list(rows) or [self.instances[0]]})
        try:
            asked = self.cloud.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=self.project.endpoint, ContentType="application/json", Body=body
            )
            return bool(asked["Body"].read())
        except (ClientError, BotoCoreError):
            return False

    @contextmanager
    def broken(self, kind: str, action: str, settings: dict[str, str]) -> Iterator[None]:
        """Let something go wrong with the endpoint: really on the local cloud, and on a stack, where nobody can make
        SageMaker fail, by setting the alarm of that kind.
        """
        if not self.cloud.is_local:
            self.ring([standing_name(self.champion().name, kind)])
            yield
            return
        fault = faults.add(self.cloud, action, self.project.endpoint, settings)
        try:
            yield
        finally:
            faults.clear(self.cloud, fault["id"])

    def ring(self, alarms: Iterable[str], state: str = "ALARM") -> None:
        """Set the state of alarms."""
        client = self.cloud.client("cloudwatch")
        for name in alarms:
            client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="A rehearsal rings it.")

    def threshold(self, kind: str) -> float:
        """Above what the alarm of a kind that watches the champion rings."""
        name = standing_name(self.champion().name, kind)
        found = self.cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if not found:
            raise UsageError(f"There is no alarm {name}: what serves was released before there were such alarms.")
        return float(found[0]["Threshold"])

    def answered_incident(self, kind: str, number: int = 1) -> Incident:
        """The `number`th incident of a kind about which something was done, once all is done; told as it goes on."""
        acted = [Action.ROLLBACK, Action.RETRAIN, Action.ROLLBACK_THEN_RETRAIN, Action.PAGE]

        def look() -> Incident | None:
            of_kind = [each for each in self.new_incidents() if each.kind == kind and each.action in acted]
            return of_kind[number - 1] if len(of_kind) >= number else None

        found = self.until(look, f"an answer to the {kind} alarm")
        self.note("alarm", f"the alarm {found.alarm} rings", found.at)
        self.note("headgate", f"decided: {found.action}. {found.reason}", found.decided_at)

        def ended() -> Incident | None:
            known = Records(self.cloud).ledger.incident(self.project, found.incident)
            return known if known is not None and known.ended else None

        over = self.until(ended, f"the end of incident {found.incident}")
        back = Records(self.cloud).ledger.release(self.project, over.rollback) if over.rollback else None
        if back is not None and back.in_service_at:
            self.note("endpoint", f"release {back.sequence} serves, version {back.version} again", back.in_service_at)
        self.note("headgate", f"{over.outcome}. {over.done}", over.ended_at)
        return over

    def well_again(self) -> None:
        """Wait until the endpoint answers, several times in a row."""
        self.until(lambda: True if all(self.answers() for _ in range(_IN_A_ROW)) else None, "an endpoint that answers")
        self.note("endpoint", "it answers")

    def until(self, look: Callable[[], _Seen | None], what: str) -> _Seen:
        """Look until there is something to see. Raises CommandError when it takes longer than the rehearsal may."""
        seen = eventually(self.cloud, look, self.timeout)
        if seen is None:
            raise CommandError(f"{what.capitalize()} was not seen within {self.timeout:.0f} seconds (--timeout).")
        return seen

    def look_at_requests(self) -> None:
        """Ask the monitor to look now, which it does every few minutes by itself."""
        described = self.cloud.client("cloudformation").describe_stack_resource(
            StackName=self.cloud.stack, LogicalResourceId="OnMonitoringDue"
        )
        name = described["StackResourceDetail"]["PhysicalResourceId"]
        self.cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({}))


def instances_of(cloud: Cloud, project: Project, rows: Iterable[Row]) -> list[Row]:
    """Rows of a file, as what serves takes them.

    Raises:
        UsageError: when nothing serves, or no row is given.
        CommandError: when the endpoint is gone.
    """
    champion = Records(cloud).ledger.head(project).champion
    spec: dict[str, Any] | None = Artifacts(cloud).spec(RunRef(project, champion.dataset)) if champion else None
    if spec is None:
        raise UsageError(f"Nothing of {project.tenant}/{project.name} serves: `headgate drop` a dataset first.")
    if endpoint_of(cloud, project) is None:
        raise CommandError(gone(project))
    take = Instances(spec["columns"])
    made = [take.instance(number, row) for number, row in enumerate(islice(rows, _MOST_ROWS), start=1)]
    if not made:
        raise UsageError("There is nothing to ask the endpoint: the file has no rows.")
    return made
