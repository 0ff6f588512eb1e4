"""Resources and what all kinds of them share: a name, an ARN, a record, describing, listing and deleting.

A record is a plain dictionary with the members of the API's Describe response, as they go over the wire
(timestamps are seconds since 1970). A kind of resource is declared once, by a ``Kind``.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from headgate_local.api.errors import ApiError, invalid, unsupported
from headgate_local.api.records import Record, paginate

Filter = Callable[[Record, Any], bool]
SETTLED = ("Completed", "Failed", "Stopped")
"""The states in which a job stays."""
LONGEST_REASON = 1024
"""Characters of a FailureReason or ExitMessage, as on AWS."""
PAGE = 10
"""How many resources a List answers when the request does not say."""
PAGING = ("SortBy", "SortOrder", "MaxResults", "NextToken")
"""What every List request may have beside its filters."""


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
    sorted_by: str = "CreationTime"
    """What a List is sorted by when the request does not say."""
    filters: Mapping[str, Filter] = field(default_factory=dict, hash=False, compare=False)
    """By member of a List request: a filter that only this kind has. Says whether a record fits the value."""
    quota: int = 10_000
    """How many of them an account may have in a region; of jobs, how many that have not ended."""


def arn(noun: str, name: str) -> str:
    """The ARN of a resource of the request's account and region; SageMaker writes names in lower case there."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{noun}/{name.lower()}"


class Collection:
    """All resources of one kind. Safe to use from many threads; ``get`` and ``listing`` hand out copies."""

    def __init__(self, kind: Kind, tell: Callable[[Record], None] | None = None) -> None:
        """`tell` is called with every record that was added or removed."""
        self.kind = kind
        self._tell = tell
        self._records: dict[str, Record] = AccountRegionScopedDict()
        self._lock = threading.RLock()

    def add(self, name: str, record: Record) -> Record:
        """Store a new record with its ARN and its times; raises the kind's error if the name is taken.

        Names that differ in case alone have one ARN, so they are one name here; ``get`` wants it as it was written.
        """
        now = time.time()
        its_arn = arn(self.kind.noun, name)
        with self._lock:
            if any(known.lower() == name.lower() for known in self._records):
                message = self.kind.exists.format(name=name, arn=its_arn)
                raise ApiError(self.kind.exists_code, message)
            self._check_quota()
            times = {"CreationTime": now, "LastModifiedTime": now}
            self._records[name] = {**record, self.kind.name: name, self.kind.arn: its_arn, **times}
            added = dict(self._records[name])
        if self._tell:
            self._tell(added)
        return added

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

    def change(self, name: str, decide: Callable[[Record], Record | None] | None = None, **members: Any) -> Record:
        """Set members of a record (None removes one); answers a copy.

        `decide` is shown the record as it is in that very moment: it may raise, and answer further members to set.
        What depends on the record belongs there, for between a ``get`` and a ``change`` others may change it.
        """
        with self._lock:
            record = self.get(name)
            decided = decide(record) if decide else None
            record.update(members | (decided or {}), LastModifiedTime=time.time())
            self._records[name] = {key: value for key, value in record.items() if value is not None}
            return dict(self._records[name])

    def remove(self, name: str, check: Callable[[Record], None] | None = None) -> None:
        """Forget a resource, at once with a check that may raise; raises the kind's error if there is none."""
        with self._lock:
            removed = self.get(name)
            if check:
                check(removed)
            del self._records[name]
        if self._tell:
            self._tell(removed)

    def all(self) -> list[Record]:
        """Copies of all records, oldest first."""
        with self._lock:
            return [dict(record) for record in self._records.values()]

    def page(self, request: Record, records: list[Record] | None = None) -> tuple[list[Record], Record]:
        """What a List request asks for: filtered, sorted, one page, and the NextToken member if there is more.

        `records` are those to choose from; all of the kind unless given. A filter of the request that nobody
        declared is refused, never ignored.
        """
        fits = [self._filter(member, value) for member, value in request.items() if member not in PAGING]
        found = [record for record in (self.all() if records is None else records) if all(fit(record) for fit in fits)]
        by: str = request.get("SortBy", self.kind.sorted_by)
        key = {"Name": self.kind.name, "Status": self.kind.status}.get(by, by)
        default = "Descending" if self.kind.newest_first else "Ascending"
        descending = request.get("SortOrder", default) == "Descending"
        found.sort(key=lambda record: (record[key], record["CreationTime"], record[self.kind.name]), reverse=descending)
        return paginate(found, request, PAGE)

    def _filter(self, member: str, value: Any) -> Callable[[Record], bool]:
        if special := self.kind.filters.get(member):
            return lambda record: special(record, value)
        if member == "NameContains":
            return lambda record: value.lower() in record[self.kind.name].lower()
        if member == "StatusEquals":
            return lambda record: record[self.kind.status] == value
        for name in ("CreationTime", "LastModifiedTime"):
            if member == f"{name}After":
                return lambda record, name=name: record[name] >= value  # type: ignore[misc]
            if member == f"{name}Before":
                return lambda record, name=name: record[name] <= value  # type: ignore[misc]
        raise unsupported(f"the filter {member} in a list of {self.kind.noun}s")

    def _check_quota(self) -> None:
        jobs = self.kind.noun.endswith("-job")
        used = sum(1 for record in self._records.values() if not (jobs and record[self.kind.status] in SETTLED))
        if used >= self.kind.quota:
            raise ApiError(
                "ResourceLimitExceeded",
                f"The account-level service limit 'Number of {self.kind.noun}s' is {self.kind.quota}, with current "
                f"utilization of {used} and a request delta of 1. Use AWS Service Quotas to ask for more.",
            )
