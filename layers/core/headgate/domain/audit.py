"""The audit trail: what an entry says, how entries hang together, and where a trail was tampered with.

An entry is one JSON text, written once. It names the hash of the entry before it, so that nothing can be changed, left
out or put in between without every later hash being wrong; the trail's head tells how many there are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BEGINNING = "0" * 64
"""What stands for the hash of the entry before the first one."""
_LEFT_OUT = frozenset({"pk", "sk", "revision", "token"})
"""Keys, the head's own counter, and what wakes a task: whoever has that can answer for it."""
_REASONS = ("reason", "why", "freeze", "condemned", "retrain", "said")


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts: a function or a person, in words; `at` is when, as the ledger writes times."""

    who: str
    at: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes different: `of` names the record, `before` and `after` hold the fields that differ and no others."""

    of: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrailHead:
    """The newest entry of a trail."""

    sequence: int = 0
    hash: str = BEGINNING


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept: its place in the trail, its text, and the hash that was written beside it."""

    sequence: int
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Copy:
    """The locked copy of an entry: its text as it was written first, and what was done to it since, in words."""

    text: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a trail is not as it was written, and in what."""

    sequence: int
    what: str


def difference(of: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change | None:
    """What a write changes, without keys, counters and task tokens; None when nothing.

    `after` may leave out what stays as it is.
    """
    old, new = _plain(before), _plain(after)
    names = [name for name in sorted(new) if old.get(name) != new[name]]
    if not names:
        return None
    return Change(of, {name: old[name] for name in names if name in old}, {name: new[name] for name in names})


def entry(
    chain: str, head: TrailHead, author: Author, what: Iterable[str], changes: Sequence[Change], why: str
) -> Entry:
    """The entry that follows on `head`. Where the changes give their own reason, that one counts."""
    document = {
        "chain": chain,
        "sequence": head.sequence + 1,
        "previous": head.hash,
        "at": author.at,
        "who": author.who,
        "what": list(what),
        "why": next((reason for each in changes if (reason := _reason(each.after))), why),
        "changes": [{"of": each.of, "before": each.before, "after": each.after} for each in changes],
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Entry(head.sequence + 1, text, digest(text))


def digest(text: str) -> str:
    """The hash of an entry's text: sha256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def flaws(
    chain: str, entries: Sequence[Entry], head: TrailHead, copies: Mapping[int, Copy] | None = None, due: str = ""
) -> list[Flaw]:
    """Everything that is wrong with a trail, in the order of its entries; empty when it is as it was written.

    `entries` are in the order of their numbers. `copies` are the locked copies by number, where there are any: they
    tell what an altered entry said, and also of a trail that was written anew from some entry on. What was written
    before `due` has one by then, or one of a later entry, which vouches for it by its hash.
    """
    found = [Flaw(0, "is no entry: somebody put it there") for each in entries if not each.sequence]
    entries = [each for each in entries if each.sequence]
    copies = copies or {}
    previous, expected = BEGINNING, 1
    for each in entries:
        if each.sequence != expected:
            found.append(_missing(expected, each.sequence - 1))
        found += [Flaw(each.sequence, what) for what in _wrong(chain, each, copies.get(each.sequence))]
        if each.sequence == expected and _field(each.text, "previous") != previous:
            found.append(
                Flaw(each.sequence, "does not follow on the entry before it: one of the two is not the original")
            )
        previous, expected = digest(each.text), each.sequence + 1
    last = max([head.sequence, *copies], default=0)
    if last >= expected:
        found.append(_missing(expected, last))
    elif (head.sequence, head.hash) != (expected - 1, previous):
        found.append(
            Flaw(expected - 1, f"is the last one, but the trail's head names entry {head.sequence} with another hash")
        )
    return found + _unvouched(entries, copies, due)


def _unvouched(entries: Sequence[Entry], copies: Mapping[int, Copy], due: str) -> list[Flaw]:
    """The end of a trail that nothing but the ledger tells of, though it is old enough to be copied."""
    last = max(copies, default=0)
    first = next((each for each in entries if each.sequence > last and str(_field(each.text, "at") or "") < due), None)
    said = (
        "and what follows were not copied in time, and could be written anew: what copies failed, or was switched off. "
        "The next entry that is copied vouches for them"
    )
    return [Flaw(first.sequence, said)] if first is not None else []


def uncopied(entries: Sequence[Entry], copies: Mapping[int, Copy]) -> list[int]:
    """The entries that have no locked copy; the newest get theirs within moments."""
    return [each.sequence for each in entries if each.sequence not in copies]


def _wrong(chain: str, kept: Entry, copy: Copy | None) -> list[str]:
    wrong = []
    if copy is not None and copy.since:
        wrong.append(f"has a locked copy that {copy.since}")
    if copy is not None and copy.text != kept.text:
        wrong.append(f"differs from its locked copy in {', '.join(_differing(kept.text, copy.text))}")
    if digest(kept.text) != kept.hash:
        wrong.append("was altered: its text does not have the hash that was written with it")
    if (_field(kept.text, "chain"), _field(kept.text, "sequence")) != (chain, kept.sequence):
        wrong.append("was moved: its text names another place")
    return wrong


def _differing(text: str, copy: str) -> list[str]:
    """The fields in which two entries differ, as paths; values are not told, since they may be anybody's."""
    try:
        return sorted(_paths("", json.loads(text), json.loads(copy))) or ["its spelling"]
    except ValueError:
        return ["everything: it is no entry any more"]


def _paths(path: str, one: Any, other: Any) -> Iterable[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            yield from _paths(f"{path}.{name}".lstrip("."), one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _paths(f"{path}[{number}]", left, right)
    elif one != other:
        yield path


def _field(text: str, name: str) -> Any:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None


def _missing(first: int, last: int) -> Flaw:
    return Flaw(first, "is missing" if first == last else f"and all up to {last} are missing")


def _reason(after: Mapping[str, Any]) -> str:
    for name in _REASONS:
        value = after.get(name)
        reason = value.get("why") if isinstance(value, Mapping) else value
        if isinstance(reason, str) and reason:
            return reason
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items() if name not in _LEFT_OUT}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
