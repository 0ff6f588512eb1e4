"""The road of a release: promotions, the functions behind them, the endpoint's events, and the end of their runs.

Everything that acts is the product's; what stands between its acts (retries, events, time that passes) is here.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from prove.recorder import acting

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.cloudwatch import Alarms
from headgate.aws.items import as_values
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunStarted
from headgate.aws.registry import Registry
from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Endpoints
from headgate.aws.sns import Topic
from headgate.aws.stepfunctions import Executions, Tasks
from headgate.aws.trials import Trials
from headgate.domain.alarms import standing_name
from headgate.domain.approval import PENDING
from headgate.domain.audit import Author
from headgate.domain.errors import ConflictError
from headgate.domain.incidents import BY_HAND, ENDPOINT, Incident, is_incident
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.rules import Rules
from headgate.domain.runs import Run
from headgate.domain.trial import Trial
from headgate.services.await_approval import AwaitApproval, await_approval
from headgate.services.close_incident import CloseIncident, close_incident
from headgate.services.close_run import CloseRun, close_run
from headgate.services.decide_response import DecideResponse, World, decide_response
from headgate.services.deploy_release import DeployRelease, Serving, deploy_release
from headgate.services.endpoint_changed import wake_promotion
from headgate.services.plan_release import PlanRelease, plan_release
from headgate.services.plan_rollback import PlanRollback, plan_rollback
from headgate.services.runs import Runs
from headgate.services.settle_release import SettleRelease, settle_release
from headgate.services.take_endpoint import TakeEndpoint, take_endpoint
from headgate.services.try_release import Trying, TryRelease, try_release
from headgate.services.version_changed import wake_approved

from .account import Account, Clients, DiedError, archive_of
from .machine import Promotion
from .scenario import Scenario
from .watching import watch

OWNER, IRIS = "ledger", Project("demo", "iris")
_MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:headgate-train"
_ROLE, _KEY = "arn:aws:iam::000000000000:role/headgate-tenant-demo-serving", "arn:aws:kms:::key/of-demo"
_CLOSINGS, _WAKINGS = 8, 3
"""How often train tries to close a run, and Lambda an event."""


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function: its calls are those from `first` to `last`."""

    function: str
    first: int
    last: int
    died: bool


