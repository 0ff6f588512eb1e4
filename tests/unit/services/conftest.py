"""Endpoints in memory, and what starts and ends runs on a real table of moto's."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.watched import World, served

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunStarted
from headgate.aws.s3 import Objects
from headgate.domain.alarms import alarms_of, sequence_of
from headgate.domain.errors import EndpointBusyError, ScalingRefusedError
from headgate.domain.names import Project
from headgate.domain.releases import EndpointState
from headgate.domain.rollout import Wishes
from headgate.domain.scaling import Bounds, Scaling, Target
from headgate.domain.standing_alarms import Patience, standing_alarms
from headgate.services.deploy_release import DeployRelease, Serving, deploy_release
from headgate.services.plan_release import PlanRelease, plan_release
from headgate.services.runs import Runs
from headgate.services.settle_release import SettleRelease, settle_release
from headgate.services.take_endpoint import TakeEndpoint, take_endpoint

NOW = "2026-01-01T00:00:01.000Z"
LATER = "2026-01-01T00:10:00.000Z"
OWNER = "ledger"
IRIS = Project("demo", "iris")


@dataclass
class FakeScaling:
    """The one scalable target, and what AWS refuses to do with it."""

    known: Target | None = None
    refuses: bool = False
    removed: int = 0

    def target(self, endpoint: str, owner: str) -> Target | None:
        assert (endpoint, owner) == (IRIS.endpoint, OWNER)
        return self.known

    def hold(self, endpoint: str, *, yes: bool) -> None:
        assert self.known is not None, endpoint
        self.known = replace(self.known, held=yes)

    def keep(self, endpoint: str, bounds: Bounds, wishes: Scaling, tags: Any) -> None:
        if self.refuses:
            raise ScalingRefusedError(endpoint, "No such time zone.")
        assert wishes.enabled
        assert (tags is None) == (self.known is not None)
        assert tags is None or tags["headgate:ledger"] == OWNER
        self.known = Target(bounds, held=False, ours=True)

    def remove(self, _endpoint: str) -> None:
        self.known, self.removed = None, self.removed + 1


@dataclass
class FakeEndpoints:
    """SageMaker's rules for models, configurations and endpoints; `rest` brings a change to its end."""

    models: set[str] = field(default_factory=set)
    configs: set[str] = field(default_factory=set)
    state: EndpointState | None = None
    goal: str = ""
    owned_by: str | None = OWNER
    updates: int = 0
    deployment: Any = None
    broken: frozenset[str] = frozenset()
    targets: FakeScaling = field(default_factory=FakeScaling)
    refuses_weights: bool = False
    silenced: int = 0

    def scaling(self) -> FakeScaling:
        return self.targets

    def describe(self, _name: str) -> EndpointState | None:
        return self.state

    def owner(self, _arn: str) -> str | None:
        return self.owned_by

    def ensure_model(self, name: str, **_options: Any) -> None:
        self.models.add(name)

    def ensure_config(self, name: str, **_options: Any) -> None:
        assert name in self.models
        self.configs.add(name)

    def remove(self, name: str, owner: str, trial: str | None = None) -> None:
        assert owner == OWNER
        self.configs.discard(trial or "")
        assert self.state is None or name not in (self.state.config, self.state.target)
        self.configs.discard(name)
        self.models.discard(name)

    def create(self, _name: str, config: str, tags: Any) -> None:
        assert self.state is None
        assert config in self.configs
        self.state, self.goal, self.owned_by = EndpointState("Creating", config), config, tags["headgate:ledger"]

    def update(self, name: str, config: str, deployment: Any, *, retain: bool = True) -> None:
        assert self.state is not None
        assert config in self.configs
        assert retain is not self.state.serverless
        if self.state.in_progress:
            raise EndpointBusyError(name)
        self.updates += 1
        self.deployment = deployment
        self.state, self.goal = replace(self.state, status="Updating", failure_reason="", target=config), config

    def silence(self, _name: str, variant: str) -> bool:
        assert self.state is not None
        assert self.state.weights[variant] > 0
        self.silenced += 1
        if not self.refuses_weights:
            moving = {"status": "Updating", "weights": {**self.state.weights, variant: 0.0}}
            self.state, self.goal = replace(self.state, **moving), self.state.config
        return not self.refuses_weights

    def delete(self, _name: str) -> None:
        self.state = None

    def weights_of(self, _config: str) -> dict[str, float]:
        return {"main": 1.0}

    def rest(self) -> None:
        assert self.state is not None
        if self.goal not in self.broken:
            weights = self.state.weights if self.goal == self.state.config else self.weights_of(self.goal)
            count = self.state.instances
            self.state = EndpointState("InService", self.goal, instances=count, modified_at=LATER, weights=weights)
        elif self.state.status == "Creating":
            self.state = EndpointState("Failed", self.goal, "The container did not answer.")
        else:
            why = "The container did not answer."
            self.state = EndpointState("InService", self.state.config, why, modified_at=LATER)


@dataclass
class FakeAlarms:
    """Alarms by name, and which of them ring."""

    made: dict[str, Any] = field(default_factory=dict)
    in_alarm: set[str] = field(default_factory=set)

    def ensure(self, alarm: Any, tags: Any) -> None:
        assert tags["headgate:ledger"] == OWNER
        self.made[alarm.name] = alarm

    def combine(self, alarm: Any, tags: Any) -> None:
        assert set(alarm.parts) <= set(self.made)
        self.ensure(alarm, tags)

    def ringing(self, names: list[str]) -> list[str]:
        return sorted(self.in_alarm.intersection(names))

    def retire(self, endpoint: str, before: int, champion: int | None) -> None:
        for name in list(self.made):
            number = sequence_of(name, endpoint)
            if number is not None and number < before and number != champion:
                del self.made[name]


