"""The ledger in DynamoDB.

Reads are consistent; every write is conditional, and what belongs together is one transaction.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.aws.items import as_item, as_values
from headgate.domain.errors import ConflictError, LeaseLostError
from headgate.domain.lease import Lease, Place, renew
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import OUTCOMES, RUNNING, Champion, Ending, Head, LastSearch, Run

_RUN, _RELEASE = "RUN#", "RELEASE#"
_OUTCOME_VALUES = {f":o{number}": str(outcome) for number, outcome in enumerate(sorted(OUTCOMES))}
_NOT_ENDED = f"attribute_exists(pk) AND NOT #state IN ({', '.join(_OUTCOME_VALUES)})"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A change of a run: it becomes the active one."""

    run: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A change of a run: its one terminal record is written."""

    run: str
    ending: Ending
    at: str


@dataclass(frozen=True, slots=True)
class ReleasePlanned:
    """A new release, and the run that asked for it."""

    release: Release


@dataclass(frozen=True, slots=True)
class ReleaseMoved:
    """A release goes from one state to another; `ending` is kept with it when it is settled by that, and `facts` are
    what else is known of it by then: fields of `Release`.
    """

    sequence: int
    was: ReleaseState
    state: ReleaseState
    at: str
    ending: Ending | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunPassedOver:
    """A change of a run: a newer one took its place in the line for the endpoint. The first one who did stays known."""

    run: str
    by: str


@dataclass(frozen=True, slots=True)
class LeaseChanged:
    """A change of the endpoint's lease, from what was read; its revision is the one that was read."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class LeaseKept:
    """No change: the lease under which everything else is written is still the writer's, with the same fence."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class LeaseFreed:
    """A change of the endpoint's lease: the holder is done, with what is written beside. Who waits keeps its place."""

    lease: Lease


Change = RunStarted | RunEnded | RunPassedOver | ReleasePlanned | ReleaseMoved | LeaseChanged | LeaseKept | LeaseFreed


