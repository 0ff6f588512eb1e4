"""One warm worker for many tenants: each call is made under credentials of the tenant that it is for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from headgate import clients, entrypoint
from headgate.domain.errors import ConfigurationError
from headgate.environments import environment


class Calls:
    """What STS was asked for, and under whose credentials S3 was called."""

    def __init__(self) -> None:
        self.sessions: list[dict[str, Any]] = []
        self.used: list[tuple[str, str]] = []
        self.lasts = timedelta(hours=1)

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        """Answer as STS does, with credentials that tell whose they are."""
        self.sessions.append(asked)
        tenant = asked["RoleSessionName"].removeprefix("tenant-")
        given = {"AccessKeyId": f"ASIA{tenant}", "SecretAccessKey": "s", "SessionToken": tenant}
        return {"Credentials": {**given, "Expiration": datetime.now(UTC) + self.lasts}}


@pytest.fixture
def calls(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """`invoke` sets the environment, and forgets the clients of the test before."""
    seen, real = Calls(), clients.shared

    class Sts:
        meta = boto3.client("sts").meta
        assume_role = staticmethod(seen.assume_role)

    monkeypatch.setattr(clients, "shared", lambda service, tenant: Sts() if service == "sts" else real(service, tenant))
    return seen


@pytest.fixture
def put(calls: Calls) -> Callable[[str], None]:
    def put_object(tenant: str) -> None:
        client = clients.client("s3", tenant)
        token = client._request_signer._credentials.get_frozen_credentials().token
        calls.used.append((tenant, token))
        client.put_object(Bucket="artifacts", Key=f"{tenant}/iris/x", Body=token.encode())

    return put_object


def test_a_b_a_in_one_worker_is_as_a_alone(calls: Calls, put: Callable[[str], None]) -> None:
    for tenant in ("acme", "bolt", "acme", "bolt", "acme"):
        put(tenant)
    assert all(tenant == token for tenant, token in calls.used)
    assert [each["RoleSessionName"] for each in calls.sessions] == ["tenant-acme", "tenant-bolt"]
    alone, other = (json.loads(each["Policy"]) for each in calls.sessions)
    assert "bolt" not in json.dumps(alone)
    assert "acme" not in json.dumps(other)


def test_credentials_are_fetched_anew_before_they_end(calls: Calls, put: Callable[[str], None]) -> None:
    calls.lasts = timedelta(minutes=5)
    put("acme")
    put("acme")
    assert len(calls.sessions) >= 2


def test_no_call_is_no_credentials(calls: Calls) -> None:
    entrypoint.ledger("acme")
    entrypoint.objects("acme")
    assert calls.sessions == []


def test_work_for_all_tenants_is_done_with_the_functions_own_role(calls: Calls) -> None:
    clients.client("s3", "_system").list_buckets()
    clients.shared("stepfunctions", "acme").list_state_machines()
    assert calls.sessions == []


def test_a_function_that_is_not_told_its_role_works_for_nobody(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUNCTION_ROLE_ARN")
    environment.cache_clear()
    with pytest.raises(ConfigurationError, match="FUNCTION_ROLE_ARN"):
        clients.client("s3", "acme")


def test_a_function_may_take_on_its_own_role_alone(template: dict[str, Any]) -> None:
    """And every function that is told of its role may: what the template says of both is one thing."""
    functions = {
        name: each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    for name, properties in functions.items():
        role = properties.get("Environment", {}).get("Variables", {}).get("FUNCTION_ROLE_ARN")
        found = [
            statement["Resource"]["Fn::Sub"]
            for policy in properties["Policies"]
            for statement in policy.get("Statement", [])
            if statement["Action"] == "sts:AssumeRole"
        ]
        own = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{AWS::StackName}}-{name}Role-*"
        assert found == ([own] if role else []), name
        assert role in (None, {"Fn::GetAtt": [f"{name}Role", "Arn"]}), name
