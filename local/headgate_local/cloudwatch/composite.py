"""Composite alarms: a rule over the states of other alarms. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from headgate_local.cloudwatch.evaluation import ALARM, OK

Node = tuple[Any, ...]
"""A parsed rule, as MiniStack's parser makes it: ("state", "ALARM", reference), ("not", node), ("and", *nodes),
("or", *nodes), ("const", truth), ("at_least", count, is percent, is negated, state, references)."""
Parser = Callable[[str], Node]
States = Callable[[str], str | None]
"""The state of an alarm by its name or ARN; None if there is none."""


def state_of(rule: Node, states: States) -> str:
    """ALARM while the rule holds, else OK."""
    return ALARM if _holds(rule, states) else OK


def references(rule: Node) -> Iterator[str]:
    """The alarms that a rule speaks of, in its order."""
    match rule:
        case ("state", _, reference):
            yield reference
        case ("at_least", _, _, _, _, named):
            yield from named
        case ("const", _):
            return
        case (_, *parts):
            for part in parts:
                yield from references(part)


def _holds(rule: Node, states: States) -> bool:
    match rule:
        case ("const", truth):
            return bool(truth)
        case ("state", wanted, reference):
            return states(reference) == wanted
        case ("not", part):
            return not _holds(part, states)
        case ("and", *parts):
            return all(_holds(part, states) for part in parts)
        case ("or", *parts):
            return any(_holds(part, states) for part in parts)
        case ("at_least", count, is_percent, is_negated, wanted, named):
            holding = sum((states(reference) == wanted) != is_negated for reference in named)
            return bool(holding * 100 >= count * len(named) if is_percent else holding >= count)
    raise AssertionError(f"The parser made {rule[0]!r} of a rule, which is not known here.")
