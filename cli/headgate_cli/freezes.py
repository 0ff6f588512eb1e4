"""The brake that people have: freezing a project, or all of a tenant's, and lifting that again."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.domain.errors import ConflictError
from headgate.domain.freezes import Freeze, standing
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate_cli.connection import Cloud, user_name
from headgate_cli.errors import UsageError
from headgate_cli.runs import Records, check_known, chosen_projects, moment_of

_SPAN = re.compile(r"(\d{1,5})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_ATTEMPTS = 8


def freeze(cloud: Cloud, tenant: str, project: str | None, why: str, until: str | None) -> list[dict[str, Any]]:
    """Freeze one project, or all that the tenant has now; a freeze that holds already is replaced.

    Raises:
        UsageError: when no reason is given, `until` is no time to come, or there is no such project; nothing is
            written.
    """
    if not why.strip():
        raise UsageError("Say why with --reason TEXT: whoever meets the freeze reads it.")
    now = datetime.now(UTC)
    wanted = Freeze(user_name(cloud), " ".join(why.split()), written(now), end_of(until, now) if until else None)
    ledger = Records(cloud).ledger
    if project is not None:
        check_known(ledger, Project(tenant, project))
    owners = chosen_projects(ledger, tenant, project)
    return [freeze_document(owner, _write(ledger, owner, lambda _known: wanted)) for owner in owners]


def unfreeze(cloud: Cloud, tenant: str, project: str | None) -> list[dict[str, Any]]:
    """Lift the freeze of one project, or of all of the tenant's.

    Raises:
        UsageError: when none of them is frozen.
    """
    ledger, now, who = Records(cloud).ledger, written(datetime.now(UTC)), user_name(cloud)

    def lift(known: Freeze | None) -> Freeze | None:
        there = standing(known, now)
        return replace(there, lifted_by=who, lifted_at=now) if there is not None else None

    lifted = [(owner, _write(ledger, owner, lift)) for owner in chosen_projects(ledger, tenant, project)]
    documents = [freeze_document(owner, freeze) for owner, freeze in lifted if freeze is not None]
    if not documents:
        which = f"{tenant}/{project} is not" if project else f"No project of {tenant} is"
        raise UsageError(f"{which} frozen.")
    return documents


def frozen(ledger: Ledger, project: Project) -> dict[str, Any] | None:
    """The freeze that holds for a project now, as JSON; None where there is none."""
    there = standing(ledger.head(project).freeze, written(datetime.now(UTC)))
    return freeze_document(project, there) if there is not None else None


def freeze_document(project: Project, freeze: Freeze | None) -> dict[str, Any]:
    """A freeze as JSON."""
    return {"tenant": project.tenant, "project": project.name, **(asdict(freeze) if freeze else {})}


def frozen_text(document: dict[str, Any]) -> str:
    """A freeze in one sentence, with the way out of it."""
    freeze = Freeze(**{key: value for key, value in document.items() if key not in ("tenant", "project")})
    lift = f"`headgate unfreeze --project {document['project']} --tenant {document['tenant']}` lifts it."
    return f"Frozen {freeze.words.rstrip('.')}. Nothing new is put in service; {lift}"


def end_of(until: str, now: datetime) -> str:
    """When a freeze ends: a time, or a span from now such as 90m, 12h or 3d.

    Raises:
        UsageError: when it is neither, or not to come.
    """
    if (span := _SPAN.fullmatch(until)) is not None:
        end = written(now + timedelta(**{_UNITS[span[2]]: int(span[1])}))
    else:
        try:
            end = moment_of(until)
        except UsageError as error:
            raise UsageError(f"{error} Or name a span such as 90m, 12h or 3d.") from None
    if end <= written(now):
        raise UsageError(f"{until} is not to come. Name a time after now, or a span such as 90m, 12h or 3d.")
    return end


def _write(ledger: Ledger, project: Project, change: Callable[[Freeze | None], Freeze | None]) -> Freeze | None:
    """Write what follows from the freeze as it is; where nothing does, nothing is written."""
    for attempt in range(_ATTEMPTS):
        head = ledger.head(project)
        if (following := change(head.freeze)) is None:
            return None
        try:
            ledger.write(project, replace(head, freeze=following))
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return following
    raise AssertionError("unreachable: the loop returns or raises")