@dataclass
class Road:
    """One way through a scenario; `account` is what it leaves behind. `acting` is the function that runs and its first
    call, `payload` what it was given.
    """

    clients: Clients
    account: Account
    scenario: Scenario
    invocations: list[Invocation] = field(default_factory=list)
    acting: tuple[str, int] = ("", 0)
    payload: dict[str, Any] = field(default_factory=dict)
    promotions: list[Promotion] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clients.account = self.account
        self.ledger = Ledger(self.clients["dynamodb"], "ledger", lambda: Author(self.acting[0], self.now))
        self.objects = Objects(self.clients["s3"])
        scaling = Autoscaling(self.clients["application-autoscaling"])
        self.endpoints = Endpoints(self.clients["sagemaker"], lambda: scaling)
        self.alarms = Alarms(self.clients["cloudwatch"], self.clients["cloudwatch"])
        self.tasks = Tasks(self.clients["stepfunctions"])
        self.registry = Registry(self.clients["sagemaker"])
        self.topic = Topic(self.clients["sns"], "arn:aws:sns:eu-central-1:000000000000:topic")

    @property
    def now(self) -> str:
        return self.account.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def runs(self) -> Runs:
        executions = Executions(self.clients["stepfunctions"], _MACHINE, starting=self.clients["stepfunctions"])
        return Runs(self.ledger, executions, lambda: self.endpoints, lambda: self.tasks, self.now)

    def invoke(self, function: str, payload: dict[str, Any]) -> Any:
        """Run one function in a process of its own, and say what it answered.

        Raises:
            DiedError: when the process died; every other exception is the function's failure.
        """
        first, died = self.account.calls + 1, False
        self.acting, self.payload = (function, first), payload
        try:
            with acting("roads", function):
                return json.loads(json.dumps(FUNCTIONS[function](self, payload)))
        except DiedError:
            died = True
            raise
        finally:
            self.invocations.append(Invocation(function, first, self.account.calls, died))
            if self.scenario.quick:
                self.account.rest()

    def travel(self, judged_against: int | None, *runs: str) -> None:
        """Bring runs to their end, all of the scenario where none is named."""
        begun = []
        for name in runs or self.scenario.runs:
            given = given_to(name, judged_against, self.scenario.instances, manual=bool(self.scenario.person))
            given["endpoint"]["instance_type"] = self.scenario.machine
            if self.scenario.trial:
                given["endpoint"]["rollout"] = {"strategy": self.scenario.strategy, "shadow_then": "promote"}
            begun.append(Promotion(given["run"], given, self.account, self.invoke))
        for name in [] if runs or self.scenario.by_hand else self.scenario.incidents:
            given = {"tenant": IRIS.tenant, "project": IRIS.name, "incident": name}
            self.decide(given)
            begun.append(Promotion(name, given, self.account, self.invoke))
        self.promotions += begun
        for _ in range(500):
            if not self.go_on(begun):
                break
        else:
            raise AssertionError(f"no end is reached: {[(each.name, each.states[-4:]) for each in begun]}")
        self.time_passes(all_events=True)

    def go_on(self, promotions: list[Promotion]) -> bool:
        if self.scenario.by_hand and len(self.promotions) == len(self.scenario.runs):
            promotions += self._a_person_speaks_in_the_bake()
        for each in promotions:
            if each.ready:
                each.step()
                if each.ended:
                    self.close(each)
                return True
        if all(each.ended for each in promotions):
            return False
        self.time_passes()
        if not any(each.ready for each in promotions):
            # The shorter wait ends first: whoever waits for time, then whoever waits for the endpoint, then in line.
            waiting = [waits for each in promotions for waits in each.waiting()]
            first = min(waiting, key=lambda each: (each.wakes_at, "Take" in each.states[-1]))
            first.timed_out = True
            if first.waits_for == "time":
                self.account.slept += max(timedelta(), first.wakes_at - self.account.now)
        return True

    def _a_person_speaks_in_the_bake(self) -> list[Promotion]:
        """Once the endpoint is on its way to the release; the guard hears of it from the watch, or is deaf."""
        if (self.account.endpoint or {}).get("EndpointStatus") != "Updating":
            return []
        [name] = self.scenario.incidents
        given = {"tenant": IRIS.tenant, "project": IRIS.name, "incident": name}
        self.decide(given)
        newest = self.ledger.releases(IRIS)[0]
        assert (newest.verdict or {})["by"] == "ada", newest
        if self.scenario.by_hand == "heard":
            self.account.broken = frozenset({newest.name})
        begun = [Promotion(name, given, self.account, self.invoke)]
        self.promotions += begun
        return begun

    def time_passes(self, all_events: bool = False) -> None:
        """The endpoint comes to rest, a person speaks, and what tells of it arrives, unless it is late."""
        self.account.rest()
        self._person_speaks()
        if self.scenario.late and not all_events:
            return
        events, self.account.events = self.account.events, []
        for name in events * self.scenario.events:
            function = "OnVersionChanged" if name in self.account.packages else "OnEndpointChanged"
            for _ in range(_WAKINGS):
                try:
                    self.invoke(function, {"detail": {"EndpointName": name, "ModelPackageArn": name}})
                    break
                except DiedError:
                    continue

    def _person_speaks(self) -> None:
        """To what has been asked."""
        if self.scenario.person in ("", "-"):
            return
        asked = [as_values(item).get("approval") for key, item in self.account.items.items() if key[1][:4] == "RUN#"]
        for package in [each["package"] for each in asked if each]:
            there = self.account.packages[package]
            if there["ModelApprovalStatus"] == PENDING:
                word = {"ModelApprovalStatus": self.scenario.person, "ApprovalDescription": "Seen."}
                self.account.packages[package] = {**there, **word}
                self.account.events.append(package)

    def decide(self, given: dict[str, Any]) -> None:
        """Decide about an incident as respond does."""
        for _ in range(_CLOSINGS):
            with suppress(DiedError, ConflictError):
                decided = self.invoke("DecideResponse", given)
                assert decided["action"] == "rollback", decided["reason"]
                return

    def close(self, promotion: Promotion) -> None:
        """Close the run as train does, or the incident as respond does, with what its promotion returned; when that
        gives up, its events do.
        """
        if is_incident(promotion.name):
            given = {"tenant": IRIS.tenant, "project": IRIS.name, "incident": promotion.name}
            self._until_it_succeeds("CloseIncident", {**given, "rollback": promotion.output})
            return
        payload = {"tenant": IRIS.tenant, "project": IRIS.name, "run": promotion.name, **promotion.output}
        payload |= {"version": f"version-{promotion.name}", "metrics": {"auc": 0.9}}
        self._until_it_succeeds("CloseRun", payload)
        self.account.executions[promotion.name] = "SUCCEEDED"

    def _until_it_succeeds(self, function: str, payload: dict[str, Any]) -> None:
        for attempt in range(2 * _CLOSINGS):
            try:
                self.invoke(function, payload)
            except (DiedError, Exception):
                if attempt > 1:
                    self.time_passes()
                continue
            return
        raise AssertionError(f"{function} never succeeds: {payload}")


