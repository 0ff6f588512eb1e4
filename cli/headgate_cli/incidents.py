"""What the ledger says about incidents, and the rollback that a person asks for."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from headgate.domain.incidents import BY_HAND, Incident, IncidentOutcome, document, incident_id, project_of
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate_cli.connection import Cloud, user_name
from headgate_cli.errors import CommandError, ExitCode, UsageError
from headgate_cli.runs import Records
from headgate_cli.waiting import eventually

EXIT_CODES: dict[str, ExitCode] = {IncidentOutcome.ROLLED_BACK: ExitCode.DONE, IncidentOutcome.FAILED: ExitCode.FAILED}
"""How `rollback` ends by what came of it; with anything else nothing was rolled back."""


def listed(cloud: Cloud, tenant: str, project: Project | None) -> list[dict[str, Any]]:
    """The incidents of a project, or of all projects of a tenant, the newest first."""
    ledger = Records(cloud).ledger
    found = ledger.incidents(project) if project is not None else ledger.incidents_of_tenant(tenant)
    return [document(each) for each in _newest_first(found)]


def found(cloud: Cloud, incident: str) -> Incident:
    """An incident that is known only by its name.

    Raises:
        UsageError: when there is no such incident.
    """
    ledger = Records(cloud).ledger
    project = project_of(incident)
    if project is not None and (known := ledger.incident(project, incident)) is not None:
        return known
    raise UsageError(f"There is no incident {incident}. `headgate incidents` lists those that exist.")


def roll_back(cloud: Cloud, project: Project, to: str | None, reason: str, *, anyway: bool, timeout: float) -> Incident:
    """Ask for a rollback and wait until its incident has ended; the same machine as an alarm's does it.

    Raises:
        UsageError: when nothing of the project is in service, or never was the version that is asked for.
        CommandError: when it takes longer than `timeout` seconds; it goes on.
    """
    ledger, now = Records(cloud).ledger, datetime.now(UTC)
    if ledger.head(project).champion is None:
        raise UsageError(
            f"Nothing of {project.tenant}/{project.name} is in service, so there is nothing to go back from."
        )
    served = {each.version for each in ledger.releases(project) if each.in_service_at is not None}
    if to is not None and to not in served:
        raise UsageError(f"Version {to} never served. Those that did: {', '.join(sorted(served))}.")
    at = written(now)
    asked = Incident(
        incident_id(project, BY_HAND, at),
        project.tenant,
        project.name,
        BY_HAND,
        BY_HAND,
        at,
        at,
        reason,
        by=user_name(cloud),
        to=to,
        anyway=anyway,
    )
    ledger.add_incident(asked)
    given = {"tenant": project.tenant, "project": project.name, "incident": asked.incident}
    cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["RespondStateMachine"], name=asked.incident, input=json.dumps(given)
    )
    return _ended(cloud, project, asked.incident, timeout)


def _ended(cloud: Cloud, project: Project, incident: str, timeout: float) -> Incident:
    ledger = Records(cloud).ledger

    def look() -> Incident | None:
        known = ledger.incident(project, incident)
        return known if known is not None and known.ended else None

    if (ended := eventually(cloud, look, timeout)) is None:
        raise CommandError(f"The rollback goes on. See what comes of it with: headgate explain {incident}")
    return ended


def _newest_first(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda each: each.at, reverse=True)
