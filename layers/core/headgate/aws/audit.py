"""The audit trail in DynamoDB: an entry is written by the transaction that makes the change, or nothing is.

A trail belongs to a partition of the ledger: `AUDIT` is its head, `AUDIT#<number>` its entries. The head makes writers
follow one another, and what an entry says of the time before is read together with the head it is written upon.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.aws.items import NEW, Write, as_item, as_values
from headgate.aws.s3 import History, Objects
from headgate.domain.audit import Author, Change, Copy, Entry, TrailHead, difference, entry
from headgate.domain.errors import UnsignedError
from headgate.domain.names import PROJECT

AUDIT, AUDIT_HEAD = "AUDIT#", "AUDIT"
_ATTEMPTS = 12
_LONGEST_SECONDS = 0.5
_LOOKS = 5
"""How often a trail is read that others are writing to."""
_NUMBER, _COPY = re.compile(r"[0-9]{10}"), re.compile(r"[0-9]{10}\.json")
_CONTENDED = {"ConditionalCheckFailed", "TransactionConflict"}


class Trail:
    """Writes transactions together with their entries, and reads entries. Without an author it reads only."""

    def __init__(self, client: Any, table: str, author: Callable[[], Author] | None) -> None:
        self._client = client
        self._table = table
        self._author = author

    def write(
        self, chain: str, recorded: Sequence[Write], beside: Sequence[Write], what: Sequence[str], why: str
    ) -> None:
        """Make changes and the entry that tells of them, all or nothing; `beside` is made too and not told of.

        Raises:
            ConflictError: when a write's own condition does not hold, or others kept writing to the trail.
            UnsignedError: when nobody is there who could have made the change.
        """
        self._append(chain, what, why, recorded, beside)

    def record(self, chain: str, what: str, why: str, change: Change) -> None:
        """Record what is about to be done elsewhere than in the ledger; to be called before it is done.

        Raises:
            ConflictError: when others kept writing to the trail.
            UnsignedError: when nobody is there who could do it.
        """
        self._append(chain, [what], why, [], [], change)

    def head(self, chain: str) -> TrailHead:
        """The newest entry of a trail."""
        return self._read(chain, [])[0]

    def read(self, chain: str) -> tuple[TrailHead, list[Entry]]:
        """A trail as a whole: its newest entry and all that belong to it, the oldest first.

        It is read while nothing is added; of one that others keep writing to, what was there at the last look. What is
        added behind that is nobody's forgery.
        """
        head = self.head(chain)
        for _ in range(_LOOKS):
            entries = self.entries(chain)
            if (following := self.head(chain)) == head:
                return head, entries
            before, head = head, following
        return before, [each for each in entries if each.sequence <= before.sequence]

    def entries(self, chain: str) -> list[Entry]:
        """Every entry of a trail, the oldest first."""
        with translated("read the audit trail"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
                ExpressionAttributeValues=as_item({":pk": chain, ":sk": AUDIT}),
                ConsistentRead=True,
            )
            return [of_item(item) for page in pages for item in page["Items"]]

    def _append(
        self,
        chain: str,
        what: Sequence[str],
        why: str,
        recorded: Sequence[Write],
        beside: Sequence[Write],
        *told: Change,
    ) -> None:
        writes = [*recorded, *beside]
        for attempt in range(_ATTEMPTS):
            head, before = self._read(chain, [each.key for each in recorded])
            pairs = zip(recorded, before, strict=True)
            found = [difference(_name(write), item, as_values(write.fields)) for write, item in pairs]
            changes = [*told, *(each for each in found if each is not None)]
            following = self._following(chain, head, what, why, changes) if changes else []
            with translated(f"write the ledger of {chain}"):
                try:
                    self._client.transact_write_items(TransactItems=[each.part for each in (*writes, *following)])
                except ClientError as error:  # somebody else's entry came first
                    if attempt == _ATTEMPTS - 1 or not _in_the_way(error, len(writes)):
                        raise
                    _pause(attempt)
                    continue
            return

    def _following(
        self, chain: str, head: TrailHead, what: Sequence[str], why: str, changes: Sequence[Change]
    ) -> list[Write]:
        if self._author is None:
            raise UnsignedError(chain)
        new = entry(chain, head, self._author(), what, changes, why)
        follows = {
            "ConditionExpression": "attribute_not_exists(pk) OR #hash = :was",
            "ExpressionAttributeNames": {"#hash": "hash"},
            "ExpressionAttributeValues": as_item({":was": head.hash}),
        }
        moved = {"pk": chain, "sk": AUDIT_HEAD, "sequence": new.sequence, "hash": new.hash}
        added = {"pk": chain, "sk": f"{AUDIT}{new.sequence:010d}", "entry": new.text, "hash": new.hash}
        return [Write.put(self._table, moved, **follows), Write.put(self._table, added, **NEW)]

    def _read(self, chain: str, keys: Sequence[Mapping[str, Any]]) -> tuple[TrailHead, list[dict[str, Any]]]:
        """The trail's head and the items of those keys as they were at one moment; {} for what is not there."""
        wanted = [as_item({"pk": chain, "sk": AUDIT_HEAD}), *keys]
        gets = [{"Get": {"TableName": self._table, "Key": key}} for key in wanted]
        for attempt in range(_ATTEMPTS):
            with translated("read the ledger"):
                try:
                    answer = self._client.transact_get_items(TransactItems=gets)
                except ClientError as error:  # somebody writes one of them at this moment
                    if attempt == _ATTEMPTS - 1 or not _in_the_way(error, 0):
                        raise
                    _pause(attempt)
                    continue
            items = [as_values(each.get("Item", {})) for each in answer["Responses"]]
            head = TrailHead(items[0]["sequence"], items[0]["hash"]) if items[0] else TrailHead()
            return head, items[1:]
        raise AssertionError("unreachable: the loop returns or raises")


