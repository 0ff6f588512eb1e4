"""Putting a version in service: what is planned, and how an endpoint's state is read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from headgate.domain.freezes import Freeze, standing
from headgate.domain.runs import Ending, Outcome, Run
from headgate.domain.stand import AB, FINAL, Stand

_IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class ReleaseState(StrEnum):
    """Where a release stands."""

    PLANNED = "PLANNED"  # what serves is not changed yet; a trial may be over
    TRYING = "TRYING"  # beside the version that serves
    DEPLOYING = "DEPLOYING"
    IN_SERVICE = "IN_SERVICE"
    RETIRED = "RETIRED"
    FAILED = "FAILED"
    HELD = "HELD"  # it never served: a freeze met it, or its trial was all that was asked for, or told nothing


TAKEN_BACK = "TAKEN_BACK"
"""Code of the ending of a release that a person took back while it was on its way."""
HOLDING = frozenset({"SHADOW_REPORTED", "SHADOW_HELD", "AB_HELD", "FROZEN"})
"""Codes of endings of releases that never served, and of which nothing bad is known: they are HELD."""
_OVER = frozenset({ReleaseState.RETIRED, ReleaseState.FAILED, ReleaseState.HELD})


@dataclass(frozen=True, slots=True)
class Release:
    """A version put in service, or on its way there; `at` is the time of its last move.

    `capture_percent` of the requests are kept with their answers. `serverless` is `endpoint.serverless` of the
    project where no instances serve, `scaling` is `endpoint.scaling`,
    `bounds_before` those that the endpoint had before (`min`, `max`), `scaled` what it scales by since
    (`Kept.document`). `rollout` is what the project asked for (a `Wishes`
    as a dict), `plan` what was planned of it when the endpoint was about to be changed (`Plan.document`), `verdict`
    what the watch of it said last (`stand`, `reason`, `signals`).
    `trial` is what was tried before, and what was found (`Trial.document`).
    `artifact` identifies the model's archive as it was when it was deployed (`Objects.identity`), `image` is the
    container's, `alarms` are the names of those that guard it; capacities are instances, None where nothing served.
    `removed_at` is when its model and configuration were taken away, for nobody goes back to it any more.
    A rollback is a release of a version that served before: `repeats` is the number of the release that it repeats,
    `incident` what asked for it. `condemned` says of a release that was left by one who, why and for which `incident`.
    """

    sequence: int
    run: str
    dataset: str
    holdout: str
    version: str
    model_data_url: str
    name: str
    endpoint: str
    why: str
    state: str
    at: str
    instance_type: str
    instance_count: int
    format: str = "float32"
    capture_percent: int = 0
    rollout: Mapping[str, Any] = field(default_factory=dict)
    patience: Mapping[str, Any] = field(default_factory=dict)
    scaling: Mapping[str, Any] = field(default_factory=dict)
    serverless: Mapping[str, int] | None = None
    plan: Mapping[str, Any] | None = None
    verdict: Mapping[str, Any] | None = None
    trial: Mapping[str, Any] | None = None
    image: str | None = None
    artifact: Mapping[str, Any] | None = None
    alarms: Sequence[str] | None = None
    capacity_before: int | None = None
    capacity_after: int | None = None
    bounds_before: Mapping[str, int] | None = None
    scaled: Mapping[str, Any] | None = None
    removed_at: str | None = None
    in_service_at: str | None = None
    incident: str | None = None
    repeats: int | None = None
    condemned: Mapping[str, Any] | None = None
    outcome: str | None = None
    reason_code: str | None = None
    reason: str | None = None

    @property
    def holder(self) -> str:
        """In whose name the endpoint's lease is held for it: its run's, or that of the incident which asked for it."""
        return self.incident or self.run

    @property
    def ending(self) -> Ending | None:
        """How the release ended, once it is settled; it does not change when a later one takes its place."""
        if self.outcome is None:
            return None
        return Ending(Outcome(self.outcome), str(self.reason_code), str(self.reason), self.version)


OF_ITS_COURSE = (
    *("plan", "verdict", "artifact", "alarms", "capacity_before", "capacity_after", "removed_at", "in_service_at"),
    *("trial", "bounds_before", "scaled", "condemned", "outcome", "reason_code", "reason"),
)
"""Fields of a release that tell what became of it; a release that repeats it begins without them."""


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What DescribeEndpoint says; `status` as the API writes it (`InService`).

    `target` is the configuration that a change under way leads to, `instances` how many the variant shall have,
    `modified_at` the time of the last change, `baking_since` when the wait began that a change is in, "" when it is in
    none; as the ledger writes times. `serverless` has no instances, and counts as one. `weights` are those that the
    variants shall have, by their names.
    """

    status: str
    config: str
    failure_reason: str = ""
    arn: str = ""
    target: str = ""
    instances: int = 1
    modified_at: str = ""
    baking_since: str = ""
    serverless: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether a change is under way, so that another one would be refused."""
        return self.status in _IN_PROGRESS


def is_turned_back(release: Release, endpoint: EndpointState) -> bool:
    """Whether the change to the release began before now, and SageMaker took it back: it is not tried again.

    The reason of a failure stays with the endpoint until its next change, so an older one is none of the release's.
    """
    begun = release.state in (ReleaseState.TRYING, ReleaseState.DEPLOYING) and not endpoint.in_progress
    left = endpoint.config != release.name and bool(endpoint.failure_reason)
    return begun and left and endpoint.modified_at > release.at


def is_condemned_by_its_watch(release: Release) -> bool:
    """Whether the watch of a release said its last word, and not a good one: its requests go back, or are there."""
    return (release.verdict or {}).get("stand") in FINAL


def refused_as_taken_back(release: Release) -> Ending | None:
    """Why a release does not begin that a person took back before; None where nobody did."""
    if not is_condemned_by_its_watch(release):
        return None
    reason = f"Version {release.version} was taken back before it took requests: {(release.verdict or {})['reason']}"
    return Ending(Outcome.NOT_PROMOTED, TAKEN_BACK, reason, release.version)


def is_on_probation(release: Release, endpoint: EndpointState) -> bool:
    """Whether a release serves that has still to show that it does well: no watch has passed it, and there is a way
    back. It is settled once it was proved, or has gone back.
    """
    serves = endpoint.status == "InService" and endpoint.config == release.name
    awaited = has_way_back(release) and (release.verdict or {}).get("stand") != Stand.PASSED
    return awaited and serves and release.state == ReleaseState.DEPLOYING


def goes_back(release: Release, endpoint: EndpointState) -> bool:
    """Whether the endpoint is on its way back from a release that served and did not show that it does well."""
    left = endpoint.in_progress and endpoint.config == release.name
    return left and endpoint.target != "" and endpoint.target == _back_to(release)


def is_looked_after(release: Release) -> bool:
    """Whether there is somebody who takes a release back if its watch says so: SageMaker's guard, or we."""
    return bool((release.plan or {}).get("guarded")) or has_way_back(release)


