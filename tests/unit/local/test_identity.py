"""The sessions in which services hold a role."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import iam, sts

from headgate_local.seams import identity

FOREVER = float("inf")
SERVICE = "states.amazonaws.com"


@pytest.fixture
def role(monkeypatch) -> Iterator[str]:
    """The ARN of a role that state machines may take on, in two sessions at once."""
    monkeypatch.setattr(identity, "MOST_SESSIONS", 2)
    name = f"role-{uuid4().hex}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}]}
    iam._roles[name] = {"Arn": f"arn:aws:iam::000000000000:role/{name}", "AssumeRolePolicyDocument": trust}
    yield iam._roles[name]["Arn"]
    del iam._roles[name]


def take_on(role: str, session: str) -> identity.Credentials:
    credentials = identity.assume(role, SERVICE, session)
    assert credentials is not None
    return credentials


def test_a_session_has_the_same_credentials_for_as_long_as_it_is_kept(role) -> None:
    assert take_on(role, "a") == take_on(role, "a") != take_on(role, "b")


def test_of_more_sessions_those_end_that_were_taken_on_longest_ago(role) -> None:
    first, second = take_on(role, "a"), take_on(role, "b")
    take_on(role, "a")
    third = take_on(role, "c")
    known = {credentials.access_key_id for credentials in (first, second, third)} & sts._sessions.keys()
    assert known == {first.access_key_id, third.access_key_id}
    assert take_on(role, "b") != second


def test_sessions_may_come_while_those_that_are_over_are_looked_for() -> None:
    class Session(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            sts._sessions["ASIANEW"] = {"Expiration": FOREVER}  # what another thread does meanwhile
            return 0.0

    sts._sessions |= {"ASIAOLD": Session(Expiration=0.0), "ASIALASTS": {"Expiration": FOREVER}}
    try:
        identity.end_expired_sessions()
        assert {"ASIANEW", "ASIALASTS"} <= sts._sessions.keys()
        assert "ASIAOLD" not in sts._sessions
    finally:
        for key in ("ASIANEW", "ASIALASTS"):
            sts._sessions.pop(key)
