"""What people are told, in their words: made of what the ledger holds, and of nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.incidents import Incident
from headgate.domain.releases import Release
from headgate.domain.runs import Champion, Run


@dataclass(frozen=True, slots=True)
class Notice:
    """One message; subscribers filter by its attributes."""

    subject: str
    message: str
    attributes: dict[str, str]


def asking(run: Run, version: str, why: str, *, hours_left: int, waiting: str | None) -> Notice:
    """That a version waits for a person's word.

    Args:
        run: which the version came from.
        version: its number in the registry.
        why: what the gate said of it.
        hours_left: until the wait is over.
        waiting: the newer dataset that waits behind it, if there is one.
    """
    behind = f" A newer dataset, {waiting}, waits behind it." if waiting else ""
    message = (
        f"Version {version}, made of {run.name}, waits for your word before it is put in service. {why}{behind}\n\n"
        f"Look: headgate card {run.run}\n"
        f"Put it in service: headgate approve --project {run.project} --tenant {run.tenant} {version}\n"
        f'Leave it: headgate reject --project {run.project} --tenant {run.tenant} {version} --reason "..."\n\n'
        f"Without a word in {hours_left} hours it is not put in service.\n\n"
        f"Tenant: {run.tenant}\nProject: {run.project}\nRun: {run.run}\n"
    )
    attributes = {"tenant": run.tenant, "project": run.project, "outcome": "WAITING_FOR_APPROVAL"}
    return Notice(f"{run.tenant}/{run.project}: version {version} waits for approval", message, attributes)


def ended(run: Run, release: Release | None, serving: Champion | None) -> Notice:
    """How a run ended; where it came to a release, its story too.

    Args:
        run: that has ended.
        release: its release, if it had one.
        serving: the champion now; not looked for where there was no release.
    """
    told = f"{story(release, serving)}\n\n" if release is not None else ""
    message = (
        f"{run.reason}\n\n{told}{_advice(run)}"
        f"Outcome: {run.state} ({run.reason_code})\nTenant: {run.tenant}\nProject: {run.project}\n"
        f"Data: {run.name}\nRun: {run.run}\n\nMore: headgate show {run.run}\n"
    )
    attributes = {"tenant": run.tenant, "project": run.project, "outcome": run.state}
    return Notice(f"{run.tenant}/{run.project}: {run.state}", message, attributes)


def answered(incident: Incident, made: Release | None, serving: Champion | None, cost: str) -> Notice:
    """What happened, what was done, what it took and cost, what a person should do, and the commands.

    Args:
        incident: that is over.
        made: the release that was made to go back, if one was.
        cost: what that cost, in words (`told_cost`).
        serving: the champion now; not looked for where there was no release.
    """
    named = f"--tenant {incident.tenant} --project {incident.project}"
    seconds = f"{incident.seconds:.1f} s" if incident.seconds is not None else "not known"
    lines = [
        f"What happened: {incident.alarm} ({incident.kind}) at {incident.at}. {incident.said}",
        f"What was decided: {incident.action}. {incident.reason}",
        *([f"How: {story(made, serving)}"] if made is not None else []),
        f"What it took: {seconds} from the alarm to the end of the answer.",
        f"What it cost: {cost}",
        *([f"What to do: docs/runbooks/{incident.runbook}.md"] if incident.runbook else []),
        *([f"{_FROZEN} headgate unfreeze {named}"] if incident.freezes else []),
        f"\nMore: headgate explain {incident.incident}",
        f"What serves: headgate releases {named}",
    ]
    attributes = {"tenant": incident.tenant, "project": incident.project, "outcome": str(incident.outcome)}
    message = "\n".join([f"{incident.done}\n", *lines]) + "\n"
    return Notice(f"{incident.tenant}/{incident.project}: {incident.outcome}", message, attributes)


def story(release: Release, serving: Champion | None) -> str:
    """What was tried, how it was rolled out, what the watch saw with its numbers, and what serves now: a paragraph."""
    plan = release.plan
    how = f"It went into service {plan['strategy'].replace('_', ' ')}: {plan['reason']}" if plan else _UNTOUCHED
    now = f"Version {serving.version} serves now (release {serving.sequence})." if serving else "Nothing serves now."
    told = [f"Tried was version {release.version} as release {release.sequence}: {release.why}", how]
    told += [_watched(release.verdict)] if plan else []
    return " ".join(f"{each.rstrip('.')}." for each in (*told, now) if each)


_UNTOUCHED = "The endpoint was not touched."
_FROZEN = "Frozen: nothing new is put in service until somebody has looked and lifts it:"


def _watched(verdict: Mapping[str, Any] | None) -> str:
    """The watch's last word, and for every signal the hits among requests, of the release and of what served beside."""
    if not verdict:
        return "No watch compared it with the version before"
    numbers = [
        f"{name} {_share(sides.get('canary'))}"
        + (f" (before: {_share(sides['serving'])})" if "serving" in sides else "")
        for name, sides in verdict["signals"].items()
    ]
    return f"The watch saw: {str(verdict['reason']).rstrip('.')}" + (f"; {', '.join(numbers)}" if numbers else "")


def _share(side: Mapping[str, Any] | None) -> str:
    return f"{side['hits']} of {side['requests']}" if side else "none seen"


def _advice(run: Run) -> str:
    """What a person should do, and the command for it; nothing where the reason says all."""
    named, code = f"--project {run.project} --tenant {run.tenant}", run.reason_code
    drop = f"headgate drop FILE {named}"
    said = {
        "SERVING": f"To do: nothing. Should it not do well after all: headgate rollback {named}",
        "WORSE_IN_SERVICE": f"To do: look at its card (headgate card {run.run}), mend data or settings, then: {drop}",
        "HELD": f"To do: give it more time or requests (endpoint.rollout in project.yaml), then: {drop}",
        "FROZEN": f"To do: once the freeze is over (headgate unfreeze {named}): {drop}",
        "UPDATE_ROLLED_BACK": f"To do: see in SageMaker's words above what refused it, mend that, then: {drop}",
        "ENDPOINT_GONE": f"To do: find out who deleted it; the next version makes it anew: {drop}",
        "PROMOTION_FAILED": f"To do: mend what is named above, then: {drop}",
        "NOT_DEPLOYED": f"To do: {drop}",
        "TRIAL_STOPPED": f"To do: {drop}",
        "ENDPOINT_FAILED": f"To do: docs/runbooks/endpoint-failed.md. What serves: headgate releases {named}",
    }.get(code or "")
    return f"{said}\n\n" if said else ""
