"""What the reconciler found, in the ledger's table: a partition of its own, an item for each finding."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from headgate.aws.errors import translated
from headgate.aws.items import as_item, as_values, built, fetched
from headgate.domain.reconcile import FindingOnRecord, forget_at

_PARTITION = "FINDINGS"
_TURN = {"pk": "ROUND", "sk": "TURN"}


class FindingsOnRecord:
    """Findings on record. A round that is lost is written by the next one.

    Two rounds may overlap, that of the schedule and one that somebody asked for, and what was written last stands:
    repairs can be repeated, and at worst people are told twice, or a round later that a repair does not hold.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> dict[str, FindingOnRecord]:
        """Every finding by its key, those too that were over lately."""
        return {each.key: each for each in self._read()}

    def keep(self, known: FindingOnRecord) -> None:
        """Record a finding in place of what was known of it. DynamoDB takes it away when it is over for long."""
        # In a map of its own: the table's index takes no empty tenant, and findings are not in it.
        item: dict[str, Any] = {"pk": _PARTITION, "sk": known.key, "finding": dataclasses.asdict(known)}
        if (moment := forget_at(known)) is not None:
            item["forget_at"] = moment
        with translated("record a finding"):
            self._client.put_item(TableName=self._table, Item=as_item(item))

    def turn(self) -> str:
        """With which project the next round begins, as it was left; "" where none was."""
        with translated("read where the last round ended"):
            found = fetched(self._client, self._table, **_TURN)
        return str(found["project"]) if found is not None else ""

    def leave(self, project: str) -> None:
        """Leave a project, and those after it, to the next round."""
        with translated("record where a round ended"):
            self._client.put_item(TableName=self._table, Item=as_item({**_TURN, "project": project}))

    def _read(self) -> Iterator[FindingOnRecord]:
        with translated("read the findings"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=as_item({":pk": _PARTITION}),
                ConsistentRead=True,
            )
            for page in pages:
                for item in page["Items"]:
                    yield built(FindingOnRecord, as_values(item)["finding"])
