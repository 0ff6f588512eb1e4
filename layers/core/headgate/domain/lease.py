"""One endpoint, one writer: the lease that every change of an endpoint needs, and the one place in line behind it.

Rules only, and no clock. Every grant takes a new number, the fence. Whoever writes under a lease says its fence, and an
older one is refused; so of two invocations of the same task only the later one gets through, and one that wakes too
late changes nothing. The fence is also the holder's sign of life: who waits notes it, and may take the lease over only
when it is still the same after a whole term of waiting. A term is measured by the one clock of whoever waits.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PlaceInLine:
    """The place in line: who waits, and the task token that wakes it.

    `order` values compare as text; the greater is the newer. `visit` is how many terms the waiting one had waited when
    it noted the fence `saw`.
    """

    holder: str
    order: str
    token: str
    visit: int
    saw: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may change an endpoint; `holder` is the name of an execution, None while nobody may.

    `token` wakes the holder when the endpoint has come to rest. `revision` counts the writes, so that a writer can make
    sure that nothing changed since it read.
    """

    holder: str | None = None
    fence: int = 0
    token: str | None = None
    waiting: PlaceInLine | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the lease; `visit` is how many whole terms it has waited, `token` the task that waits now."""

    holder: str
    order: str
    token: str
    visit: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """The lease is, or becomes, the claim's; `passed_over` waited for it and is older."""

    lease: Lease
    passed_over: PlaceInLine | None = None


@dataclass(frozen=True, slots=True)
class InLine:
    """The claim waits behind the holder, in the place of `passed_over`."""

    lease: Lease
    passed_over: PlaceInLine | None = None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A newer claim waits already."""

    by: str


def take(lease: Lease, claim: Claim) -> Granted | InLine | PassedOver:
    """Decide what becomes of a claim. Asking again with the same claim is harmless.

    One holds, one waits; of those that would wait the newest does.
    """
    place = lease.waiting
    waits = place is not None and place.holder == claim.holder
    if lease.holder == claim.holder:
        return Granted(_granted(lease, claim.holder))
    if place is not None and not waits and place.order >= claim.order:
        return PassedOver(by=place.holder)
    passed_over = None if waits else place
    if lease.holder is None or (place is not None and waits and _expired(lease, place, claim)):
        return Granted(replace(_granted(lease, claim.holder), waiting=None), passed_over)
    if place is not None and waits and place.visit > claim.visit:
        return InLine(lease)  # an earlier visit of the same claim that comes late: what it saw is older still
    # Within one term nothing is noted anew, or an invocation that comes twice would shorten the term.
    saw = place.saw if place is not None and waits and place.visit == claim.visit else lease.fence
    mine = PlaceInLine(claim.holder, claim.order, claim.token, claim.visit, saw)
    return InLine(replace(lease, waiting=mine), passed_over)


def renew(lease: Lease, holder: str, *, if_free: bool = False) -> Lease | None:
    """The lease under a new fence for an invocation that acts for `holder`, or None when it is another's.

    `if_free`: also when nobody holds it. Whoever else waits keeps its place.
    """
    if lease.holder == holder or (if_free and lease.holder is None):
        return _granted(lease, holder)
    return None


def leave(lease: Lease, holder: str) -> Lease:
    """The lease when `holder` is done with it: it neither holds it nor waits for it any more."""
    left = replace(lease, holder=None, token=None) if lease.holder == holder else lease
    waits = left.waiting is not None and left.waiting.holder == holder
    return replace(left, waiting=None) if waits else left


def _granted(lease: Lease, holder: str) -> Lease:
    token = lease.token if lease.holder == holder else None
    others = lease.waiting if lease.waiting is not None and lease.waiting.holder != holder else None
    return replace(lease, holder=holder, fence=lease.fence + 1, token=token, waiting=others)


def _expired(lease: Lease, place: PlaceInLine, claim: Claim) -> bool:
    return place.visit < claim.visit and place.saw == lease.fence
