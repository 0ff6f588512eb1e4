"""What goes to a machine and comes back: a request and a list of objects there, an answer back, all beside the dataset.

SageMaker brings the listed objects to the machine, which has no network, and takes what it wrote from there. It knows
nothing of versions: a part goes there only while it is the newest of its key, and what came back is believed only if it
still is.
"""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.machines import machine_for
from headgate.domain.names import Part
from headgate.services.examination import EXAMINATION, Examined, Known


def replaced(objects: Objects, bucket: str, parts: Sequence[Part]) -> str | None:
    """A sentence on a part that is not the newest version of its key, or is gone; None when all stand."""
    first, last = min(part.key for part in parts), max(part.key for part in parts)
    prefix = "".join(a for a, _ in takewhile(lambda both: both[0] == both[1], zip(first, last, strict=False)))
    newest = {part.key: part.version_id for part, _ in objects.newest(bucket, prefix)}
    for part in parts:
        if newest.get(part.key) != part.version_id:
            return (
                f"The uploaded object {part.key} was deleted or replaced before it was read, and a dataset of this "
                "size is read in its newest version. What replaced it is a dataset of its own; otherwise upload it "
                "again."
            )
    return None


def hand_over(
    known: Known, bucket: str, place: str, parts: Sequence[Part], objects: Objects, to_bucket: str, folder: str
) -> dict[str, Any]:
    """Lay everything out for a machine; again, it is the same.

    Args:
        known: what is known of the dataset.
        bucket: where the parts lie.
        place: the prefix that all their keys have, of the project's uploads.
        parts: what the dataset is made of.
        objects: of the tenant.
        to_bucket: the artifact bucket.
        folder: the dataset's folder in it.

    Returns:
        The task's answer: `verdict` large, the `machine`, and the places of its `parts` and of its `request`.
    """
    held = [part for part in parts if part.size]
    names = [part.key.removeprefix(place) for part in held]
    request = {"known": known.document(), "place": place, "parts": [asdict(part) for part in held]}
    objects.put_json(to_bucket, f"{folder}{EXAMINATION}request.json", request)
    objects.put_json(to_bucket, f"{folder}{EXAMINATION}parts.json", [{"prefix": f"s3://{bucket}/{place}"}, *names])
    size = sum(part.size for part in parts)
    return {
        "verdict": "large",
        "reason_code": "FOR_A_MACHINE",
        "reason": f"{size} bytes in {len(held)} parts are more than a function has room for: a machine examines them.",
        "rows": None,
        "machine": asdict(machine_for(held)),
    }


def brought_back(folder: str, objects: Objects, bucket: str) -> Examined:
    """What a machine found."""
    return Examined(**objects.get_json(bucket, f"{folder}{EXAMINATION}answer.json"))
