"""Plan a release: take the next number and fix every name before any call is made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import LeaseKept, ReleasePlanned
from headgate.aws.sagemaker import Endpoints
from headgate.domain.errors import EndpointBusyError
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.releases import (
    Release,
    ReleaseState,
    champion_changed,
    refused_as_condemned,
    refused_as_frozen,
    refused_as_older,
)
from headgate.domain.rollout import Wishes
from headgate.domain.runs import Champion, Ending, Run
from headgate.domain.scaling import Scaling
from headgate.domain.serverless import chosen
from headgate.domain.traffic import Traffic, chosen_patience, record_of
from headgate.services.settle_release import settled
from headgate.services.take_endpoint import returned


@dataclass(frozen=True, slots=True)
class PlanRelease:
    """The command: a registered version that shall serve, and the release that it was judged against, if any."""

    project: Project
    run: str
    dataset: str
    holdout: str
    version: str
    model_data_url: str
    judged_against: int | None
    why: str
    instance_type: str
    instance_count: int
    format: str = "float32"
    capture_percent: int = 0
    rollout: Mapping[str, Any] = field(default_factory=dict)
    alarms: Mapping[str, Any] = field(default_factory=dict)
    scaling: Mapping[str, Any] = field(default_factory=dict)
    serverless: Mapping[str, int] | None = None
    by_traffic: bool = False
    """Whether the record of its traffic decides if it is serverless."""

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "PlanRelease":
        """Read the task's payload."""
        return cls(
            Project(event["tenant"], event["project"]),
            event["run"],
            event["dataset"],
            event["holdout"],
            event["version"],
            event["model_data_url"],
            event["judged_against"],
            event["why"],
            event["endpoint"]["instance_type"],
            int(event["endpoint"]["instance_count"]),
            event.get("format") or "float32",
            int(event["endpoint"].get("capture", {}).get("percent", 0)),
            event["endpoint"].get("rollout", {}),
            event["endpoint"].get("alarms", {}),
            event["endpoint"].get("scaling", {}),
            event["endpoint"]["serverless"] if event["endpoint"].get("variant") in ("serverless", "auto") else None,
            event["endpoint"].get("variant") == "auto",
        )


def plan_release(
    command: PlanRelease, *, ledger: Ledger, endpoints: Endpoints, traffic: Traffic, bake_seconds: int, now: str
) -> dict[str, Any]:
    """Plan it; a run that planned before gets its first plan again. `bake_seconds` is for projects that say nothing,
    and `traffic` tells what the alarms and a choice between machines and none rest on.

    A release before it that was left on its way, because its promotion was stopped, is settled first. That may crown a
    champion which the version was not judged against; then nothing is planned.

    Returns:
        The release, with the tenant and the project, as the tasks after this one read it; or the run's ending
        (`outcome`, `reason_code`, `reason`), NOT_PROMOTED, when another champion serves than the judged one, the
        version was condemned, or the project is frozen, SUPERSEDED when a newer upload's version serves.

    Raises:
        LeaseLostError: when the run does not hold the endpoint's lease; nothing is planned.
        EndpointBusyError: when the endpoint is still on its way to the release before.
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project = command.project
    lease = ledger.enter(project, command.run)
    known = ledger.run(project, command.run)
    planned = ledger.release(project, known.release) if known is not None and known.release else None
    if planned is None:
        settle_the_one_before(project, lease, ledger, endpoints, now)
        head = ledger.head(project)
        serving = head.champion.sequence if head.champion else None
        if (refusal := _changed(command, head.champion, ledger)) is not None:
            return returned(refusal)
        if (
            refusal := refused_as_older(command.version, known, _run_that_serves(project, serving, ledger))
        ) is not None:
            return returned(refusal)
        if (refusal := refused_as_condemned(command.version, ledger.releases(project))) is not None:
            return returned(refusal)
        if (refusal := refused_as_frozen(command.version, head.freeze, now)) is not None:
            return returned(refusal)
        moment = datetime.fromisoformat(now)
        hours, known_hours = record_of(project.endpoint, traffic, moment, has_champion=serving is not None)
        planned = _release(command, head.next_release, Wishes.of(command.rollout, bake_seconds), now)
        if command.serverless is not None:
            record = hours if command.by_traffic else None
            serverless, note = chosen(command.serverless, endpoints.describe(project.endpoint), record)
            captured = planned.capture_percent if serverless is None else 0
            why = f"{planned.why} {note}".strip()
            planned = replace(planned, serverless=serverless, capture_percent=captured, why=why)
        planned = replace(planned, patience=_patience(command, planned, hours, known_hours))
        # The head is written as it was read: nobody can be crowned between the comparison and the plan.
        ledger.write(
            project, replace(head, next_release=head.next_release + 1), LeaseKept(lease), ReleasePlanned(planned)
        )
    return {"tenant": project.tenant, "project": project.name, **asdict(planned)}


def _patience(command: PlanRelease, planned: Release, hours: list[float], known_hours: int) -> dict[str, Any]:
    scaling = Scaling.of(command.scaling, command.instance_count)
    serverless = planned.serverless is not None
    return asdict(
        chosen_patience(command.alarms, hours, known_hours, scaling, command.instance_type, serverless=serverless)
    )


def _changed(command: PlanRelease, champion: Champion | None, ledger: Ledger) -> Ending | None:
    """Why the judgement does not count, if it does not: the same version counts as whichever release it serves."""
    refusal = champion_changed(command.judged_against, champion.sequence if champion is not None else None)
    if refusal is None or command.judged_against is None or champion is None:
        return refusal
    judged = ledger.release(command.project, command.judged_against)
    return refusal if judged is None or judged.version != champion.version else None


def _run_that_serves(project: Project, serving: int | None, ledger: Ledger) -> Run | None:
    release = ledger.release(project, serving) if serving is not None else None
    return ledger.run(project, release.run) if release is not None else None


def _release(command: PlanRelease, sequence: int, wishes: Wishes, now: str) -> Release:
    return Release(
        sequence=sequence,
        run=command.run,
        dataset=command.dataset,
        holdout=command.holdout,
        version=command.version,
        model_data_url=command.model_data_url,
        name=command.project.release_name(sequence),
        endpoint=command.project.endpoint,
        why=command.why,
        state=ReleaseState.PLANNED,
        at=now,
        instance_type=command.instance_type,
        instance_count=command.instance_count,
        format=command.format,
        capture_percent=command.capture_percent,
        rollout=asdict(wishes),
        scaling=command.scaling,
    )


def settle_the_one_before(project: Project, lease: Lease, ledger: Ledger, endpoints: Endpoints, now: str) -> None:
    """Settle a release that was left on its way, because its promotion was stopped.

    Raises:
        EndpointBusyError: when the endpoint is still on its way to it.
    """
    before = ledger.release(project, ledger.head(project).next_release - 1)
    if before is not None and settled(project, before, lease, ledger=ledger, endpoints=endpoints, now=now) is None:
        raise EndpointBusyError(project.endpoint)