def every_alarm(*releases: str) -> set[str]:
    """The names of all alarms that releases have: those that guard them, and those that watch them while they serve."""
    standing, drift = standing_alarms(releases[0], IRIS, Wishes(), Patience(max_instances=2), "ml.m5.large")
    made = [*alarms_of(releases[0], IRIS.endpoint, Wishes()), *standing, drift]
    return {alarm.name.replace(releases[0], release) for alarm in made for release in releases}


class FakeArchives:
    """Archives of models, all of which are there."""

    def identity(self, bucket: str, key: str) -> dict[str, Any]:
        return {"etag": key, "version_id": "v1", "size": 7, "sha256": None}


class FakeTasks:
    """Task tokens that were given back."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.outputs: dict[str, dict[str, str]] = {}

    def succeed(self, token: str, output: dict[str, str]) -> bool:
        fresh = token not in self.given
        self.given.append(token)
        self.outputs.setdefault(token, output)
        return fresh


@pytest.fixture
def alarms() -> FakeAlarms:
    return FakeAlarms()


@pytest.fixture
def endpoints() -> FakeEndpoints:
    return FakeEndpoints()


@pytest.fixture
def runs(ledger: Ledger, executions: Any, endpoints: FakeEndpoints, tasks: FakeTasks) -> Runs:
    return Runs(ledger, executions, lambda: endpoints, lambda: tasks, NOW)


@pytest.fixture
def tasks() -> FakeTasks:
    return FakeTasks()


@pytest.fixture
def plan(ledger: Ledger, make_run: Any, endpoints: FakeEndpoints) -> Callable[..., dict[str, Any]]:
    """Take the endpoint for a new run and plan its release; a promotion that was stopped is waited out for a term."""

    def plan(name: str, **changes: Any) -> dict[str, Any]:
        run = make_run(name)
        if ledger.add_run(run):
            ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run), RunStarted(run.run))
        take(ledger, FakeTasks(), run.run)
        champion = ledger.head(IRIS).champion
        command = PlanRelease(
            project=IRIS,
            run=run.run,
            dataset=name,
            holdout="holdout",
            version=f"version-{name}",
            model_data_url=f"s3://b/{name}.tar.gz",
            judged_against=champion.sequence if champion else None,
            why="Better.",
            instance_type="ml.m5.large",
            instance_count=1,
        )
        return plan_release(
            replace(command, **changes),
            ledger=ledger,
            endpoints=endpoints,
            traffic=lambda *_: {},
            bake_seconds=600,
            now=NOW,
        )

    return plan


_left: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
"""By what goes before: the ledger's items, and what the fakes held."""


@pytest.fixture
def beforehand(ledger: Ledger) -> Callable[..., None]:
    """Play what goes before several tests, with these fakes; from the second time on put what it left where it was."""

    def play(name: str, road: Callable[[], object], *fakes: object) -> None:
        client = ledger._client
        if name not in _left:
            road()
            _left[name] = client.scan(TableName="ledger")["Items"], [deepcopy(vars(fake)) for fake in fakes]
            return
        items, held = _left[name]
        client.batch_write_item(RequestItems={"ledger": [{"PutRequest": {"Item": item}} for item in items]})
        for fake, kept in zip(fakes, held, strict=True):
            vars(fake).update(deepcopy(kept))

    return play


def take(ledger: Any, tasks: Any, run: str, project: Project = IRIS) -> str:
    """The last word on a run that asks for the endpoint, and waits a whole term where it has to wait."""
    decision = take_endpoint(TakeEndpoint(project, run, f"{run} 0", 0), ledger=ledger, tasks=tasks)
    if decision == "in line":
        decision = take_endpoint(TakeEndpoint(project, run, f"{run} 1", 1), ledger=ledger, tasks=tasks)
    return decision


def deploy(ledger: Any, endpoints: Any, tasks: Any, sequence: int, token: str = "token", alarms: Any = None) -> None:
    deploy_release(
        DeployRelease(IRIS, sequence, token),
        ledger=ledger,
        endpoints=endpoints,
        alarms=alarms if alarms is not None else FakeAlarms(),
        tasks=tasks,
        serving=Serving("image", "role", OWNER, FakeArchives(), "artifacts", "key"),
        now=NOW,
    )


def settle(
    ledger: Any, endpoints: Any, sequence: int, tasks: Any = None, now: str = NOW, *, watched: bool = True
) -> str:
    """The outcome of a release, which its watch has passed in the bake unless nobody `watched`."""
    tasks = tasks if tasks is not None else FakeTasks()
    if watched:
        ledger.keep_verdict(IRIS, sequence, {"stand": "passed", "reason": "Seen."})
    command = SettleRelease(IRIS, sequence)
    return settle_release(command, ledger=ledger, endpoints=endpoints, tasks=tasks, owner=OWNER, now=now)["outcome"]


def serve(ledger: Any, endpoints: Any, tasks: Any, sequence: int) -> None:
    """Deploy a release, and let it take over."""
    deploy(ledger, endpoints, tasks, sequence)
    endpoints.rest()
    assert settle(ledger, endpoints, sequence) == "PROMOTED"


@pytest.fixture
def world(
    ledger: Ledger, objects: Objects, make_bucket: Callable[[str], Any], tmp_path: Path, aws: boto3.Session
) -> World:
    """A project in service whose requests are captured."""
    return served(ledger, objects, make_bucket, tmp_path, aws)
