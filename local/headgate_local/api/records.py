"""Records of resources as they go over the wire, and lists of them a page at a time."""

import base64
import hashlib
import json
from typing import Any

from headgate_local.api.errors import invalid

Record = dict[str, Any]


def paginate(items: list[Any], request: Record, default: int) -> tuple[list[Any], Record]:
    """One page of the items, and the NextToken member if there are more.

    A token goes with the request that it was given for: raises for one that is not ours, and for another request.
    """
    asked = {member: value for member, value in request.items() if member not in ("NextToken", "MaxResults")}
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    start = 0
    if token := request.get("NextToken"):
        try:
            place, of = base64.urlsafe_b64decode(token).decode().split(":")
            start = int(place)
        except ValueError:
            raise invalid("Invalid pagination token.") from None
        if of != mark or start < 0:
            raise invalid("Invalid pagination token.")
    end = start + int(request.get("MaxResults") or default)
    if end >= len(items):
        return items[start:end], {}
    return items[start:end], {"NextToken": base64.urlsafe_b64encode(f"{end}:{mark}".encode()).decode()}
