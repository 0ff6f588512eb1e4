"""Seam: whether a KMS key can be used. MiniStack's S3 records a key and does not ask; here it is asked."""

import json

from ministack.services import kms

OWN = ("alias/aws/", "aws/")
"""Aliases of the keys that AWS keeps for its services; they can always be used."""


def refusal(key_id: str) -> str | None:
    """Why KMS does not let this key be used (by its id, its ARN or its alias), in its words; None if it does."""
    name = key_id.rpartition(":")[2]
    if name.startswith(OWN):
        return None
    record = kms._resolve_key(key_id)
    if record is None:
        return f"NotFoundException: Key '{key_id}' does not exist"
    refused = kms._check_key_state(record)
    if refused is None:
        return None
    answer = json.loads(refused[2])
    return f"{answer['__type'].rpartition('#')[2]}: {answer['message']}"
