"""The audit trail as people check it, and take it along."""

import json
from dataclasses import asdict
from typing import Any

from headgate.aws.audit import Copies, Trail
from headgate.aws.ledger_changes import project_key
from headgate.aws.s3 import Objects
from headgate.domain.audit import Entry, Head, flaws, uncopied
from headgate_cli.connection import Cloud
from headgate_cli.runs import Records, chosen_projects

_LOOKS = 5


def verified(cloud: Cloud, tenant: str, project: str | None) -> list[dict[str, Any]]:
    """Check the trail of a project, or of each of a tenant's, against itself and against its locked copies.

    Returns:
        For each: how many `entries`, how many of them are `uncopied`, and its `flaws`.
    """
    ledger = Records(cloud).ledger
    bucket = cloud.outputs.get("AuditBucket")
    found = []
    for owner in chosen_projects(ledger, tenant, project, unknown=True):
        chain = project_key(owner)
        copies = Copies(Objects(cloud.client("s3")), bucket).of(chain) if bucket else {}
        head, entries = _at_rest(ledger.trail, chain)
        found.append(
            {
                "tenant": tenant,
                "project": owner.name,
                "entries": len(entries),
                "uncopied": len(uncopied(entries, copies)),
                "flaws": [asdict(flaw) for flaw in flaws(chain, entries, head, copies)],
            }
        )
    return found


def exported(cloud: Cloud, tenant: str, project: str | None) -> list[dict[str, Any]]:
    """Every entry of a project's trail, or of each of a tenant's, with its hash; the oldest first."""
    ledger = Records(cloud).ledger
    chosen = chosen_projects(ledger, tenant, project, unknown=True)
    return [_document(each) for owner in chosen for each in ledger.trail.entries(project_key(owner))]


def _at_rest(trail: Trail, chain: str) -> tuple[Head, list[Entry]]:
    """A trail's head and entries, read while nothing was added, or as they were read last."""
    head, entries = trail.head(chain), trail.entries(chain)
    for _ in range(_LOOKS):
        if (following := trail.head(chain)) == head:
            break
        head, entries = following, trail.entries(chain)
    return head, entries


def _document(entry: Entry) -> dict[str, Any]:
    return {**json.loads(entry.text), "hash": entry.hash}
