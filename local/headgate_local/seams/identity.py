"""Seam: who calls, and may they? MiniStack's IAM, for calls that reach a service past its front door.

A direct call was checked against ``sagemaker:*`` by MiniStack before it reaches us. What remains is ours: the role
that a caller passes on, the second resource that an operation touches, and everything that a state machine does
with its own role.
"""

import contextvars
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_actions import SERVICE_TO_IAM_NAMESPACE, identity_denial_message
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import iam, sts


class AccessDenied(Exception):
    """Raised when a policy does not allow a call; the message is AWS's, and names principal, action and resource."""


@dataclass(frozen=True)
class Caller:
    """A principal by its access key. The key of a role that a service took on comes from ``assume``."""

    access_key: str

    def require(self, action: str, resource: str = "*", context: Mapping[str, Any] | None = None) -> None:
        """Raise AccessDenied unless the caller's policies allow the action (``sagemaker:AddTags``) on the ARN."""
        namespace = action.partition(":")[0]
        services = (name for name, prefix in SERVICE_TO_IAM_NAMESPACE.items() if prefix == namespace)
        denied = iam_evaluator.enforce(
            self.access_key, action, next(services, namespace), get_region(), resource, dict(context or {})
        )
        if isinstance(denied, iam_evaluator.AuthError):
            raise AccessDenied(denied.message)
        if denied is not None:
            explicit = denied.decision == "Deny"
            raise AccessDenied(identity_denial_message(action, denied.principal_arn, resource, explicit))

    def require_pass_role(self, role_arn: str, service: str) -> None:
        """Raise AccessDenied unless the caller may hand this role to the service (``sagemaker.amazonaws.com``)."""
        self.require("iam:PassRole", role_arn, {"iam:PassedToService": service})


def tag_conditions(action: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request's tags are for conditions of policies: aws:RequestTag/<key> and aws:TagKeys."""
    found: dict[str, Any] = iam_actions.request_tag_context(
        action.partition(":")[0], action, json.dumps(request, default=str).encode(), {}
    )
    return found


_acting: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("headgate_acting", default=None)


def act_as(caller: Caller) -> contextvars.Token[Caller | None]:
    """Let what follows in this context count as the caller's doing; MiniStack's own calls look like root's."""
    return _acting.set(caller)


def stop_acting(token: contextvars.Token[Caller | None]) -> None:
    """Undo ``act_as``."""
    _acting.reset(token)


def caller_of(headers: Mapping[str, str], query: Mapping[str, Any]) -> Caller:
    """Whoever stands behind a request: the principal acted for, else the one that signed it (or its address)."""
    return _acting.get() or Caller(extract_access_key_id(dict(headers), query))


@dataclass(frozen=True)
class Credentials:
    """What a service holds after it took on a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


MOST_SESSIONS = 1000
"""Sessions in which a service holds one role at once; a state machine's role has one for each execution."""
_issued: dict[tuple[str, str], OrderedDict[str, Credentials]] = {}
"""By role and service: credentials by session, the one taken on longest ago first."""
_issuing = threading.Lock()
_SAME_PERMISSION = {
    f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
"""Batches of SQS have no permission of their own (Amazon SQS API permissions: actions and resource reference)."""


def install() -> None:
    """Let MiniStack ask for the permission that AWS asks for where an operation has none of its own."""
    original = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any) -> str | None:
        action: str | None = original(service, *request)
        return _SAME_PERMISSION.get(action, action) if action else action

    iam_actions.extract_iam_action = extract_iam_action
    sts._evict_expired_sessions = end_expired_sessions


def end_expired_sessions() -> None:
    """Forget sessions whose time is over; others may come meanwhile, which ends MiniStack's own look at them."""
    now = time.time()
    for key, session in list(sts._sessions.items()):  # in one step, so that no other thread comes in between
        if session.get("Expiration", now) < now:
            sts._sessions.pop(key, None)


def assume(role_arn: str, service: str, session: str) -> Credentials | None:
    """Take on a role as an AWS service does; None if there is no such role or it does not trust the service."""
    role_name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get(role_name)
    if role is None or role["Arn"] != role_arn or not _trusts(role["AssumeRolePolicyDocument"], service):
        return None
    credentials = _issue(role_arn, service, session)
    sts.register_session(
        credentials.access_key_id,
        {
            "Arn": f"arn:aws:sts::{get_account_id()}:assumed-role/{role_name}/{session}",
            "UserId": f"{role_name}:{session}",
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
        },
    )
    return credentials


def _issue(role_arn: str, service: str, session: str) -> Credentials:
    """Fresh credentials for a session, and the same ones again for as long as it is among the latest of its role."""
    with _issuing:
        latest = _issued.setdefault((role_arn, service), OrderedDict())
        if session not in latest:
            keys = secrets.token_hex(8).upper(), secrets.token_urlsafe(30), secrets.token_urlsafe(60)
            latest[session] = Credentials(f"ASIA{keys[0]}", *keys[1:])
        latest.move_to_end(session)
        if len(latest) > MOST_SESSIONS:
            _, oldest = latest.popitem(last=False)
            sts._sessions.pop(oldest.access_key_id, None)
        return latest[session]


def _trusts(policy: str | dict[str, Any], service: str) -> bool:
    document = json.loads(policy) if isinstance(policy, str) else policy
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        if statement.get("Effect") != "Allow" or not isinstance(statement.get("Principal"), dict):
            continue
        services = statement["Principal"].get("Service", [])
        if service in ([services] if isinstance(services, str) else services):
            return True
    return False