class Copies:
    """The entries once more, as objects that nobody can change or delete before their time (S3 Object Lock)."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket

    def keep(self, chain: str, entry: Entry) -> bool:
        """Copy an entry; False when it has a copy, which stays as it is whatever the entry says by now."""
        key = f"{_folder(chain)}{entry.sequence:010d}.json"
        return self._objects.put_new(self._bucket, key, entry.text.encode(), "application/json")

    def of(self, chain: str) -> dict[int, Copy]:
        """The copies of a trail's entries, by number.

        A lock keeps the version that it lies on. Who may write to the bucket can write another over it, or hide it
        behind a delete marker, which no lock refuses (DeleteMarker, S3 user guide): the first version is the copy.
        """
        folder = _folder(chain)
        histories = self._objects.histories(self._bucket, folder)
        numbered = {number: key for key in histories if (number := _number(key.removeprefix(folder)))}
        return {number: self._copy(key, histories[key]) for number, key in numbered.items()}

    def projects(self, tenant: str) -> set[str]:
        """The projects of a tenant that have copies, whatever the ledger has of them."""
        folders = self._objects.folders(self._bucket, f"{tenant}/", gone=True)
        return {name for each in folders if PROJECT.fullmatch(name := each.split("/")[-2])}

    def _copy(self, key: str, history: History) -> Copy:
        texts = [
            self._objects.get_version(self._bucket, key, each).decode(errors="replace") for each in history.versions
        ]
        if len(set(texts)) > 1:
            return Copy(texts[0], "was written over, which does not change it; remove the versions after the first one")
        return Copy(texts[0], "was deleted, which leaves it there; remove its delete marker" if history.deleted else "")


def entries_of(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, Entry]]:
    """Entries, each with its trail, from raw items of the table or of its stream; other items are left out."""
    return [(item["pk"]["S"], of_item(item)) for item in items if item["sk"]["S"].startswith(AUDIT)]


def of_item(item: Mapping[str, Any]) -> Entry:
    """An entry from a raw item of the table or of its stream; of one that Headgate did not write, what there is of it,
    under the number 0 where its key tells none.
    """
    number = item["sk"]["S"].removeprefix(AUDIT)
    text, hash_ = (str(item.get(name, {}).get("S", "")) for name in ("entry", "hash"))
    return Entry(int(number) if _NUMBER.fullmatch(number) else 0, text, hash_)


def _number(name: str) -> int:
    """The number of the entry that a copy is of by its name; 0 where it is none."""
    return int(name[:10]) if _COPY.fullmatch(name) else 0


def _folder(chain: str) -> str:
    return f"{chain.replace('#', '/')}/"


def _in_the_way(error: ClientError, own: int) -> bool:
    """Whether a transaction was refused for nothing but what comes behind its first `own` items."""
    if code_of(error) != "TransactionCanceledException":
        return False
    reasons = [str(each.get("Code")) for each in error.response.get("CancellationReasons", [])]
    behind = {reason for reason in reasons[own:] if reason != "None"}
    return bool(behind) and behind <= _CONTENDED and all(reason == "None" for reason in reasons[:own])


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(_LONGEST_SECONDS, 0.01 * 2**attempt)))  # noqa: S311 - it hides nothing


def _name(write: Write) -> str:
    return str(write.key["sk"]["S"])
