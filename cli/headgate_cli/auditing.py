"""The audit trail as people check it, and take it along."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.aws.audit import Copies
from headgate.aws.s3 import Objects
from headgate.domain.audit import Entry, flaws, uncopied
from headgate.domain.keys import project_key, tenant_key
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError
from headgate_cli.runs import Records, projects_of

_COPIED_WITHIN = timedelta(days=1)
"""For so long a stream of DynamoDB keeps what the copies are made from; what was not copied by then never is."""


def verified(cloud: Cloud, tenant: str, project: str | None) -> list[dict[str, Any]]:
    """Check the trail of a project, or the tenant's own and each of its projects', against itself and against its
    locked copies.

    Returns:
        For each: how many `entries`, how many of them are `uncopied`, and its `flaws`; `project` is None of the
        tenant's own.

    Raises:
        UsageError: when there never was such a tenant or project.
    """
    ledger, copied = Records(cloud).ledger, _copies(cloud)
    due = written(datetime.now(UTC) - _COPIED_WITHIN)
    found = []
    for name, chain in _chosen(cloud, tenant, project):
        copies = copied.of(chain)
        head, entries = ledger.trail.read(chain)
        if project is not None and not (head.sequence or entries or copies):
            raise UsageError(f"There is no record of {tenant}/{project}. `headgate runs` shows projects.")
        found.append(
            {
                "tenant": tenant,
                "project": name,
                "entries": len(entries),
                "uncopied": len(uncopied(entries, copies)),
                "flaws": [asdict(flaw) for flaw in flaws(chain, entries, head, copies, due)],
            }
        )
    return found


def exported(cloud: Cloud, tenant: str, project: str | None) -> list[dict[str, Any]]:
    """Every entry of a project's trail, or of the tenant's own and each of its projects', with its hash; the oldest
    first.
    """
    ledger = Records(cloud).ledger
    trails = [ledger.trail.read(chain)[1] for _, chain in _chosen(cloud, tenant, project)]
    return [_document(each) for entries in trails for each in entries if each.sequence]


def _chosen(cloud: Cloud, tenant: str, project: str | None) -> list[tuple[str | None, str]]:
    """The trails of a tenant: its own, of what became of it, and those of its projects by their names; or of one.

    A project is known by its runs or, where somebody took them away, by its copies.

    Raises:
        UsageError: when there never was such a tenant.
    """
    if project is not None:
        return [(project, project_key(Project(tenant, project)))]
    ledger, copied, own = Records(cloud).ledger, _copies(cloud), tenant_key(tenant)
    names = {each.name for each in projects_of(ledger, tenant, unknown=True)} | copied.projects(tenant)
    if not names and not ledger.trail.head(own).sequence and not copied.of(own):
        raise UsageError(f"There is no record of a tenant {tenant}. `headgate tenant list` lists those that exist.")
    return [(None, own), *((name, project_key(Project(tenant, name))) for name in sorted(names))]


def _copies(cloud: Cloud) -> Copies:
    return Copies(Objects(cloud.client("s3")), cloud.outputs["AuditBucket"])


def _document(entry: Entry) -> dict[str, Any]:
    return {**json.loads(entry.text), "hash": entry.hash}
