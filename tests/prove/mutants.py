"""Policies changed for the worse, one place at a time; a fence, the matrix or the table has to notice each change."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.session_policy import session_policy
from tests.prove import tenancy
from tests.prove.fences import calls, climbed, misled
from tests.prove.matrix import OTHERS, OWN, catalogue, play
from tests.prove.referee import Referee
from tests.prove.stack import OF_SAGEMAKER, Stack, stack_of
from tests.prove.table import place, unexplained

Document = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    """A change: where, which, and by what it was noticed; nothing where it was not."""

    where: str
    what: str
    caught_by: str


def session_mutants(referee: Referee, stack: Stack) -> Iterator[Mutant]:
    """The session policy, changed: caught when a session then reaches what is another tenant's."""
    whole = session_policy(place(stack), OWN)
    for number, (what, mutated) in enumerate(_changes(whole, actions=False)):  # the role bounds the actions
        caught = ""
        for other in OTHERS:
            tried = play(referee, stack, catalogue(stack, other), ["anybody"], mutated, f"mutant {number}")
            caught = caught or next((each.attempt.fault for each in tried if each.allowed), "")
            if caught:
                break
        yield Mutant("session policy", what, caught)


def role_mutants(referee: Referee, stack: Stack) -> Iterator[Mutant]:
    """Every policy of the template, changed: caught by a role that gets over a fence, or by the table's wildcards."""
    for logical, path, policy in _policies(stack):
        carriers = _carriers(stack, logical)
        for what, mutated in _changes(policy):
            changed = _with(stack, logical, path, mutated)
            found = unexplained(referee, changed, logical)
            if not found:
                found = [f"{each.fault}" for _, each, _ in climbed(referee, changed, carriers)]
            yield Mutant(logical, what, found[0] if found else "")


def resource_mutants(referee: Referee, stack: Stack) -> Iterator[Mutant]:
    """Policies of resources, changed: caught by a service that is misled."""
    kinds = {
        "AWS::S3::BucketPolicy": ("PolicyDocument",),
        "AWS::SQS::QueuePolicy": ("PolicyDocument",),
        "AWS::KMS::Key": ("KeyPolicy",),
        "AWS::Lambda::Permission": (),
    }
    for kind, path in kinds.items():
        for logical, properties in stack.of(kind):
            for what, mutated in _permission_changes(properties) if not path else _changes(_at(properties, path)):
                changed = _with(stack, logical, path, mutated)
                wrong = misled(referee, changed, calls(changed))
                yield Mutant(logical, what, wrong[0][0].fault if wrong else "")


def tenant_mutants(referee: Referee, stack: Stack) -> Iterator[Mutant]:
    """The policies of a tenant's own stack, changed: caught by what its role, or anybody, then reaches."""
    own = stack_of(OWN, stack)
    made = tenancy.tries(stack)
    places: list[tuple[str, tuple[Any, ...]]] = [
        ("Key", ("KeyPolicy",)),
        *((role, ("Policies", 0, "PolicyDocument")) for role in tenancy.ROLES),
        *((role, ("AssumeRolePolicyDocument",)) for role in OF_SAGEMAKER),
    ]
    for logical, path in places:
        for what, mutated in _changes(_at(own.resources[logical]["Properties"], path), actions=False):
            changed = _with(own, logical, path, mutated)
            found = unexplained(referee, changed, logical) if logical in OF_SAGEMAKER else []
            if not found:
                found = [each.fault for each, _ in tenancy.wrong(referee, stack, changed, made)]
            yield Mutant(f"a tenant's {logical}", what, found[0] if found else "")


def _changes(policy: Document, actions: bool = True) -> Iterator[tuple[str, Document]]:
    """Each condition dropped, each value of one widened, each resource and action widened, each Deny gone."""
    for number, statement in enumerate(policy["Statement"]):
        sid = statement.get("Sid", f"statement {number + 1}")

        def without(change: Callable[[Document], None], number: int = number) -> Document:
            mutated = copy.deepcopy(policy)
            change(mutated["Statement"][number])
            return mutated

        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                yield f"{sid}: no {operator} {key}", without(lambda each, o=operator, k=key: _drop(each, o, k))
        if statement.get("Effect") == "Deny":
            mutated = copy.deepcopy(policy)
            del mutated["Statement"][number]
            yield f"{sid}: gone", {**mutated, "Statement": mutated["Statement"] or [_NOTHING]}
            continue
        ours = "Principal" not in statement  # a resource's own policy holds for that resource, whatever it names
        for position, resource in enumerate(_listed(statement["Resource"]) if ours else []):
            if resource != "*":
                yield (
                    f"{sid}: {_short(resource)} becomes *",
                    without(lambda each, p=position: _widen(each, "Resource", p, "*")),
                )
        for position, action in enumerate(_listed(statement["Action"])):
            wider = f"{action.partition(':')[0]}:*"
            if actions and ours and action != wider:
                yield (
                    f"{sid}: {action} becomes {wider}",
                    without(lambda each, p=position, w=wider: _widen(each, "Action", p, w)),
                )
        for service in [] if ours else _listed(statement["Principal"].get("Service", [])):
            yield f"{sid}: anybody in place of {service}", without(lambda each: each.update(Principal="*"))


_NOTHING = {"Sid": "Nothing", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectTorrent", "Resource": "*"}


def _permission_changes(properties: Document) -> Iterator[tuple[str, Document]]:
    yield "no SourceArn", {key: value for key, value in properties.items() if key != "SourceArn"}


def _drop(statement: Document, operator: str, key: str) -> None:
    del statement["Condition"][operator][key]
    if not statement["Condition"][operator]:
        del statement["Condition"][operator]
    if not statement["Condition"]:
        del statement["Condition"]


def _widen(statement: Document, element: str, position: int, wider: str) -> None:
    values = _listed(statement[element])
    statement[element] = [*values[:position], wider, *values[position + 1 :]]


def _policies(stack: Stack) -> Iterator[tuple[str, tuple[Any, ...], Document]]:
    for logical, properties in stack.of("AWS::IAM::Role"):
        for number, each in enumerate(properties.get("Policies", [])):
            yield logical, ("Policies", number, "PolicyDocument"), each["PolicyDocument"]
    for logical, properties in stack.of("AWS::IAM::ManagedPolicy"):
        yield logical, ("PolicyDocument",), properties["PolicyDocument"]


def _carriers(stack: Stack, logical: str) -> list[str]:
    """The roles that have a policy: one that is shared is tried with two of them."""
    if logical in stack.roles:
        return [logical]
    return [name for name, role in stack.roles.items() if any(each.home == logical for each in role.policies)][:2]


def _with(stack: Stack, logical: str, path: tuple[Any, ...], value: Document) -> Stack:
    """The stack with one policy in another's place."""
    template = {**stack.template, "Resources": dict(stack.template["Resources"])}
    resource = copy.deepcopy(template["Resources"][logical])
    if not path:
        resource["Properties"] = value
    else:
        _at(resource["Properties"], path[:-1])[path[-1]] = value
    template["Resources"][logical] = resource
    return Stack(stack.account, stack.physical, template, stack.name)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for each in path:
        value = value[each]
    return value


def _short(resource: Any) -> str:
    text = str(resource.get("Fn::Sub", next(iter(resource.values()))) if isinstance(resource, Mapping) else resource)
    return text.rpartition("}:")[2]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
