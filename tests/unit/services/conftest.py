"""Endpoints in memory, and what starts and ends runs on a real table of moto's."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.errors import EndpointBusyError
from headgate.domain.releases import EndpointState
from headgate.services.runs import Runs

NOW = "2026-01-01T00:00:01.000Z"
OWNER = "ledger"


@dataclass
class FakeEndpoints:
    """SageMaker's rules for models, configurations and endpoints; `rest` brings a change to its end."""

    models: set[str] = field(default_factory=set)
    configs: set[str] = field(default_factory=set)
    state: EndpointState | None = None
    goal: str = ""
    owned_by: str | None = OWNER
    updates: int = 0
    broken: frozenset[str] = frozenset()

    def describe(self, _name: str) -> EndpointState | None:
        return self.state

    def owner(self, _arn: str) -> str | None:
        return self.owned_by

    def ensure_model(self, name: str, **_options: Any) -> None:
        self.models.add(name)

    def ensure_config(self, name: str, **_options: Any) -> None:
        assert name in self.models
        self.configs.add(name)

    def create(self, _name: str, config: str, tags: Any) -> None:
        assert self.state is None
        assert config in self.configs
        self.state, self.goal, self.owned_by = EndpointState("Creating", config), config, tags["headgate:ledger"]

    def update(self, name: str, config: str) -> None:
        assert self.state is not None
        assert config in self.configs
        if self.state.in_progress:
            raise EndpointBusyError(name)
        self.updates += 1
        self.state, self.goal = EndpointState("Updating", self.state.config), config

    def delete(self, _name: str) -> None:
        self.state = None

    def rest(self) -> None:
        assert self.state is not None
        if self.goal not in self.broken:
            self.state = EndpointState("InService", self.goal)
        elif self.state.status == "Creating":
            self.state = EndpointState("Failed", self.goal, "The container did not answer.")
        else:
            self.state = EndpointState("InService", self.state.config, "The container did not answer.")


@pytest.fixture
def endpoints() -> FakeEndpoints:
    return FakeEndpoints()


@pytest.fixture
def runs(ledger: Ledger, executions: Any, endpoints: FakeEndpoints) -> Runs:
    return Runs(ledger, executions, lambda: endpoints, NOW)
