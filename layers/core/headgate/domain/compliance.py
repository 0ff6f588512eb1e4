"""What has to hold of a deployment and of what it decided, as rules, each mapped to the controls that ask for it.

The same rules judge the template before it is deployed and the stack as it is. What is seen is an argument.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_LOG_DAYS = 365
"""Twelve months (PCI DSS 10.5.1); what was decided is kept in the audit trail, for years."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3 as it is; `locked` is None where nobody asks for that, else for how many days objects are."""

    name: str
    region: str
    encrypted: bool
    versioned: bool
    private: bool
    over_tls: bool
    locked: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of DynamoDB; `recoverable` to any point of the last weeks."""

    name: str
    region: str
    encrypted: bool
    recoverable: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of dead letters; `alarmed`: an alarm on it tells people."""

    name: str
    encrypted: bool
    alarmed: bool


@dataclass(frozen=True, slots=True)
class Logs:
    """A log group, and for how many days it keeps what it has; None is for ever."""

    name: str
    days: int | None


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic that people subscribe to: whether it is encrypted, and under a key that rotates."""

    name: str
    encrypted: bool
    rotates: bool


@dataclass(frozen=True, slots=True)
class Key:
    """The key that all of a tenant lies under."""

    name: str
    rotates: bool


@dataclass(frozen=True, slots=True)
class Served:
    """A version in service: whether its `card` is there, and the word of a person where it needs one."""

    name: str
    version: str
    card: bool
    needs_approval: bool
    approved: bool


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit trail of a project, or of a tenant itself, and whether it is as it was written."""

    name: str
    sound: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that is judged."""

    region: str
    buckets: Sequence[Bucket] = ()
    tables: Sequence[Table] = ()
    queues: Sequence[Queue] = ()
    logs: Sequence[Logs] = ()
    topics: Sequence[Topic] = ()
    keys: Sequence[Key] = ()
    served: Sequence[Served] = ()
    trails: Sequence[Trail] = ()


Breach = tuple[str, str]
"""What it is about, and in a sentence what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it asks for, the controls that ask for it by framework, and how it is judged."""

    name: str
    asks: str
    hipaa: str
    pci: str
    nist: str
    judge: Callable[[Deployment], Iterator[Breach]]


def _unsound(things: Iterable[Any], sound: Callable[[Any], bool], said: str) -> Iterator[Breach]:
    """What is wrong with those that are not sound; `said` tells of `each` by its fields."""
    yield from ((each.name, said.format(each=each)) for each in things if not sound(each))


def _encryption(seen: Deployment) -> Iterator[Breach]:
    kept = [*seen.buckets, *seen.tables, *seen.queues, *seen.topics]
    return _unsound(kept, lambda each: each.encrypted, "What it holds is not encrypted.")


def _transit(seen: Deployment) -> Iterator[Breach]:
    return _unsound(seen.buckets, lambda each: each.over_tls, "It answers requests without TLS.")


def _public(seen: Deployment) -> Iterator[Breach]:
    return _unsound(seen.buckets, lambda each: each.private, "It could be made public.")


def _keys(seen: Deployment) -> Iterator[Breach]:
    return _unsound([*seen.topics, *seen.keys], lambda each: each.rotates, "Its key does not rotate.")


def _versions(seen: Deployment) -> Iterator[Breach]:
    return _unsound(seen.buckets, lambda each: each.versioned, "What is overwritten is lost.")


def _recovery(seen: Deployment) -> Iterator[Breach]:
    said = "It cannot be brought back as it was at a point in time."
    return _unsound(seen.tables, lambda each: each.recoverable, said)


def _lock(seen: Deployment) -> Iterator[Breach]:
    said = (
        f"Objects in it can be deleted after {{each.locked}} days; {LEAST_LOG_DAYS} are asked for (AuditRetentionDays)."
    )
    return _unsound(seen.buckets, lambda each: each.locked is None or each.locked >= LEAST_LOG_DAYS, said)


def _retention(seen: Deployment) -> Iterator[Breach]:
    forever = "It keeps its logs for ever; say for how long (LogRetentionDays)."
    yield from _unsound(seen.logs, lambda each: each.days is not None, forever)
    short = f"It keeps its logs for {{each.days}} days; {LEAST_LOG_DAYS} are asked for (LogRetentionDays)."
    yield from _unsound(seen.logs, lambda each: each.days is None or each.days >= LEAST_LOG_DAYS, short)


def _alarms(seen: Deployment) -> Iterator[Breach]:
    return _unsound(seen.queues, lambda each: each.alarmed, "Nobody is told of what lies in it.")


def _residency(seen: Deployment) -> Iterator[Breach]:
    said = f"It lies in {{each.region}}, and the deployment in {seen.region}."
    return _unsound([*seen.buckets, *seen.tables], lambda each: each.region == seen.region, said)


def _cards(seen: Deployment) -> Iterator[Breach]:
    return _unsound(seen.served, lambda each: each.card, "Version {each.version} serves and has no model card.")


def _approvals(seen: Deployment) -> Iterator[Breach]:
    said = "Version {each.version} serves, and nobody's approval of it is on record."
    return _unsound(seen.served, lambda each: each.approved or not each.needs_approval, said)


def _trails(seen: Deployment) -> Iterator[Breach]:
    said = "Its audit trail is not as it was written; headgate audit verify tells where."
    return _unsound(seen.trails, lambda each: each.sound, said)


RULES: tuple[Rule, ...] = (
    Rule(
        "encryption-at-rest",
        "Everything that is kept is encrypted.",
        "164.312(a)(2)(iv)",
        "3.5.1",
        "SC-28",
        _encryption,
    ),
    Rule(
        "encryption-in-transit", "Nothing is read or written without TLS.", "164.312(e)(1)", "4.2.1", "SC-8", _transit
    ),
    Rule("no-public-access", "Nothing can be made public.", "164.312(a)(1)", "1.4.4", "AC-3", _public),
    Rule("key-rotation", "Keys of our own rotate.", "164.312(a)(2)(iv)", "3.7.4", "SC-12", _keys),
    Rule(
        "versions-kept",
        "What is overwritten or deleted can be had back.",
        "164.308(a)(7)(ii)(A)",
        "12.10.1",
        "CP-9",
        _versions,
    ),
    Rule(
        "point-in-time-recovery",
        "The ledger can be had back as it was.",
        "164.308(a)(7)(ii)(B)",
        "12.10.1",
        "CP-10",
        _recovery,
    ),
    Rule(
        "audit-locked",
        f"The audit trail's copies cannot be deleted for {LEAST_LOG_DAYS} days or longer.",
        "164.312(b)",
        "10.3.2",
        "AU-9",
        _lock,
    ),
    Rule(
        "logs-kept",
        f"Logs are kept for {LEAST_LOG_DAYS} days or longer, and not for ever.",
        "164.312(b)",
        "10.5.1",
        "AU-11",
        _retention,
    ),
    Rule(
        "alarms-present",
        "People are told of what could not be handled.",
        "164.308(a)(1)(ii)(D)",
        "10.7.2",
        "SI-4",
        _alarms,
    ),
    Rule("data-residency", "Data lies in the deployment's region.", "none", "12.5.2", "SA-9(5)", _residency),
    Rule("model-cards-present", "Whatever serves has a model card.", "164.316(b)(1)(ii)", "6.5.1", "SA-5", _cards),
    Rule(
        "approvals-recorded",
        "Whatever needs a person's word has it on record.",
        "164.316(b)(1)(ii)",
        "6.5.1",
        "CM-3",
        _approvals,
    ),
    Rule("audit-sound", "The audit trail is as it was written.", "164.312(c)(1)", "10.3.4", "AU-9(3)", _trails),
)
"""HIPAA: 45 CFR, security rule. PCI DSS: version 4.0. NIST: SP 800-53, revision 5."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule and what breaks it; nothing where it holds."""

    rule: Rule
    breaches: Sequence[Breach]

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return not self.breaches


def judged(seen: Deployment) -> list[Judged]:
    """Every rule, and what breaks it."""
    return [Judged(rule, list(rule.judge(seen))) for rule in RULES]
