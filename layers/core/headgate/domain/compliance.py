"""What has to hold of a deployment and of what it decided, as rules, each mapped to the controls that ask for it.

The same rules judge the template before it is deployed and the stack as it is. What is seen is an argument.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

LEAST_LOG_DAYS = 90
"""Three months of logs have to be at hand (PCI DSS 10.5.1); what was decided is kept in the audit trail, for years."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3 as it is; `locked` is None where nobody asks for that, else whether objects are by default."""

    name: str
    region: str
    encrypted: bool
    versioned: bool
    private: bool
    over_tls: bool
    locked: bool | None = None


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
class Served:
    """A version in service: whether its `card` is there, the word of a person where it needs one, and its trail."""

    project: str
    version: str
    card: bool
    needs_approval: bool
    approved: bool
    trail_is_sound: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that is judged."""

    region: str
    buckets: Sequence[Bucket] = ()
    tables: Sequence[Table] = ()
    queues: Sequence[Queue] = ()
    logs: Sequence[Logs] = ()
    topics: Sequence[Topic] = ()
    served: Sequence[Served] = field(default=())


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


def _encryption(seen: Deployment) -> Iterator[Breach]:
    kept: list[Bucket | Table | Queue | Topic] = [*seen.buckets, *seen.tables, *seen.queues, *seen.topics]
    for each in kept:
        if not each.encrypted:
            yield each.name, "What it holds is not encrypted."


def _transit(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "It answers requests without TLS.") for each in seen.buckets if not each.over_tls)


def _public(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "It could be made public.") for each in seen.buckets if not each.private)


def _keys(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "Its key does not rotate.") for each in seen.topics if not each.rotates)


def _versions(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "What is overwritten is lost.") for each in seen.buckets if not each.versioned)


def _recovery(seen: Deployment) -> Iterator[Breach]:
    yield from (
        (each.name, "It cannot be brought back as it was at a point in time.")
        for each in seen.tables
        if not each.recoverable
    )


def _lock(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "Objects in it can be deleted.") for each in seen.buckets if each.locked is False)


def _retention(seen: Deployment) -> Iterator[Breach]:
    for each in seen.logs:
        if each.days is None:
            yield each.name, "It keeps its logs for ever; say for how long (LogRetentionDays)."
        elif each.days < LEAST_LOG_DAYS:
            yield (
                each.name,
                f"It keeps its logs for {each.days} days; {LEAST_LOG_DAYS} are asked for (LogRetentionDays).",
            )


def _alarms(seen: Deployment) -> Iterator[Breach]:
    yield from ((each.name, "Nobody is told of what lies in it.") for each in seen.queues if not each.alarmed)


def _residency(seen: Deployment) -> Iterator[Breach]:
    kept: list[Bucket | Table] = [*seen.buckets, *seen.tables]
    for each in kept:
        if each.region != seen.region:
            yield each.name, f"It lies in {each.region}, and the deployment in {seen.region}."


def _cards(seen: Deployment) -> Iterator[Breach]:
    for each in seen.served:
        if not each.card:
            yield each.project, f"Version {each.version} serves and has no model card."


def _approvals(seen: Deployment) -> Iterator[Breach]:
    for each in seen.served:
        if each.needs_approval and not each.approved:
            yield each.project, f"Version {each.version} serves, and nobody's approval of it is on record."


def _trail(seen: Deployment) -> Iterator[Breach]:
    for each in seen.served:
        if not each.trail_is_sound:
            yield each.project, "Its audit trail is not as it was written; headgate audit verify tells where."


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
        "10.3.4",
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
    Rule("audit-locked", "The audit trail's copies cannot be deleted.", "164.312(b)", "10.3.2", "AU-9", _lock),
    Rule(
        "logs-kept",
        f"Logs are kept for {LEAST_LOG_DAYS} days or longer, and not for ever.",
        "164.316(b)(2)(i)",
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
    Rule("data-residency", "Data lies in the deployment's region.", "164.310(d)(1)", "12.5.2", "SA-9(5)", _residency),
    Rule("model-cards-present", "Whatever serves has a model card.", "164.316(b)(1)", "6.5.1", "CM-8", _cards),
    Rule(
        "approvals-recorded",
        "Whatever needs a person's word has it on record.",
        "164.308(a)(4)(ii)(B)",
        "6.5.1",
        "CM-3",
        _approvals,
    ),
    Rule("audit-sound", "The audit trail is as it was written.", "164.312(c)(1)", "10.3.4", "AU-10", _trail),
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