def _serving(road: Road) -> Serving:
    return Serving("image", _ROLE, OWNER, road.objects, "artifacts", _KEY)


def _deploy(road: Road, payload: dict[str, Any]) -> None:
    told = {"ledger": road.ledger, "endpoints": road.endpoints, "alarms": road.alarms, "tasks": road.tasks}
    deploy_release(DeployRelease.parse(payload), **told, serving=_serving(road), now=road.now)


def _try(road: Road, payload: dict[str, Any]) -> dict[str, Any]:
    def observe(_project: Project, release: Release, _trial: Trial) -> dict[str, Any]:
        return {**(release.trial or {}), "stand": road.scenario.trial, "said": "Seen."}

    trials = Trials(road.clients["sagemaker"], road.endpoints.scaling)
    world = Trying(road.ledger, trials, road.tasks, _serving(road), observe, road.now)
    return try_release(TryRelease.parse(payload), world)


_GIVEN: dict[str, Any] = {"traffic": lambda *_: {}, "bake_seconds": 6}
FUNCTIONS: dict[str, Callable[[Road, dict[str, Any]], Any]] = {
    "AwaitApproval": lambda road, payload: await_approval(
        AwaitApproval.parse(payload), ledger=road.ledger, registry=road.registry, tasks=road.tasks, topic=road.topic
    ),
    "OnVersionChanged": lambda road, payload: wake_approved(
        payload, ledger=road.ledger, registry=road.registry, tasks=road.tasks
    ),
    "TakeEndpoint": lambda road, payload: take_endpoint(
        TakeEndpoint.parse(payload), ledger=road.ledger, tasks=road.tasks
    ),
    "PlanRelease": lambda road, payload: plan_release(
        PlanRelease.parse(payload), ledger=road.ledger, endpoints=road.endpoints, now=road.now, **_GIVEN
    ),
    "DeployRelease": _deploy,
    "SettleRelease": lambda road, payload: settle_release(
        SettleRelease.parse(payload),
        ledger=road.ledger,
        endpoints=road.endpoints,
        tasks=road.tasks,
        owner=OWNER,
        now=road.now,
    ),
    "WatchRelease": lambda road, payload: watch(
        road.scenario.watch, IRIS, payload["sequence"], ledger=road.ledger, endpoints=road.endpoints, now=road.now
    ),
    "TryRelease": _try,
    "OnEndpointChanged": lambda road, payload: wake_promotion(
        payload, ledger=road.ledger, endpoints=road.endpoints, tasks=road.tasks
    ),
    "DecideResponse": lambda road, payload: decide_response(
        DecideResponse.parse(payload),
        World(
            road.ledger, road.alarms, road.endpoints, lambda _project: Rules(fails_closed=road.scenario.fails_closed)
        ),
        now=road.now,
    ),
    "PlanRollback": lambda road, payload: plan_rollback(
        PlanRollback.parse(payload), ledger=road.ledger, endpoints=road.endpoints, archives=road.objects, now=road.now
    ),
    "CloseIncident": lambda road, payload: close_incident(
        CloseIncident.parse(payload),
        ledger=road.ledger,
        open_endpoints=lambda: road.endpoints,
        tasks=road.tasks,
        now=road.now,
    ),
    "CloseRun": lambda road, payload: close_run(CloseRun.parse(payload), runs=road.runs),
}
"""What stands behind the functions of `promote`, by their names in the template."""


