"""The life of a run, and the rule that one project has one run at a time.

Rules only: what is true is read by the caller, what shall be true is returned to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from headgate.domain.freezes import Freeze


class Outcome(StrEnum):
    """How a run ends. Each run ends once."""

    PROMOTED = "PROMOTED"
    NOT_PROMOTED = "NOT_PROMOTED"
    REJECTED = "REJECTED"
    ROLLED_BACK = "ROLLED_BACK"
    SUPERSEDED = "SUPERSEDED"
    FAILED = "FAILED"


WAITING = "WAITING"
RUNNING = "RUNNING"
OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves, and what it was trained on."""

    sequence: int
    version: str
    dataset: str
    model_data_url: str


@dataclass(frozen=True, slots=True)
class LastSearch:
    """The project's last search for settings, and what a later one must share with it to start from its trials."""

    job: str
    shape: str


@dataclass(frozen=True, slots=True)
class Head:
    """What a project's ledger says of the present.

    `order` values compare as text; the greater is the newer upload. `freeze` is the last one, whether it still holds or
    not. `revision` counts the writes, so that a writer can make sure that nothing changed since it read.
    """

    active: str | None = None
    waiting: str | None = None
    waiting_order: str = ""
    champion: Champion | None = None
    holdout: str | None = None
    next_release: int = 1
    search: LastSearch | None = None
    freeze: Freeze | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One dataset's way through Headgate, as the ledger keeps it.

    `passed_over_by` is the run whose version took the place of this one's in the line for the endpoint. `approval` is
    what a person was asked for: the `package` in the registry, the task's `token`, and the `visit` that asked last.
    `retrain` tells of a retraining who asked for it and why, and of which datasets it is made; None of an upload.
    """

    run: str
    tenant: str
    project: str
    dataset: str
    name: str
    order: str
    arrived_at: str
    state: str = WAITING
    ended_at: str | None = None
    reason_code: str | None = None
    reason: str | None = None
    version: str | None = None
    release: int | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    passed_over_by: str | None = None
    approval: dict[str, Any] | None = None
    retrain: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether the terminal record is written."""
        return self.state in OUTCOMES


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ends: the outcome, a code for machines and a sentence for people."""

    outcome: Outcome
    reason_code: str
    reason: str
    version: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """The run is, or becomes, the project's active one; starting it again is harmless."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The run waits behind the active one, in place of `supersedes`."""

    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class Supersede:
    """A newer upload already waits; this one ends SUPERSEDED by it."""

    by: str


def admit(head: Head, run: str, order: str) -> Start | Wait | Supersede:
    """Decide what becomes of a run that wants to start.

    One run of a project is active; of those that arrive meanwhile the newest waits, the others are superseded.
    Asking twice for the same run gives an answer that changes nothing.
    """
    if head.active in (None, run):
        return Start()
    if head.waiting == run:
        return Wait()
    if head.waiting is not None and head.waiting_order >= order:
        return Supersede(by=head.waiting)
    return Wait(supersedes=head.waiting)


def attempts(runs: Iterable[Run], run: str, champion: Champion) -> int:
    """How many challengers the champion has met, the one of `run` included.

    Counted are the runs that came after the champion's own, were judged and not promoted. Asking again after `run` has
    ended gives the same number.
    """
    known = list(runs)
    since = max((each.order for each in known if each.dataset == champion.dataset), default="")
    return 1 + sum(
        each.state == Outcome.NOT_PROMOTED and bool(each.metrics) and each.order > since and each.run != run
        for each in known
    )


def superseded(by: str) -> Ending:
    """The ending of a run that a newer upload overtook before it started."""
    return Ending(
        Outcome.SUPERSEDED,
        "NEWER_DATASET",
        f"A newer dataset arrived before this one could start; run {by} goes on in its place.",
    )


def passed_over(by: str) -> Ending:
    """The ending of a run whose version a newer one overtook while it waited for the endpoint."""
    return Ending(
        Outcome.SUPERSEDED,
        "NEWER_VERSION",
        f"A newer version came while this one waited for the endpoint; run {by} goes on in its place.",
    )


def rolled_back_first(by: str) -> Ending:
    """The ending of a run whose version waited for the endpoint, or would have, when a rollback took its place."""
    return Ending(
        Outcome.SUPERSEDED,
        "ROLLBACK_FIRST",
        f"The champion that this version was judged against is being rolled back, or made anew (incident {by}). Drop "
        "the dataset again to have it judged anew.",
    )
