"""The comparison: what roles do, what they may, and what they may without ever doing it."""

import functools
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from headgate.domain.session_policy import Place, session_policy
from tests.prove.needs import Need
from tests.prove.referee import Question, Referee
from tests.prove.stack import OF_SAGEMAKER, Asked, Policy, Role, Stack, Statement, stack_of

REASONS = Path(__file__).with_name("wildcards.yaml")
TENANT = "demo"
"""Whose stack is looked at for what tenants' roles may."""
UNJUDGED = {"lambda:GetProvisionedConcurrencyConfig"}
"""What the referee cannot be asked: an ARN with a suffix is an alias's or a version's, and it does not choose between.
It is no unused grant, for a service's documentation asks for it.
"""
Granted = tuple[str, Statement, str, int, str, bool, Stack]
"""A grant with its home and statement, and whether AWS knows nothing narrower than `*` for it."""
Entry = tuple[str, str, str, int]
"""One grant of the template, whatever stack it stands in: home, statement, action, and which resource of it."""


@dataclass
class Table:
    """What was found, by role."""

    asked: Counter[str] = field(default_factory=Counter)
    denied: dict[str, list[tuple[Asked, str]]] = field(default_factory=lambda: defaultdict(list))
    unused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wildcards: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    grants: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    """Reasons for wildcards that nothing has any more."""


def compare(referee: Referee, asked: Sequence[Asked]) -> Table:
    """Judge what was asked, and see which grants nobody needed."""
    table, used = Table(), set()
    questions = [question(referee, each.stack, each.role, each.need, each.tenant) for each in asked]
    for each, answer in zip(asked, referee.judge(questions), strict=True):
        table.asked[each.role] += 1
        if not answer.allowed:
            table.denied[each.role].append((each, answer.result))
        used |= {entry for grant in answer.grants for entry in _entries(each.stack, each.role, grant)}
    if asked:
        system = asked[0].stack
        grants = [*_grants(system, referee), *_grants(stack_of(TENANT, system), referee, OF_SAGEMAKER)]
        _unused(table, grants, used)
        _wildcards(table, grants)
    return table


def question(referee: Referee, stack: Stack, role: str, wanted: Need, tenant: str = "") -> Question:
    """What to ask the referee so that it knows whether a role may do something, in a session for a tenant or itself."""
    own, named = stack.policy_of(wanted.resource) or _of_tenants_key(stack, wanted), None
    if own is not None:
        named = f"{_digest(own[1])}/{own[0]}"
        referee.know({named: own[1]})
    carried = identity(referee, stack, role)
    if not tenant:
        return Question(wanted, stack.account, carried, None, None, named)
    policy = session_policy(place(stack), tenant)
    session = f"{_digest(policy)}/session {tenant}"
    referee.know({session: policy})
    return Question(wanted, stack.account, carried, session, None, named, f"assumed-role/{role}/tenant-{tenant}")


def _of_tenants_key(stack: Stack, wanted: Need) -> tuple[str, dict[str, Any]] | None:
    """The policy of a tenant's key, which stands in the tenant's own stack."""
    _, mark, tenant = wanted.resource.partition(":key/of-")
    return stack_of(tenant, stack).policy_of(wanted.resource) if mark else None


def place(stack: Stack) -> Place:
    """Where the stack's tenants have their things."""
    names = (stack.named(each) for each in ("DataBucket", "ArtifactBucket", "Ledger"))
    return Place("aws", stack.account, *names)


def identity(referee: Referee, stack: Stack, role: str) -> tuple[str, ...]:
    """The names under which the referee knows the policies of a role."""
    named = {f"{_digest(each.document)}/{each.home}/{each.name}": each.document for each in stack.roles[role].policies}
    referee.know(named)
    return tuple(named)


def _digest(policy: Any) -> str:
    """What tells a policy from another of its name: in another stack, or changed."""
    return hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()[:16]


def homes(stack: Stack) -> Iterable[tuple[str, Role, Policy]]:
    """Every policy of the template once, with a role that has it; those of AWS are not ours to change."""
    seen = set()
    for role in stack.roles.values():
        for policy in role.policies:
            if policy.home != "AWS" and (policy.home, policy.name) not in seen:
                seen.add((policy.home, policy.name))
                yield policy.home, role, policy


def _entries(stack: Stack, role: str, grant: tuple[str, str, str, str]) -> Iterable[Entry]:
    policy_name, sid, action, resource = grant
    policy = next(each for each in stack.roles[role].policies if policy_name.endswith(f"/{each.home}/{each.name}"))
    for statement in policy.statements:
        if statement["Sid"] == sid:
            yield from (
                (policy.home, sid, action, number)
                for number, each in enumerate(statement["Resource"])
                if each == resource
            )