def given_to(name: str, judged_against: int | None, instances: int = 2, manual: bool = False) -> dict[str, Any]:
    """The input of a run's promotion, as train gives it."""
    return {
        "tenant": IRIS.tenant,
        "project": IRIS.name,
        "run": f"demo-iris-{name}",
        "dataset": name,
        "holdout": "a",
        "version": f"version-demo-iris-{name}",
        "model_data_url": f"s3://artifacts/{archive_of(name)}",
        "judged_against": judged_against,
        "why": "It is better.",
        "format": "float32",
        "endpoint": {"instance_type": "ml.m5.large", "instance_count": instances, "capture": {"percent": 100}},
        "package": package_of(name),
        "approval": {"mode": "manual" if manual else "auto", "expires_hours": 2, "remind_hours": 1},
    }


def package_of(name: str) -> str:
    """The ARN of the version of a run."""
    return f"arn:aws:sagemaker:eu-central-1:000000000000:model-package/demo-iris/{ord(name)}"


def _add(road: Road, name: str) -> None:
    run = Run(f"demo-iris-{name}", "demo", "iris", name, f"{name}.csv", f"2026|{name}", "2026-01-01T00:00:00.000Z")
    road.ledger.add_run(run)
    road.ledger.write(IRIS, replace(road.ledger.head(IRIS), active=run.run), RunStarted(run.run))
    road.account.executions[run.run] = "RUNNING"
    road.account.packages[package_of(name)] = {
        "ModelPackageVersion": ord(name),
        "ModelApprovalStatus": PENDING if road.scenario.person else "Approved",
        "CustomerMetadataProperties": {"tenant": IRIS.tenant, "project": IRIS.name, "run": run.run},
    }


def before(clients: Clients, scenario: Scenario) -> tuple[Account, int | None]:
    """The account in which a scenario begins, and the release that its versions were judged against.

    Its runs are in the ledger, and behind the last of them another one waits for its turn.
    """
    account, champion = Account(), None
    for name in scenario.served:
        road = Road(clients, account, Scenario("served", (name,), instances=scenario.instances))
        _add(road, name)
        road.travel(champion)
        champion = road.ledger.head(IRIS).champion.sequence  # type: ignore[union-attr]
    road = Road(clients, account, scenario)
    for name in scenario.runs:
        _add(road, name)
    for name in scenario.incidents:
        if scenario.by_hand:
            said = Incident(name, IRIS.tenant, IRIS.name, BY_HAND, BY_HAND, road.now, road.now, "Bad.", by="ada")
            road.ledger.add_incident(said)
            continue
        if scenario.fails_before:
            broke = Incident(name, IRIS.tenant, IRIS.name, ENDPOINT, ENDPOINT, road.now, road.now)
            road.ledger.add_incident(broke)
            continue
        alarm = standing_name(IRIS.release_name(champion or 0), "errors")
        account.alarms[alarm] = {**account.alarms[alarm], "StateValue": "ALARM"}
        watched = IRIS.release_name(champion or 0)
        road.ledger.add_incident(
            Incident(name, IRIS.tenant, IRIS.name, alarm, "errors", road.now, road.now, watches=watched)
        )
    if not scenario.runs:
        return _begun(account, scenario), champion
    waits = Run("demo-iris-z", "demo", "iris", "z", "z.csv", "2026|z", "2026-01-01T00:00:00.000Z")
    road.ledger.add_run(waits)
    road.ledger.write(IRIS, replace(road.ledger.head(IRIS), waiting=waits.run, waiting_order=waits.order))
    return _begun(account, scenario), champion


def _begun(account: Account, scenario: Scenario) -> Account:
    """The account as it is when the scenario begins."""
    if account.endpoint is not None:
        account.endpoint = {**account.endpoint, "instances": scenario.instances + 1}  # somebody scaled out
        if scenario.fails_before:
            account.endpoint |= {"EndpointStatus": "Failed", "FailureReason": "The machines are gone."}
    account.broken = scenario.broken
    account.events, account.calls = [], 0
    account.made.clear()
    return account
