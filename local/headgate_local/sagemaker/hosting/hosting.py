"""Hosting as a whole: what serves the endpoints of all accounts and regions."""

import contextvars
import fnmatch
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from headgate_local.faults.book import BadOrder
from headgate_local.sagemaker.hosting.deployment import Deployment, TurnedBack
from headgate_local.sagemaker.hosting.live import Fleet, LiveEndpoint
from headgate_local.sagemaker.hosting.server import PATIENCE, Server
from headgate_local.sagemaker.hosting.telemetry import Telemetry
from headgate_local.sagemaker.hosting.variant import DeploymentFailed
from headgate_local.sagemaker.resources import arn

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")
MIRRORS = 8
"""Requests to shadow variants at a time; what cannot be mirrored then is left out."""


class Hosting:
    """All live endpoints, what measures them, and what ends with the cloud."""

    def __init__(self, sagemaker: "SageMaker") -> None:
        self.telemetry = Telemetry(sagemaker.metrics)
        self.endpoints: dict[str, LiveEndpoint] = {}
        """By the endpoint's ARN."""
        self.deployments: dict[str, Deployment] = {}
        """By the endpoint's ARN: those under way."""
        self.mirrors = ThreadPoolExecutor(MIRRORS, thread_name_prefix="shadow")
        self.mirroring = threading.Semaphore(MIRRORS)
        self.closed = False
        """Whether the cloud stops: nobody waits for what is under way any more."""
        self._lock = threading.Lock()
        self._retiring: set[Fleet] = set()
        self._faults = sagemaker.faults
        self._faults.on_order["aws:sagemaker:terminate-instance"] = self._terminate

    def retire(self, fleet: Fleet) -> None:
        """Let a fleet end in the background, once the requests under way have been answered."""
        with self._lock:
            self._retiring.add(fleet)

        def end() -> None:
            fleet.retire()
            with self._lock:
                self._retiring.discard(fleet)

        in_background(end, "endpoint-retire")

    def check_rollback(self, endpoint: str) -> None:
        """Raise DeploymentFailed if the way back of an endpoint is to fail on order."""
        if self._faults.take("aws:sagemaker:fail-rollback", endpoint):
            raise DeploymentFailed("the fault aws:sagemaker:fail-rollback is on order")

    def close(self) -> None:
        """End every process that serves."""
        self.closed = True
        for deployment in list(self.deployments.values()):
            deployment.turn_back("The local cloud stops.")
        with self._lock:
            fleets = {fleet for endpoint in self.endpoints.values() for fleet in endpoint.fleets} | self._retiring
        ending = [threading.Thread(target=fleet.retire, args=(0,)) for fleet in fleets]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join(PATIENCE)
        self.mirrors.shutdown(wait=False, cancel_futures=True)
        self.telemetry.close()

    def _terminate(self, target: str, parameters: Mapping[str, str]) -> None:
        """End processes of the endpoints of these names as a crash does."""
        here = arn("endpoint", "")
        pattern, variant = here + target.lower(), parameters.get("variant")
        servers = [
            server
            for name, endpoint in self.endpoints.items()
            if fnmatch.fnmatchcase(name, pattern)
            for fleet in endpoint.fleets
            for each in fleet.variants.values()
            if variant in (None, each.name)
            for server in each.instances.servers
            if isinstance(server, Server)
        ]
        if not servers:
            raise BadOrder(f"No endpoint {target} has an instance{f' of variant {variant}' if variant else ''}.")
        for server in servers[: int(float(parameters.get("count", "1")))]:
            server.kill()


def reason_of(failure: Exception, what: str) -> str:
    """What a FailureReason says of a failure; one that nobody foresaw is logged."""
    if isinstance(failure, (DeploymentFailed, TurnedBack)):
        return str(failure)
    logger.error("%s failed for a reason of the local cloud's", what, exc_info=failure)
    return "InternalFailure: the log of the local cloud says more."


def in_background(work: Callable[[], None], name: str, on_failure: Callable[[str], object] | None = None) -> None:
    """Do it in a thread, in the account and region of now; log what goes wrong unexpectedly.

    `on_failure` is told the reason then: whoever has shown that work is under way shows there that it has ended.
    """

    def guarded() -> None:
        try:
            work()
        except Exception as failure:
            reason = reason_of(failure, name)
            if on_failure:
                on_failure(reason)

    threading.Thread(target=contextvars.copy_context().run, args=(guarded,), name=name, daemon=True).start()