def has_way_back(release: Release) -> bool:
    """Whether a release has to prove itself: there is a version that its requests go back to if it does not."""
    return bool(_back_to(release))


def _back_to(release: Release) -> str:
    return str((release.plan or {}).get("back_to") or "")


def settle(release: Release, endpoint: EndpointState | None, stopped: Ending | None = None) -> Ending | None:
    """Read the end of a release from its endpoint.

    Args:
        release: which is not settled yet.
        endpoint: as it is now, or None when there is none.
        stopped: why the release's promotion stopped, where that is known. It is the ending when the endpoint has
            nothing to tell of the release.

    Returns:
        The ending, or None while the endpoint is still on its way.
    """
    if release.state == ReleaseState.PLANNED:
        untouched = f"The promotion of version {release.version} stopped before it touched the endpoint."
        return stopped or Ending(Outcome.FAILED, "NOT_DEPLOYED", untouched)
    if endpoint is None:
        gone = f"The endpoint was deleted while version {release.version} went into service."
        return stopped or Ending(Outcome.FAILED, "ENDPOINT_GONE", gone)
    if release.state == ReleaseState.TRYING:
        return _tried(release, endpoint, stopped)
    moving = endpoint.in_progress or is_on_probation(release, endpoint)
    return None if moving else _at_rest(release, endpoint, stopped)


