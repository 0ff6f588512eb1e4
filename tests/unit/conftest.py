"""What all of these tests share."""

import pytest


@pytest.fixture(autouse=True)
def no_network(socket_disabled: None) -> None:
    """Nothing here may open a socket."""