class Ledger:
    """Every run and release, and what each project is doing now."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def head(self, project: Project) -> Head:
        """What the project is doing now; an empty head for a project never seen."""
        item = self._get(_pk(project), "PROJECT")
        if item is None:
            return Head()
        champion, search = item.get("champion"), item.get("search")
        known = {
            "champion": Champion(**champion) if champion else None,
            "search": LastSearch(**search) if search else None,
        }
        head: Head = _build(Head, {**item, **known})
        return head

    def run(self, project: Project, run: str) -> Run | None:
        """One run, or None."""
        item = self._get(_pk(project), _run_key(run))
        return _build(Run, item) if item else None

    def release(self, project: Project, sequence: int) -> Release | None:
        """One release, or None."""
        item = self._get(_pk(project), _release_key(sequence))
        return _build(Release, item) if item else None

    def runs_of_project(self, project: Project) -> list[Run]:
        """Every run of a project, the newest first."""
        items = self._query(
            "pk = :pk AND begins_with(sk, :sk)", {":pk": _pk(project), ":sk": _RUN}, ConsistentRead=True
        )
        return sorted(runs_of(items), key=lambda run: run.arrived_at, reverse=True)

    def runs_of_tenant(self, tenant: str) -> list[Run]:
        """Every run of a tenant's projects, the newest first; the newest may take a moment to appear."""
        items = self._query("tenant = :tenant", {":tenant": tenant}, IndexName="by_tenant", ScanIndexForward=False)
        return runs_of(items)

    def releases(self, project: Project) -> list[Release]:
        """Every release of a project, the newest first."""
        condition, values = "pk = :pk AND begins_with(sk, :sk)", {":pk": _pk(project), ":sk": _RELEASE}
        items = self._query(condition, values, ConsistentRead=True, ScanIndexForward=False)
        return [_build(Release, as_values(item)) for item in items]

    def add_run(self, run: Run) -> bool:
        """Record a run that was not known; False when it was."""
        item = {"pk": f"{run.tenant}#{run.project}", "sk": _run_key(run.run), **asdict(run)}
        return self._put_new(item)

    def write(self, project: Project, head: Head, *changes: Change) -> Head:
        """Write a new head, and the changes that belong to it, all or nothing.

        `head` was read from the ledger and changed by `dataclasses.replace`; its revision is the one that was read.

        Raises:
            ConflictError: when another writer was faster, or a change does not fit what the ledger holds.
        """
        following = dataclasses.replace(head, revision=head.revision + 1)
        put = {
            "TableName": self._table,
            "Item": as_item({"pk": _pk(project), "sk": "PROJECT", **asdict(following)}),
            "ConditionExpression": "attribute_not_exists(pk) OR revision = :revision",
            "ExpressionAttributeValues": as_item({":revision": head.revision}),
        }
        self._transact(project, [{"Put": put}], *changes)
        return following

    def claim_endpoint(self, project: Project) -> bool:
        """Claim the endpoint's name for the project; False when another project owns it."""
        owner = {"pk": f"ENDPOINT#{project.endpoint}", "sk": "OWNER", "tenant": project.tenant, "project": project.name}
        if self._put_new(owner):
            return True
        item = self._get(owner["pk"], "OWNER")
        return item is not None and (item["tenant"], item["project"]) == (project.tenant, project.name)

    def lease(self, project: Project) -> Lease:
        """The lease of the project's endpoint as it is; one that nobody holds when nobody ever asked."""
        item = self._get(f"ENDPOINT#{project.endpoint}", "OWNER")
        if item is None or (item["tenant"], item["project"]) != (project.tenant, project.name):
            return Lease()
        waiting = item.get("waiting")
        lease: Lease = _build(Lease, {**item, "waiting": Place(**waiting) if waiting else None})
        return lease

    def change_lease(self, project: Project, lease: Lease, *changes: Change) -> Lease:
        """Write a lease that was read and changed, and what belongs to it, all or nothing.

        Raises:
            ConflictError: when another writer was faster.
        """
        self._transact(project, [], LeaseChanged(lease), *changes)
        return dataclasses.replace(lease, revision=lease.revision + 1)

    def enter(self, project: Project, holder: str, *, if_free: bool = False) -> Lease:
        """Begin to act for a holder of the lease; whoever acts for it with an earlier fence is shut out by that.

        Raises:
            LeaseLostError: when the lease is another's, or nobody's and not `if_free`.
            ConflictError: when another writer was faster.
        """
        lease = renew(self.lease(project), holder, if_free=if_free)
        if lease is None:
            raise LeaseLostError(project.endpoint)
        return self.change_lease(project, lease)

    def check(self, project: Project, lease: Lease) -> None:
        """Make sure that a lease still is the one that was entered, right before a call that cannot carry its fence.

        Raises:
            LeaseLostError: when it is not.
        """
        found = self.lease(project)
        if (found.holder, found.fence) != (lease.holder, lease.fence):
            raise LeaseLostError(project.endpoint)

    def wait_for_endpoint(self, project: Project, lease: Lease, task_token: str) -> None:
        """Keep the task that shall be woken when the endpoint comes to rest, in place of an older one.

        Raises:
            LeaseLostError: when the lease is not the writer's any more.
        """
        update = self._update_lease(project, {"token": task_token}, *_held(lease))
        try:
            with translated("keep who waits for the endpoint"):
                self._client.update_item(**update)
        except ConflictError as error:
            if not _refused(error):
                raise
            raise LeaseLostError(project.endpoint) from error

    def keep_verdict(self, project: Project, sequence: int, verdict: Mapping[str, Any]) -> None:
        """Keep what the watch of a release says, unless the release is settled or the watch had its last word."""
        going = "attribute_exists(pk) AND (attribute_not_exists(outcome) OR outcome = :null)"
        open_ = "(attribute_not_exists(verdict) OR verdict = :null OR NOT verdict.stand IN (:failed, :held))"
        values = {":null": None, ":failed": "failed", ":held": "held"}
        update = self._update(project, _release_key(sequence), {"verdict": verdict}, f"{going} AND {open_}", values)
        try:
            with translated("keep the verdict on a release"):
                self._client.update_item(**update["Update"])
        except ConflictError as error:
            if not _refused(error):
                raise

    def waiter(self, endpoint: str) -> str | None:
        """The task token of the promotion that waits for an endpoint, or None; never another system's endpoint."""
        item = self._get(f"ENDPOINT#{endpoint}", "OWNER")
        return item.get("token") if item else None

    def _transact(self, project: Project, writes: Sequence[dict[str, Any]], *changes: Change) -> None:
        every = [*writes, *(write for change in changes for write in self._writes(project, change))]
        with translated(f"write the ledger of {project.endpoint}"):
            self._client.transact_write_items(TransactItems=every)

    def _writes(self, project: Project, change: Change) -> list[dict[str, Any]]:
        match change:
            case RunStarted(run):
                return [self._update(project, _run_key(run), {"state": RUNNING}, _NOT_ENDED, _OUTCOME_VALUES)]
            case RunEnded(run, ending, at):
                fields = {**asdict(ending), "state": str(ending.outcome), "ended_at": at}
                del fields["outcome"]
                return [self._update(project, _run_key(run), fields, _NOT_ENDED, _OUTCOME_VALUES)]
            case RunPassedOver(run, by):
                once = f"{_NOT_ENDED} AND (attribute_not_exists(passed_over_by) OR passed_over_by = :null)"
                return [
                    self._update(
                        project, _run_key(run), {"passed_over_by": by}, once, {**_OUTCOME_VALUES, ":null": None}
                    )
                ]
            case LeaseChanged() | LeaseKept() | LeaseFreed():
                return [{"Update": self._lease_write(project, change)}]
            case ReleasePlanned(release):
                item = {"pk": _pk(project), "sk": _release_key(release.sequence), **asdict(release)}
                put = {
                    "TableName": self._table,
                    "Item": as_item(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
                once = "attribute_not_exists(#release) OR #release = :null"
                fields = {"release": release.sequence}
                return [{"Put": put}, self._update(project, _run_key(release.run), fields, once, {":null": None})]
            case ReleaseMoved(sequence, was, state, at, ending, facts):
                fields = {"state": str(state), "at": at, **facts}
                if state == ReleaseState.IN_SERVICE:
                    fields["in_service_at"] = at
                if ending is not None:
                    fields |= {
                        "outcome": str(ending.outcome),
                        "reason_code": ending.reason_code,
                        "reason": ending.reason,
                    }
                return [self._update(project, _release_key(sequence), fields, "#state = :was", {":was": str(was)})]

    def _lease_write(self, project: Project, change: LeaseChanged | LeaseKept | LeaseFreed) -> dict[str, Any]:
        lease = change.lease
        match change:
            case LeaseChanged():
                fields = {**asdict(lease), "revision": lease.revision + 1}
                unchanged = "(attribute_not_exists(#revision) OR #revision = :was)"
                return self._update_lease(project, fields, unchanged, {":was": lease.revision})
            case LeaseKept():
                return self._update_lease(project, {"fence": lease.fence}, *_held(lease))
            case LeaseFreed():
                return self._update_lease(project, {"holder": None, "token": None}, *_held(lease), counts=True)

    def _update(
        self, project: Project, sk: str, fields: Mapping[str, Any], condition: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        names = {f"#{name}": name for name in fields} | ({"#state": "state"} if "#state" in condition else {})
        update = {
            "TableName": self._table,
            "Key": as_item({"pk": _pk(project), "sk": sk}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in fields),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": as_item({**{f":{name}": value for name, value in fields.items()}, **values}),
        }
        return {"Update": update}

    def _update_lease(
        self,
        project: Project,
        fields: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any],
        counts: bool = False,
    ) -> dict[str, Any]:
        """An update of the endpoint's item, which another project's endpoint of that name refuses."""
        names = {f"#{name}": name for name in (*fields, "tenant", "project", "holder", "fence", "revision")}
        sets = [f"#{name} = :{name}" for name in fields] + (["#revision = #revision + :one"] if counts else [])
        condition = f"#tenant = :tenant AND #project = :project AND {condition}"
        ours = {":tenant": project.tenant, ":project": project.name, **({":one": 1} if counts else {})}
        used = " ".join([*sets, condition])
        return {
            "TableName": self._table,
            "Key": as_item({"pk": f"ENDPOINT#{project.endpoint}", "sk": "OWNER"}),
            "UpdateExpression": "SET " + ", ".join(sets),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {each: name for each, name in names.items() if each in used},
            "ExpressionAttributeValues": as_item({**{f":{name}": v for name, v in fields.items()}, **ours, **values}),
        }

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        with translated("read the ledger"):
            answer = self._client.get_item(
                TableName=self._table, Key=as_item({"pk": pk, "sk": sk}), ConsistentRead=True
            )
        return as_values(answer["Item"]) if "Item" in answer else None

    def _query(self, condition: str, values: Mapping[str, str], **arguments: Any) -> list[dict[str, Any]]:
        with translated("read the ledger"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=as_item(values),
                **arguments,
            )
            return [item for page in pages for item in page["Items"]]

    def _put_new(self, item: Mapping[str, Any]) -> bool:
        try:
            with translated("write the ledger"):
                self._client.put_item(
                    TableName=self._table, Item=as_item(item), ConditionExpression="attribute_not_exists(pk)"
                )
        except ConflictError as error:
            if _refused(error):
                return False
            raise  # a transaction is under way on the same item: not yet known whether it exists
        return True


def runs_of(items: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Runs from raw items of the table, of its index or of its stream; other items are left out."""
    return [_build(Run, as_values(item)) for item in items if item["sk"]["S"].startswith(_RUN)]


def _refused(error: ConflictError) -> bool:
    """Whether the write's own condition failed, and not a transaction that is under way on the same item."""
    return isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == "ConditionalCheckFailedException"


def _held(lease: Lease) -> tuple[str, dict[str, Any]]:
    """The condition that a lease still is what it was when it was entered."""
    return "#holder = :held_by AND #fence = :held_under", {":held_by": lease.holder, ":held_under": lease.fence}


def _pk(project: Project) -> str:
    return f"{project.tenant}#{project.name}"


def _run_key(run: str) -> str:
    return f"{_RUN}{run}"


def _release_key(sequence: int) -> str:
    return f"{_RELEASE}{sequence:08d}"


def _build(kind: type[Any], item: Mapping[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in item.items() if name in known})