def is_tried(release: Release, endpoint: EndpointState) -> bool:
    """Whether the endpoint has a release's trial in it."""
    return release.trial is not None and release.trial["config"] in (endpoint.config, endpoint.target)


def answers_badly(release: Release, endpoint: EndpointState) -> str | None:
    """The variant of a release's trial that still answers requests though it was found worse; None where none does.

    The version that serves stands beside it, so that it needs nothing but the weight to have all requests again.
    """
    trial = release.trial or {}
    variant = str(trial.get("variant"))
    worse = trial.get("strategy") == AB and trial.get("stand") == Stand.FAILED and endpoint.config == trial["config"]
    return variant if worse and endpoint.weights.get(variant, 0) > 0 else None


def _tried(release: Release, endpoint: EndpointState, stopped: Ending | None) -> Ending | None:
    """The ending of a release whose promotion stopped during its trial; None while the trial is not taken away."""
    if endpoint.in_progress or (is_tried(release, endpoint) and endpoint.status != "Failed"):
        return None
    over = f"The promotion of version {release.version} stopped during its trial, which is taken away."
    return stopped or Ending(Outcome.FAILED, "TRIAL_STOPPED", over)


def _at_rest(release: Release, endpoint: EndpointState, stopped: Ending | None) -> Ending:
    """The ending that an endpoint at rest tells.

    It is a success only when the endpoint is InService with the intended configuration: after an update that SageMaker
    rolled back it is InService as well, with the one before.
    """
    version = release.version
    if endpoint.status != "InService":
        reason = f"The endpoint is {endpoint.status}: {endpoint.failure_reason or 'SageMaker gave no reason'}"
        return Ending(Outcome.FAILED, "ENDPOINT_FAILED", reason)
    said = endpoint.failure_reason if is_turned_back(release, endpoint) else ""
    if endpoint.config == release.name:
        reason = f"Version {version} serves all requests. {release.why}".rstrip()
        return Ending(Outcome.PROMOTED, "SERVING", f"{reason}{_unwatched(release)}", version)
    if stopped and not said:
        return stopped
    if (judged := _taken_back(release)) is not None:
        return judged
    said = said or f"the endpoint serves {endpoint.config}, not {release.name}"
    reason = f"SageMaker did not take version {version} into service and kept the version before: {said}"
    return Ending(Outcome.ROLLED_BACK, "UPDATE_ROLLED_BACK", reason)


def _taken_back(release: Release) -> Ending | None:
    """The ending of a release that its watch had taken back; None where the watch said no such thing."""
    said = release.verdict or {}
    if said.get("by"):
        return Ending(Outcome.ROLLED_BACK, TAKEN_BACK, f"Version {release.version} was taken back: {said['reason']}")
    if said.get("stand") == Stand.FAILED:
        reason = f"Version {release.version} was worse than the version before while it took requests: {said['reason']}"
        return Ending(Outcome.ROLLED_BACK, "WORSE_IN_SERVICE", reason)
    if said.get("stand") == Stand.HELD:
        reason = (
            f"Whether version {release.version} does as well as the version before could not be told in time, so the "
            f"version before serves on: {said['reason']} Give it more time (endpoint.rollout.bake_minutes) or "
            "requests, and drop the dataset again."
        )
        return Ending(Outcome.ROLLED_BACK, "HELD", reason)
    return None


def _unwatched(release: Release) -> str:
    """What there is to add where a guarded release came through that no watch has passed, and nothing is behind it."""
    guarded = release.plan is not None and release.plan.get("guarded")
    if not guarded or (release.verdict or {}).get("stand") == Stand.PASSED:
        return ""
    return " No verdict came while it baked: only its alarms watched it."


def champion_changed(judged_against: int | None, serving: int | None) -> Ending | None:
    """Whether a challenger was judged against what serves now; both are release numbers, None where nothing serves.

    Returns:
        The ending of its run when it was not: the judgement says nothing about the version that it would replace.
    """
    if judged_against == serving:
        return None
    against = "while nothing was in service" if judged_against is None else f"against release {judged_against}"
    now = "nothing is in service now" if serving is None else f"release {serving} serves now"
    reason = f"The version was judged {against}, but {now}. Drop the dataset again to have it judged anew."
    return Ending(Outcome.NOT_PROMOTED, "CHAMPION_CHANGED", reason)


