"""The ledger in DynamoDB.

Reads are consistent; every write is conditional, and what belongs together is one transaction.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState
from headgate.domain.runs import OUTCOMES, RUNNING, Champion, Ending, Head, LastSearch, Run

_RUN, _RELEASE = "RUN#", "RELEASE#"
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize
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
    """A release goes from one state to another; `ending` is kept with it when it is settled by that, `plan` when it is
    about to be deployed.
    """

    sequence: int
    was: ReleaseState
    state: ReleaseState
    at: str
    ending: Ending | None = None
    plan: Mapping[str, Any] | None = None


Change = RunStarted | RunEnded | ReleasePlanned | ReleaseMoved


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
        return [_build(Release, _plain(item)) for item in items]

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
            "Item": _item({"pk": _pk(project), "sk": "PROJECT", **asdict(following)}),
            "ConditionExpression": "attribute_not_exists(pk) OR revision = :revision",
            "ExpressionAttributeValues": _item({":revision": head.revision}),
        }
        writes: list[dict[str, Any]] = [{"Put": put}]
        for change in changes:
            writes.extend(self._writes(project, change))
        with translated(f"write the ledger of {project.endpoint}"):
            self._client.transact_write_items(TransactItems=writes)
        return following

    def claim_endpoint(self, project: Project) -> bool:
        """Claim the endpoint's name for the project; False when another project owns it."""
        owner = {"pk": f"ENDPOINT#{project.endpoint}", "sk": "OWNER", "tenant": project.tenant, "project": project.name}
        if self._put_new(owner):
            return True
        item = self._get(owner["pk"], "OWNER")
        return item is not None and (item["tenant"], item["project"]) == (project.tenant, project.name)

    def wait_for_endpoint(self, project: Project, sequence: int, task_token: str) -> None:
        """Keep who shall be woken when the endpoint comes to rest; an older waiter gives way.

        Raises:
            ConflictError: when a newer release already waits.
        """
        with translated("keep who waits for the endpoint"):
            self._client.update_item(
                TableName=self._table,
                Key=_item({"pk": f"ENDPOINT#{project.endpoint}", "sk": "OWNER"}),
                UpdateExpression="SET waiter_sequence = :sequence, waiter_token = :token",
                ConditionExpression="attribute_not_exists(waiter_sequence) OR waiter_sequence <= :sequence",
                ExpressionAttributeValues=_item({":sequence": sequence, ":token": task_token}),
            )

    def waiter(self, endpoint: str) -> str | None:
        """The task token of the promotion that waits for an endpoint, or None; never another system's endpoint."""
        item = self._get(f"ENDPOINT#{endpoint}", "OWNER")
        return item.get("waiter_token") if item else None

    def _writes(self, project: Project, change: Change) -> list[dict[str, Any]]:
        match change:
            case RunStarted(run):
                return [self._update(project, _run_key(run), {"state": RUNNING}, _NOT_ENDED, _OUTCOME_VALUES)]
            case RunEnded(run, ending, at):
                fields = {**asdict(ending), "state": str(ending.outcome), "ended_at": at}
                del fields["outcome"]
                return [self._update(project, _run_key(run), fields, _NOT_ENDED, _OUTCOME_VALUES)]
            case ReleasePlanned(release):
                item = {"pk": _pk(project), "sk": _release_key(release.sequence), **asdict(release)}
                put = {
                    "TableName": self._table,
                    "Item": _item(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
                once = "attribute_not_exists(#release) OR #release = :null"
                fields = {"release": release.sequence}
                return [{"Put": put}, self._update(project, _run_key(release.run), fields, once, {":null": None})]
            case ReleaseMoved(sequence, was, state, at, ending, plan):
                fields = {"state": str(state), "at": at, **({"plan": plan} if plan is not None else {})}
                if state == ReleaseState.IN_SERVICE:
                    fields["in_service_at"] = at
                if ending is not None:
                    fields |= {
                        "outcome": str(ending.outcome),
                        "reason_code": ending.reason_code,
                        "reason": ending.reason,
                    }
                return [self._update(project, _release_key(sequence), fields, "#state = :was", {":was": str(was)})]

    def _update(
        self, project: Project, sk: str, fields: Mapping[str, Any], condition: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        names = {f"#{name}": name for name in fields}
        update = {
            "TableName": self._table,
            "Key": _item({"pk": _pk(project), "sk": sk}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in fields),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": _item({**{f":{name}": value for name, value in fields.items()}, **values}),
        }
        return {"Update": update}

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        with translated("read the ledger"):
            answer = self._client.get_item(TableName=self._table, Key=_item({"pk": pk, "sk": sk}), ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def _query(self, condition: str, values: Mapping[str, str], **arguments: Any) -> list[dict[str, Any]]:
        with translated("read the ledger"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=_item(values),
                **arguments,
            )
            return [item for page in pages for item in page["Items"]]

    def _put_new(self, item: Mapping[str, Any]) -> bool:
        try:
            with translated("write the ledger"):
                self._client.put_item(
                    TableName=self._table, Item=_item(item), ConditionExpression="attribute_not_exists(pk)"
                )
        except ConflictError as error:
            if (
                isinstance(error.__cause__, ClientError)
                and code_of(error.__cause__) == "ConditionalCheckFailedException"
            ):
                return False
            raise  # a transaction is under way on the same item: not yet known whether it exists
        return True


def runs_of(items: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Runs from raw items of the table, of its index or of its stream; other items are left out."""
    return [_build(Run, _plain(item)) for item in items if item["sk"]["S"].startswith(_RUN)]


def _pk(project: Project) -> str:
    return f"{project.tenant}#{project.name}"


def _run_key(run: str) -> str:
    return f"{_RUN}{run}"


def _release_key(sequence: int) -> str:
    return f"{_RELEASE}{sequence:08d}"


def _build(kind: type[Any], item: Mapping[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in item.items() if name in known})


def _item(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(_storable(value)) for name, value in values.items()}


def _storable(value: Any) -> Any:
    """DynamoDB knows decimals, not floats, and no NaN: what is not finite is stored as null."""
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(_deserialize(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _number(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_number(inner) for inner in value]
    return value
