"""What people are told, in their words: made of what the ledger holds, and of nothing else."""

from dataclasses import dataclass

from headgate.domain.runs import Run


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
