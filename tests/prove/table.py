"""The comparison: what roles do, what they may, and what they may without ever doing it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.prove.needs import Need
from tests.prove.referee import Question, Referee
from tests.prove.stack import Asked, Policy, Role, Stack

REASONS = Path(__file__).with_name("wildcards.yaml")
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
    questions = [question(referee, each.stack, each.role, each.need) for each in asked]
    for each, answer in zip(asked, referee.judge(questions), strict=True):
        table.asked[each.role] += 1
        if not answer.allowed:
            table.denied[each.role].append((each, answer.result))
        used |= {entry for grant in answer.grants for entry in _entries(each.stack, each.role, grant)}
    if asked:
        grants = list(_grants(asked[0].stack, referee))
        _unused(table, grants, used)
        _wildcards(table, grants, asked[0].stack)
    return table


def question(referee: Referee, stack: Stack, role: str, wanted: Need) -> Question:
    """What to ask the referee so that it knows whether a role may do something."""
    own, named = stack.policy_of(wanted.resource), None
    if own is not None:
        named = f"{stack.account}/{own[0]}"
        referee.know({named: own[1]})
    return Question(wanted, stack.account, identity(referee, stack, role), None, None, named)


def identity(referee: Referee, stack: Stack, role: str) -> tuple[str, ...]:
    """The names under which the referee knows the policies of a role."""
    named = {f"{stack.account}/{role}/{each.home}/{each.name}": each.document for each in stack.roles[role].policies}
    referee.know(named)
    return tuple(named)


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


def _grants(stack: Stack, referee: Referee) -> Iterator[tuple[str, dict[str, Any], str, int, str, bool]]:
    """Every pair of action and resource that means something to AWS, and whether nothing but `*` will do for it."""
    actions = {action for *_, policy in homes(stack) for each in policy.statements for action in each["Action"]}
    forms = referee.forms(each for each in actions if "*" not in each)
    for home, _role, policy in homes(stack):
        for statement in policy.statements:
            for action in statement["Action"]:
                for number, resource in enumerate(statement["Resource"]):
                    known = forms.get(action, ["*"])
                    if not known or resource == "*" or "*" in action or any(_is_a(resource, form) for form in known):
                        yield home, statement, action, number, resource, not known


def _is_a(resource: str, form: str) -> bool:
    """Whether an ARN with wildcards may be one of AWS's form, `arn:${Partition}:s3:::${BucketName}/${ObjectName}`."""
    own, kind = resource.split(":", 5)[-1], form.split(":", 5)[-1]
    fixed = kind.partition("${")[0]
    bucket_or_object = resource.startswith("arn:aws:s3:") and ("/" in own) != ("/" in kind)
    return own.startswith(fixed) and not bucket_or_object


def _unused(table: Table, grants: Iterable[Any], used: set[Entry]) -> None:
    for home, statement, action, number, resource, _ in grants:
        table.grants[home] += 1
        if (home, statement["Sid"], action, number) not in used:
            table.unused[home].append(f"{statement['Sid']}: {action} on {resource}")


def _wildcards(table: Table, grants: Iterable[Any], stack: Stack) -> None:
    """Wildcards that neither AWS's own description of the action nor a written reason explains."""
    reasons = yaml.safe_load(REASONS.read_text())
    needed = set()
    for home, statement, action, _, resource, only_all in grants:
        if "*" in action or ("*" in resource and not (resource == "*" and only_all)):
            shape = _shape(stack, resource)
            reason = next((each for each in reasons if _explains(each, shape, action, statement)), None)
            if reason is None:
                table.wildcards[home].append(f"{statement['Sid']}: {action} on {shape}")
            else:
                needed.add(reason["place"])
    table.stale = sorted({each["place"] for each in reasons} - needed)


def _explains(reason: dict[str, Any], shape: str, action: str, statement: dict[str, Any]) -> bool:
    fits = reason["place"] == shape and any(re.fullmatch(each.replace("*", ".*"), action) for each in reason["actions"])
    return bool(fits and reason["because"] and reason.get("condition", "") in str(statement.get("Condition", "")))


def _shape(stack: Stack, resource: str) -> str:
    """An ARN without what differs from stack to stack."""
    named = {stack.named(logical): logical for logical, _ in stack.of("AWS::S3::Bucket")}
    for name, logical in named.items():
        resource = resource.replace(f"arn:aws:s3:::{name}", logical)
    return re.sub(r"^arn:aws:([a-z0-9-]+):[a-z0-9-]*:(\d*|\*):", r"\1:", resource)
