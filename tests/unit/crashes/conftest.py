"""What the files here share: clients of an account in memory, and a room with a project that serves."""

import pytest

from .account import Account, Clients
from .road import before
from .room import SERVED, Room


@pytest.fixture(scope="session")
def clients() -> Clients:
    return Clients()


@pytest.fixture(scope="session")
def served(clients: Clients) -> Account:
    return before(clients, SERVED)[0]


@pytest.fixture
def room(clients: Clients, served: Account) -> Room:
    return Room(clients, served.copy())
