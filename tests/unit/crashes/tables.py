"""The one table of an account in memory."""

from typing import Any

from .expressions import holds, placeholders, updated
from .scalable import Refusal


class Tables:
    """The part of an account that DynamoDB is."""

    items: dict[tuple[str, str], dict[str, Any]]

    def _GetItem(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["ConsistentRead"], "the ledger decides on what it reads"
        found = self.items.get(_key(given["Key"]))
        return {"Item": found} if found is not None else {}

    def _TransactGetItems(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [self.items.get(_key(each["Get"]["Key"])) for each in given["TransactItems"]]
        return {"Responses": [{} if item is None else {"Item": item} for item in found]}

    def _Query(self, given: dict[str, Any]) -> dict[str, Any]:
        values = given["ExpressionAttributeValues"]
        pk, prefix = values[":pk"]["S"], values[":sk"]["S"]
        found = [self.items[key] for key in sorted(self.items) if key[0] == pk and key[1].startswith(prefix)]
        return {"Items": found if given.get("ScanIndexForward", True) else found[::-1]}

    def _PutItem(self, given: dict[str, Any]) -> None:
        if not self._fits(given, _key(given["Item"])):
            raise Refusal("ConditionalCheckFailedException", "The conditional request failed")
        self.items[_key(given["Item"])] = given["Item"]

    def _UpdateItem(self, given: dict[str, Any]) -> None:
        if not self._fits(given, _key(given["Key"])):
            raise Refusal("ConditionalCheckFailedException", "The conditional request failed")
        self._update(given)

    def _TransactWriteItems(self, given: dict[str, Any]) -> None:
        writes = [next(iter(each.items())) for each in given["TransactItems"]]
        keys = [_key(write["Item"] if kind == "Put" else write["Key"]) for kind, write in writes]
        assert len(set(keys)) == len(keys), "a transaction names an item once"
        fits = [self._fits(write, key) for (_, write), key in zip(writes, keys, strict=True)]
        if not all(fits):
            reasons = [{"Code": "None" if fit else "ConditionalCheckFailed"} for fit in fits]
            raise Refusal("TransactionCanceledException", "Transaction cancelled", CancellationReasons=reasons)
        for (kind, write), key in zip(writes, keys, strict=True):
            if kind == "Put":
                self.items[key] = write["Item"]
            elif kind == "Update":
                self._update(write)

    def _fits(self, write: dict[str, Any], key: tuple[str, str]) -> bool:
        condition = write.get("ConditionExpression", "")
        names, values = write.get("ExpressionAttributeNames", {}), write.get("ExpressionAttributeValues", {})
        used = placeholders(condition, write.get("UpdateExpression", ""))
        assert used == {*names, *values}, "DynamoDB refuses names and values that are not used"
        return not condition or holds(condition, self.items.get(key, {}), names, values)

    def _update(self, write: dict[str, Any]) -> None:
        key, names = _key(write["Key"]), write.get("ExpressionAttributeNames", {})
        there = self.items.get(key, write["Key"])
        values = write.get("ExpressionAttributeValues", {})
        self.items[key] = updated(write["UpdateExpression"], there, names, values)


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
