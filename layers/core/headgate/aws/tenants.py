"""The register of tenants, in the ledger's table: an item for each, which its stack writes, and one of what it used."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from headgate.aws.audit import Trail
from headgate.aws.errors import accepted, translated
from headgate.aws.items import NEW, Write, as_item, built, fetched
from headgate.domain.audit import Author
from headgate.domain.errors import NoKeyError
from headgate.domain.keys import spent_key, tenant_key
from headgate.domain.tenants import NO_QUOTAS, Quotas, Standing, Tenant, Used

_ENTRY, _USED = "ENTRY", "USED"
_REMEMBERED = timedelta(days=30)
"""How long it is known of a run that its cost was counted. The stream, which tells of its end, keeps that for a day."""


class Tenants:
    """Tenants by their names. Without an author nobody is put into the register."""

    def __init__(self, client: Any, table: str, author: Callable[[], Author] | None = None) -> None:
        self._client = client
        self._table = table
        self._trail = Trail(client, table, author)

    def find(self, name: str) -> Tenant | None:
        """The tenant of that name, or None."""
        item = self._get(name, _ENTRY)
        if item is None or item["standing"] == Standing.REMOVED:
            return None
        return Tenant(name, item["standing"], built(Quotas, item["quotas"]), item["leaves_on"], item.get("key", ""))

    def used(self, name: str) -> Used:
        """What the tenant has used; nothing of one that is new."""
        item = self._get(name, _USED) or {}
        money = {key.removeprefix("money "): value for key, value in item.items() if key.startswith("money ")}
        return Used(money, int(item.get("stored", 0)), item.get("counted_on", ""), frozenset(item.get("projects", ())))

    def quotas(self, name: str) -> Quotas:
        """The most that a tenant may have; nothing of one that is gone."""
        tenant = self.find(name)
        return tenant.quotas if tenant is not None else NO_QUOTAS

    def entry(self, name: str) -> Tenant:
        """The tenant of that name, whose things lie under the key that its entry names.

        Raises:
            NoKeyError: when the register names none.
        """
        tenant = self.find(name)
        if tenant is None or not tenant.key:
            raise NoKeyError(name)
        return tenant

    def key(self, name: str) -> str:
        """The ARN of the key that a tenant's things lie under.

        Raises:
            NoKeyError: when the register names none.
        """
        return self.entry(name).key

    def register(self, tenant: Tenant, why: str) -> None:
        """Write the entry of a tenant in place of the one before, and into the audit trail what changed by it."""
        entry = {**self._key(tenant.tenant, _ENTRY), **asdict(tenant)}
        del entry["tenant"]  # which would put it into the index of runs
        put = Write.put(self._table, entry)
        what = f"tenant {str(tenant.standing).lower()}"
        self._trail.write(tenant_key(tenant.tenant), [put], [], [what], why)

    def spend(self, name: str, run: str, ended_at: str, amount: float) -> bool:
        """Add what a run cost, in USD, to what its tenant spent in the month of its end; False if it was added before.

        That it was added is an item of its own, made together with the sum, which DynamoDB takes away in time.

        Raises:
            ConflictError: when what the tenant used was being written at this moment; try again.
        """
        forget_at = round((datetime.fromisoformat(ended_at) + _REMEMBERED).timestamp())
        counted = {
            "TableName": self._table,
            "Key": as_item(self._key(name, spent_key(run))),
            "UpdateExpression": "SET forget_at = :moment",  # a Put would need a permission more
            **NEW,
            "ExpressionAttributeValues": as_item({":moment": forget_at}),
        }
        added = {
            "TableName": self._table,
            "Key": as_item(self._key(name, _USED)),
            "UpdateExpression": "ADD #money :amount",
            "ExpressionAttributeNames": {"#money": f"money {ended_at[:7]}"},
            "ExpressionAttributeValues": as_item({":amount": amount}),
        }
        parts = [{"Update": counted}, {"Update": added}]
        return accepted("count what a run cost", self._client.transact_write_items, TransactItems=parts)

    def admit(self, name: str, project: str, most: int) -> bool:
        """Count a project among the tenant's; False when it has so many others. Can be repeated.

        Raises:
            ConflictError: when what the tenant used was being written at this moment; try again.
        """
        return accepted(
            "count a tenant's projects",
            self._client.update_item,
            TableName=self._table,
            Key=as_item(self._key(name, _USED)),
            UpdateExpression="ADD projects :new",
            ConditionExpression="attribute_not_exists(projects) OR contains(projects, :project)"
            " OR size(projects) < :most",
            ExpressionAttributeValues={**as_item({":project": project, ":most": most}), ":new": {"SS": [project]}},
        )

    def count(self, name: str, stored: int, day: str) -> None:
        """Write how many bytes a tenant keeps on a day."""
        with translated("count what a tenant keeps"):
            self._client.update_item(
                TableName=self._table,
                Key=as_item(self._key(name, _USED)),
                UpdateExpression="SET #stored = :stored, counted_on = :day",
                ExpressionAttributeNames={"#stored": "stored"},  # a reserved word
                ExpressionAttributeValues=as_item({":stored": stored, ":day": day}),
            )

    def _get(self, name: str, sk: str) -> dict[str, Any] | None:
        with translated("read the register of tenants"):
            return fetched(self._client, self._table, **self._key(name, sk))

    @staticmethod
    def _key(name: str, sk: str) -> dict[str, str]:
        return {"pk": tenant_key(name), "sk": sk}
