"""Resources and what all kinds of them share: a name, an ARN, a record, describing, listing and deleting.

A record is a plain dictionary with the members of the API's Describe response, as they go over the wire
(timestamps are seconds since 1970). A kind of resource is declared once, by a ``Kind``.
"""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from headgate_local.sagemaker.errors import ApiError, invalid

Record = dict[str, Any]
PAGE = 10
"""How many resources a List answers when the request does not say."""


@dataclass(frozen=True)
class Kind:
    """What sets one kind of resource apart from the others."""

    noun: str
    """What its ARNs call it: ``training-job``."""
    name: str
    """The member that names it: ``TrainingJobName``."""
    arn: str
    """The member that holds its ARN."""
    missing: str
    """What AWS says (as a ValidationException) when there is none; may hold {name} and {arn}."""
    exists: str
    """What AWS says when there is one already; may hold {name} and {arn}."""
    exists_code: str = "ValidationException"
    status: str = ""
    """The member that holds its state, if it has one."""
    newest_first: bool = False
    """Whether a List starts with the newest when the request does not say."""


def arn(noun: str, name: str) -> str:
    """The ARN of a resource of the request's account and region; SageMaker writes names in lower case there."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{noun}/{name.lower()}"


class Collection:
    """All resources of one kind. Safe to use from many threads; ``get`` and ``listing`` hand out copies."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._records: dict[str, Record] = AccountRegionScopedDict()
        self._lock = threading.RLock()

    def add(self, name: str, record: Record) -> Record:
        """Store a new record with its ARN and its times; raises the kind's error if the name is taken."""
        now = time.time()
        its_arn = arn(self.kind.noun, name)
        with self._lock:
            if name in self._records:
                message = self.kind.exists.format(name=name, arn=its_arn)
                raise ApiError(self.kind.exists_code, message)
            times = {"CreationTime": now, "LastModifiedTime": now}
            self._records[name] = {**record, self.kind.name: name, self.kind.arn: its_arn, **times}
            return dict(self._records[name])

    def find(self, name: str) -> Record | None:
        """A copy of the record of that name, or None."""
        with self._lock:
            record = self._records.get(name)
            return None if record is None else dict(record)

    def get(self, name: str) -> Record:
        """A copy of the record of that name; raises the kind's error if there is none."""
        record = self.find(name)
        if record is None:
            raise invalid(self.kind.missing.format(name=name, arn=arn(self.kind.noun, name)))
        return record

    def change(self, name: str, check: Callable[[Record], None] | None = None, **members: Any) -> Record:
        """Set members of a record (None removes one) at once with a check that may raise; answers a copy."""
        with self._lock:
            record = self.get(name)
            if check:
                check(record)
            record.update(members, LastModifiedTime=time.time())
            self._records[name] = {key: value for key, value in record.items() if value is not None}
            return dict(self._records[name])

    def remove(self, name: str) -> None:
        """Forget a resource; raises the kind's error if there is none."""
        with self._lock:
            self.get(name)
            del self._records[name]

    def all(self) -> list[Record]:
        """Copies of all records, oldest first."""
        with self._lock:
            return [dict(record) for record in self._records.values()]

    def page(self, request: Record) -> tuple[list[Record], Record]:
        """What a List request asks for: filtered, sorted, one page, and the NextToken member if there is more."""
        found = [record for record in self.all() if self._wanted(record, request)]
        key = {"Name": self.kind.name, "Status": self.kind.status}.get(request.get("SortBy", ""), "CreationTime")
        default = "Descending" if self.kind.newest_first else "Ascending"
        found.sort(key=lambda record: record[key], reverse=request.get("SortOrder", default) == "Descending")
        return paginate(found, request, PAGE)

    def _wanted(self, record: Record, request: Record) -> bool:
        for time_member in ("CreationTime", "LastModifiedTime"):
            if record[time_member] < request.get(f"{time_member}After", 0):
                return False
            if record[time_member] > request.get(f"{time_member}Before", float("inf")):
                return False
        if request.get("NameContains", "").lower() not in record[self.kind.name].lower():
            return False
        return request.get("StatusEquals") in (None, record.get(self.kind.status))


def paginate(items: list[Any], request: Record, default: int) -> tuple[list[Any], Record]:
    """One page of the items, and the NextToken member if there are more; raises for a token that is not ours."""
    try:
        start = int(base64.urlsafe_b64decode(request["NextToken"])) if request.get("NextToken") else 0
    except ValueError:
        raise invalid("Invalid pagination token.") from None
    end = start + int(request.get("MaxResults", default))
    token = {"NextToken": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return items[start:end], token
