"""Keep what scales an endpoint through a release: hold its instances before the change, let it scale again after."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.ledger import Ledger
from headgate.domain.errors import ScalingRefusedError
from headgate.domain.lease import Lease
from headgate.domain.names import OWNER_TAG, Project
from headgate.domain.releases import EndpointState, Release
from headgate.domain.scaling import Bounds, Kept, Scaling, keep, without_instances


def hold_capacity(project: Project, lease: Lease, *, ledger: Ledger, scaling: Autoscaling, owner: str) -> Bounds | None:
    """Let nothing take instances away while a release goes into service; the bounds that the target has, if it is ours.

    What AWS refuses here stops no release: without a hold the count is kept by the update all the same.

    Raises:
        LeaseLostError: when another promotion changes the endpoint by now: nobody would let go of what is held here.
    """
    endpoint = project.endpoint
    target = scaling.target(endpoint, owner)
    # Application Auto Scaling cannot be told a fence: the lease is looked at right before the call, and in any case.
    ledger.check(project, lease)
    if target is None or not target.ours:
        return None
    if not target.held:
        with suppress(ScalingRefusedError):
            scaling.hold(endpoint, yes=True)
    return target.bounds


def let_go(endpoint: str, *, scaling: Autoscaling) -> None:
    """Let policies take instances away again; what AWS refuses here is for the next release to mend."""
    with suppress(ScalingRefusedError):
        scaling.hold(endpoint, yes=False)


def let_scale(
    project: Project,
    serving: Release | None,
    endpoint: EndpointState | None,
    before: Bounds | None,
    *,
    scaling: Autoscaling,
    owner: str,
    still: Callable[[], None],
) -> dict[str, Any] | None:
    """Let an endpoint that has come to rest scale as the release asks for that serves on it. Safe to repeat.

    Args:
        project: whose endpoint it is.
        serving: the release whose settings hold from now on.
        endpoint: as it is.
        before: the bounds that the target had before the release that has just ended.
        scaling: the targets.
        owner: the ledger whose tag makes a target ours.
        still: raises when the caller may not change the endpoint any more; asked right before what changes it, for
            Application Auto Scaling takes no fence.

    Returns:
        What came of it, for the ledger (`min`, `max`, `reason`); None where nothing serves.

    Raises:
        TransientError: when it has to be tried again; nothing is to be settled before.
    """
    if endpoint is None:
        return None
    name = project.endpoint
    target = scaling.target(name, owner)
    if endpoint.status != "InService" or serving is None or serving.name != endpoint.config:
        if target is not None and target.ours and target.held:
            still()
            let_go(name, scaling=scaling)  # whatever becomes of the endpoint, this release holds it no longer
        return None
    if target is not None and not target.ours:
        stranger = "Somebody else registered the endpoint's scalable target, so Headgate leaves it as it is."
        return Kept(target.bounds, stranger).document()
    wishes = Scaling.of(serving.scaling, serving.instance_count)
    known = target.bounds if target is not None else before
    if serving.serverless is not None:
        kept = without_instances(serving.serverless)
    else:
        kept = keep(wishes, serving.instance_type, endpoint.instances, known)
    tags = {**project.tags, OWNER_TAG: owner}
    still()
    try:
        if kept.bounds is not None:
            scaling.keep(name, kept.bounds, wishes, tags if target is None else None)
        elif target is not None:
            scaling.remove(name)
    except ScalingRefusedError as error:
        return Kept(_freed(name, scaling, owner), str(error)).document()
    return kept.document()


def _freed(endpoint: str, scaling: Autoscaling, owner: str) -> Bounds | None:
    """The bounds of a target that could not be made as it was asked for; at least nothing holds it any more."""
    target = scaling.target(endpoint, owner)
    if target is None:
        return None
    let_go(endpoint, scaling=scaling)
    return target.bounds
