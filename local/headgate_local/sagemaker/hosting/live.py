"""The live side of an endpoint: its fleets, and which of their variants gets a request."""

import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError
from headgate_local.sagemaker.hosting.capture import Capture
from headgate_local.sagemaker.hosting.server import PATIENCE
from headgate_local.sagemaker.hosting.telemetry import Watched
from headgate_local.sagemaker.hosting.variant import DeploymentFailed, Variant

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker


class NoSuchVariant(Exception):
    """Raised when a request is aimed at a variant that the endpoint does not have."""


class Fleet:
    """All variants of one configuration, for one endpoint. Raises DeploymentFailed if a model is gone."""

    def __init__(self, sagemaker: "SageMaker", endpoint: str, config: Record) -> None:
        self.config = config
        self._sagemaker, self._endpoint = sagemaker, endpoint
        self._folder = Path(tempfile.mkdtemp(prefix="endpoint-", dir=sagemaker.folder))
        self.variants = {wanted["VariantName"]: self._make(wanted) for wanted in config["ProductionVariants"]}
        self.shadows = [self._make(wanted) for wanted in config.get("ShadowProductionVariants", [])]

    @property
    def every(self) -> list[Variant]:
        """Its variants, the shadow too."""
        return [*self.variants.values(), *self.shadows]

    def start(self) -> None:
        """Fetch the models, and start what does not wait for a deployment's steps: serverless and shadow variants.

        Raises DeploymentFailed.
        """
        for variant in self.every:
            try:
                variant.load()
                self._capture(variant)
            except (TransferError, ApiError) as error:
                raise variant.not_loaded(error) from error
            self._sagemaker.hosting.telemetry.watch(Watched(variant.meter, variant.instances.load, variant.pids))
            variant.start()
        for shadow in self.shadows:  # one at most
            shadow.resize(shadow.config["InitialInstanceCount"])
            for variant in self.variants.values():
                variant.shadow = shadow
                variant.shadow_share = min(1.0, shadow.weight / variant.weight) if variant.weight else 1.0

    def counts(self) -> dict[str, int]:
        """Its instances by variant."""
        return {name: variant.count for name, variant in self.variants.items()}

    def resize(self, counts: Mapping[str, int]) -> None:
        """Let its variants have so many instances; raises DeploymentFailed."""
        wanted = {name: count for name, count in counts.items() if name in self.variants}
        # those that grow come first: when one cannot, nothing has gone that would have to come again
        for name in sorted(wanted, key=lambda each: self.variants[each].count - wanted[each]):
            self.variants[name].resize(wanted[name])

    def retire(self, patience: float = PATIENCE) -> None:
        """Let requests under way come to their end, then end all processes, and write what was captured."""
        for variant in self.every:
            self._sagemaker.hosting.telemetry.unwatch(variant.meter)
        closing = [threading.Thread(target=variant.instances.close, args=(patience,)) for variant in self.every]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        for variant in self.every:
            if variant.capture:
                variant.capture.flush()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _capture(self, variant: Variant) -> None:
        wanted = self.config.get("DataCaptureConfig", {})
        if wanted.get("EnableCapture", bool(wanted)):
            storage = Storage(self._sagemaker.endpoint_url, variant.role)
            variant.capture = Capture(wanted, self._endpoint, variant.name, storage)

    def _make(self, wanted: Record) -> Variant:
        try:
            return Variant(self._sagemaker, self._endpoint, self.config, wanted, self._folder)
        except ApiError as error:
            raise DeploymentFailed(error.message) from error


@dataclass(frozen=True)
class Route:
    """Where requests can go, and which part of its variant's traffic goes there."""

    variant: Variant
    share: float


class LiveEndpoint:
    """What serves an endpoint: one fleet, or two while a deployment goes from one to the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fleets: tuple[Fleet, ...] = ()
        """Oldest first."""
        self.routes: tuple[Route, ...] = ()
        """Replaced as a whole, so that a request sees either all of a change or nothing of it."""

    def choose(self, target: str | None) -> Variant:
        """The variant for a request, by weight, or the one that it is aimed at; raises NoSuchVariant."""
        routes = [route for route in self.routes if route.share > 0 and target in (None, route.variant.name)]
        if not routes:
            raise NoSuchVariant
        if len(routes) == 1:
            return routes[0].variant
        weights = [route.share * (1.0 if target else route.variant.weight) for route in routes]
        if not any(weights):
            weights = [route.share for route in routes]
        return random.choices(routes, weights)[0].variant  # noqa: S311 - chance, not secrecy

    def blend(self, base: tuple[Route, ...], new: Fleet, share: Callable[[str], float]) -> None:
        """Give a new fleet this share of each variant's traffic, and the rest to those that had it before."""
        shares = {route.variant.name: share(route.variant.name) for route in base}
        before = [Route(route.variant, route.share * (1 - shares[route.variant.name])) for route in base]
        self.routes = (*before, *(Route(variant, share(variant.name)) for variant in new.variants.values()))


class Standing:
    """The fleets that serve before a deployment, as one: they shrink from the newest, and the oldest grows again."""

    def __init__(self, fleets: tuple[Fleet, ...]) -> None:
        self._fleets = fleets

    def counts(self) -> dict[str, int]:
        """Instances by variant."""
        total: dict[str, int] = {}
        for fleet in self._fleets:
            for name, count in fleet.counts().items():
                total[name] = total.get(name, 0) + count
        return total

    def resize(self, counts: Mapping[str, int]) -> None:
        """Let the variants have so many instances; raises DeploymentFailed."""
        for name, count in counts.items():
            missing = count - self.counts().get(name, 0)
            for fleet in reversed(self._fleets):
                if name not in fleet.variants or missing == 0:
                    continue
                has = fleet.variants[name].count
                change = max(missing, -has) if missing < 0 or fleet is self._fleets[0] else 0
                fleet.variants[name].resize(has + change)
                missing -= change