def refused_as_older(version: str, run: Run | None, champion: Run | None) -> Ending | None:
    """The ending of a version whose upload came before that of the version that serves; None where it did not.

    Its event was late, or replayed: what somebody uploaded later stays. Retrainings come from no upload.
    """
    if run is None or champion is None or run.retrain or champion.retrain or run.order >= champion.order:
        return None
    reason = (
        f"Version {version} was made of {run.name}, which was uploaded before {champion.name}, whose version serves. "
        "Drop it again if it shall count as the newer one."
    )
    return Ending(Outcome.SUPERSEDED, "OLDER_UPLOAD", reason)


def condemned(version: str, releases: Iterable[Release]) -> Release | None:
    """The release for which a version was condemned, if it was; nobody but a person puts it in service again."""
    return next((each for each in releases if each.version == version and each.condemned is not None), None)


def refused_as_condemned(version: str, releases: Iterable[Release]) -> Ending | None:
    """Why a version is not put in service again by itself, once it was condemned; None where it was not."""
    found = condemned(version, releases)
    if found is None or found.condemned is None:
        return None
    reason = (
        f"Version {version} was condemned as release {found.sequence}: {found.condemned['why']} It is not put in "
        f"service again by itself; a person may, with `headgate rollback --to {version} --anyway`."
    )
    return Ending(Outcome.NOT_PROMOTED, "CONDEMNED", reason)


def refused_as_frozen(version: str, freeze: Freeze | None, now: str) -> Ending | None:
    """Why a version is not put in service while its project is frozen; None where no freeze holds."""
    if (there := standing(freeze, now)) is None:
        return None
    reason = (
        f"The project is frozen {there.words.rstrip('.')}. Version {version} stays registered, and what serves "
        "goes on. Once the freeze is over (`headgate unfreeze`), drop the dataset again to have it judged anew."
    )
    return Ending(Outcome.NOT_PROMOTED, "FROZEN", reason, version)


def good_ones_before(champion: Release, releases: Iterable[Release]) -> list[Release]:
    """The releases to go back to from the champion, the newest first, one for each version.

    Good is what was promoted, and is neither condemned nor the version that shall be left.
    """
    known = sorted(releases, key=lambda each: -each.sequence)
    left = {champion.version, *(each.version for each in known if each.condemned is not None)}
    found: dict[str, Release] = {}
    for each in known:
        if each.sequence < champion.sequence and each.outcome == Outcome.PROMOTED and each.version not in left:
            found.setdefault(each.version, each)
    return list(found.values())


def served_at(releases: Iterable[Release], moment: str) -> Release | None:
    """The release that was the champion at a moment, which is written as the ledger writes times.

    A champion is one from the moment it was seen to serve until the next one is.
    """
    begun = [each for each in releases if each.in_service_at is not None and each.in_service_at <= moment]
    return max(begun, key=lambda each: (str(each.in_service_at), each.sequence), default=None)


KEPT = 3
"""Good releases behind the one that serves whose model and configuration stay, to go back to."""


def removable(releases: Iterable[Release], in_use: Collection[str]) -> list[Release]:
    """The releases whose model and configuration nobody will go back to, the oldest first.

    Kept are the champion's, those of the last good releases behind it, everything newer than it, and what an endpoint
    uses (`in_use`, names of configurations). Good is what was promoted once, and not condemned.
    """
    known = sorted(releases, key=lambda each: each.sequence)
    champion = next((each for each in known if each.state == ReleaseState.IN_SERVICE), None)
    if champion is None:
        return []
    older = [each for each in known if each.sequence < champion.sequence and each.state in _OVER]
    good = [each.sequence for each in older if each.outcome == Outcome.PROMOTED and each.condemned is None]
    return [
        each
        for each in older
        if each.sequence not in good[-KEPT:] and each.removed_at is None and each.name not in in_use
    ]