def _grants(stack: Stack, referee: Referee, only: Sequence[str] = ()) -> Iterator[Granted]:
    """Every pair of action and resource that means something to AWS, and whether nothing but `*` will do for it."""
    for home, _role, policy in homes(stack):
        if only and home not in only:
            continue
        forms = referee.forms(action for each in policy.statements for action in each["Action"] if "*" not in action)
        for statement in policy.statements:
            for action in statement["Action"]:
                for number, resource in enumerate(statement["Resource"]):
                    known = forms.get(action, ["*"])
                    if not known or resource == "*" or "*" in action or any(_is_a(resource, form) for form in known):
                        yield home, statement, action, number, resource, not known, stack


def _is_a(resource: str, form: str) -> bool:
    """Whether an ARN with wildcards may be one of AWS's form, `arn:${Partition}:s3:::${BucketName}/${ObjectName}`."""
    if resource.split(":")[2] != form.split(":")[2]:
        return False
    own, kind = resource.split(":", 5)[-1], form.split(":", 5)[-1]
    fixed = kind.partition("${")[0]
    bucket_or_object = resource.startswith("arn:aws:s3:") and ("/" in own) != ("/" in kind)
    return own.startswith(fixed) and not bucket_or_object


def _unused(table: Table, grants: Iterable[Granted], used: set[Entry]) -> None:
    for home, statement, action, number, resource, _, _ in grants:
        table.grants[home] += 1
        if action not in UNJUDGED and (home, statement["Sid"], action, number) not in used:
            table.unused[home].append(f"{statement['Sid']}: {action} on {resource}")


def _wildcards(table: Table, grants: Iterable[Granted]) -> None:
    """Wildcards that neither AWS's own description of the action nor a written reason explains."""
    needed = set()
    for home, statement, action, _, resource, only_all, stack in grants:
        reason = _reason(stack, statement, action, resource, only_all)
        if reason is None:
            table.wildcards[home].append(f"{statement['Sid']}: {action} on {_shape(stack, resource)}")
        needed.add(reason)
    table.stale = sorted({each["place"] for each in _reasons()} - needed)


def unexplained(referee: Referee, stack: Stack, home: str) -> list[str]:
    """The wildcards of one role or shared policy that nothing explains."""
    return [
        f"wildcard {action} on {_shape(stack, resource)}"
        for where, statement, action, _, resource, only_all, _ in _grants(stack, referee)
        if where == home and _reason(stack, statement, action, resource, only_all) is None
    ]


def _reason(stack: Stack, statement: dict[str, Any], action: str, resource: str, only_all: bool) -> str | None:
    """What explains a wildcard: the place of its reason, "" where there is none or AWS knows nothing narrower."""
    if "*" not in action and ("*" not in resource or (resource == "*" and only_all)):
        return ""
    shape = _shape(stack, resource)
    return next((str(each["place"]) for each in _reasons() if _explains(each, shape, action, statement)), None)


@functools.cache
def _reasons() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(REASONS.read_text())
    return found


def _explains(reason: dict[str, Any], shape: str, action: str, statement: dict[str, Any]) -> bool:
    named = any(("*" not in action and fnmatchcase(action, each)) for each in reason["actions"])
    return bool(
        named
        and reason["place"] == shape
        and reason["because"]
        and reason.get("condition", "") in str(statement.get("Condition", ""))
    )


def _shape(stack: Stack, resource: str) -> str:
    """An ARN without what differs from stack to stack."""
    named = {stack.named(logical): logical for logical, _ in stack.of("AWS::S3::Bucket")}
    given = {name: each.get("Default") for name, each in stack.template["Parameters"].items()}
    if tenant := given.get("Tenant"):  # its buckets are the system's
        named = {given[bucket]: bucket for bucket in ("DataBucket", "ArtifactBucket")}
        resource = re.sub(rf"/{tenant}([/-])", r"/TENANT\1", resource)
    for name, logical in named.items():
        resource = resource.replace(f"arn:aws:s3:::{name}", logical)
    resource = re.sub(rf":role/{stack.name}-({'|'.join(stack.roles)})-\*$", ":role/ROLE-*", resource)
    return re.sub(r"^arn:aws:([a-z0-9-]+):[a-z0-9-]*:(\d*|\*):", r"\1:", resource)
