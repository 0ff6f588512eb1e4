"""Where calls were recorded, and what the template's resources are called there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.prove import definitions, services
from tests.prove.harvest import NAMES
from tests.prove.needs import Need, need, needed, needs, telling
from tests.prove.stack import Asked, Stack

_DEAD = [
    "IntakeDeadLetters", "ExecutionEndedDeadLetters", "ReactorDeadLetters", "MonitorDeadLetters", "AlarmDeadLetters",
    "RetrainDeadLetters", "ReconcileDeadLetters",
]  # fmt: skip
_STORES = {"Ledger": "ledger", "ArtifactBucket": "artifacts", "DataBucket": "data", "NotificationTopic": "topic"}
FUNCTIONS = Stack(
    "123456789012",
    {
        **_STORES,
        **dict.fromkeys(_DEAD, "dead"),
        "IntakeQueue": "intake",
        "MonitorQueue": "monitor",
        "RetrainQueue": "retrain",
        "AuditBucket": "audit",
    },
)
"""moto's account, as tests/functions/conftest.py furnishes it."""
ROADS = Stack("000000000000", _STORES)
"""The account in memory of tests/unit/crashes."""


_NOTHING_THERE = {"NoSuchBucket", "NotFound"}
"""What a test asks of a bucket or a topic that no stack has tells nothing of what a role needs."""
_OF_EXAMPLES = "111122223333"
"""The account in AWS's own example events."""


def stacks(folder: Path) -> dict[str, Stack]:
    """The stacks in which calls of a folder were recorded; the local cloud's is there if it was harvested."""
    found = {"functions": FUNCTIONS, "roads": ROADS}
    if (folder / NAMES).exists():
        local = json.loads((folder / NAMES).read_text())
        found["local"] = Stack(local["account"], local["names"])
    return found


def everything(folder: Path) -> list[Asked]:
    """What was recorded, and what definitions and services ask for in the same stacks; each question once."""
    known = stacks(folder)
    found = list(_recorded(folder, known))
    for stack in known.values():
        found += [*definitions.asked(stack), *services.functions(stack), *services.deployments(stack)]
    return list({(each.role, each.need, each.tenant, id(each.stack)): each for each in reversed(found)}.values())


def _recorded(folder: Path, known: dict[str, Stack]) -> Iterator[Asked]:
    """Conditions on tags see the tags that were given when something was made."""
    lines = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    tags = _tagged(lines, known)
    for line in lines:
        stack = known.get(line["world"])
        if stack is None or line["error"] in _NOTHING_THERE:
            continue
        if line["service"] == "job":
            yield from services.jobs(line["operation"], line["params"], stack)
        elif line["role"]:
            logical = _function(stack, line["role"])
            if line.get("tenant"):  # whose session is the role's own, taken on for the tenant
                role = stack.role_of[logical]
                named = stack.physical.get(role, f"{stack.name}-{role}-1")
                taken = need("sts:AssumeRole", f"arn:aws:iam::{stack.account}:role/{named}")
                yield Asked(role, taken, stack, f"{logical}, for a tenant")
            for each in _needs(line, stack):
                whole = _with_tags(each, tags.get((line["world"], each.resource), {}))
                source = f"{logical} {line['service']}.{line['operation']}"
                yield Asked(stack.role_of[logical], whole, stack, source, line.get("tenant", ""))


def _needs(line: dict[str, Any], stack: Stack) -> Iterator[Need]:
    if line["service"] == "sts" and line["world"] == "functions":  # one role stands for all functions there
        own = stack.role_of[_function(stack, line["role"])]
        yield need("sts:AssumeRole", f"arn:aws:iam::{stack.account}:role/{stack.name}-{own}-1")
        return
    if line["service"] == "kms" and line["world"] == "functions":  # and one key for all topics
        line = {**line, "params": {**line["params"], "KeyId": stack.named("NotificationKey")}}
    params = json.loads(json.dumps(line["params"]).replace(_OF_EXAMPLES, stack.account))
    yield from needs(line["service"], line["operation"], params, stack.account, line["error"])
    if line["service"] == "sns" and line["operation"] == "Publish":  # under the topic's key
        _, mark, tenant = params["TopicArn"].partition("-tenant-")
        if mark:
            yield from telling(params["TopicArn"], tenant, stack.account)
            return
        for logical, _ in stack.of("AWS::KMS::Key"):
            yield from (need(f"kms:{each}", stack.arn(logical)) for each in ("GenerateDataKey", "Decrypt"))


def _function(stack: Stack, role: str) -> str:
    """The logical id of a function that was recorded by its folder's, its logical or its physical name."""
    named = {name: logical for logical, name in stack.physical.items()}
    return stack.functions.get(role) or named.get(role) or role


def _tagged(lines: list[dict[str, Any]], stacks: dict[str, Stack]) -> dict[tuple[str, str], dict[str, str]]:
    """The tags that were given to what was made, by world and ARN."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        given = line["params"].get("Tags")
        stack = stacks.get(line["world"])
        if stack is not None and given and isinstance(given, list) and line["service"] == "sagemaker":
            for each in _needs(line, stack):
                if each.action == "sagemaker:AddTags":
                    found.setdefault((line["world"], each.resource), {tag["Key"]: tag["Value"] for tag in given})
    return found


def _with_tags(asked: Need, tags: dict[str, str]) -> Need:
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return needed(asked.action, asked.resource, {**context, **dict(asked.context)})
