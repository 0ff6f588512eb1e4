"""Everything that Headgate changes in MiniStack, which offers no plug-ins: one module for each seam.

They are private names of one version, 1.5.33, to which it is pinned; ``tests/contract/test_seams.py`` fails for each
one that an upgrade moves.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

_installed: list["SageMaker"] = []


def install(endpoint_url: str) -> None:
    """Add to MiniStack, in this process, what it lacks. Call it once, in the main thread, before serving."""
    from headgate_local.sagemaker.service import SageMaker
    from headgate_local.seams import (
        bus,
        conditions,
        connections,
        encryption,
        faults,
        identity,
        lambdas,
        machines,
        monitoring,
        objects,
        pauses,
        queues,
        routing,
        scaling,
        settings,
        streams,
        transport,
    )

    if _installed:
        raise RuntimeError("The seams are installed already; MiniStack can be extended once in a process.")
    sagemaker = SageMaker(endpoint_url)
    _installed.append(sagemaker)
    routing.install(sagemaker)
    identity.install()
    conditions.install()
    monitoring.install(sagemaker)
    scaling.install(sagemaker.scaling)
    lambdas.install()
    objects.install()
    encryption.install()
    settings.install()
    pauses.install()
    queues.install()
    transport.install()
    bus.install()
    streams.install()
    connections.install()
    machines.install(sagemaker)
    faults.install(sagemaker.faults)  # the last: it stands before every service that was added


def shutdown() -> None:
    """End every process that was started on the way; fine to call when nothing was installed."""
    while _installed:
        _installed.pop().close()
