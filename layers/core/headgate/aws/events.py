"""EventBridge: what others hear of Headgate on the account's default bus, and the rules of this deployment."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headgate.aws.errors import translated
from headgate.domain.errors import NotFoundError, TransientError

if TYPE_CHECKING:
    from headgate.domain.reconcile import RuleNow

SOURCE, BUS = "headgate", "default"


class Bus:
    """The default bus."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Put one event; `kind` is its detail-type.

        Raises:
            TransientError: when the bus did not take it: PutEvents answers that without an error of its own.
        """
        entry = {"Source": SOURCE, "DetailType": kind, "EventBusName": BUS, "Detail": json.dumps(detail)}
        with translated(f"put {kind} on the bus"):
            answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            refused = answer["Entries"][0]
            said = f"{refused.get('ErrorCode')}: {refused.get('ErrorMessage')}"
            raise TransientError(f"The bus did not take {kind} ({said}); try again.")


class BusRules:
    """Rules of the default bus."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def now(self, name: str) -> "RuleNow | None":
        """A rule as it is, or None when there is none of that name."""
        from headgate.domain.reconcile import RuleNow  # whoever puts events does without

        try:
            with translated(f"look at the rule {name}"):
                found = self._client.describe_rule(Name=name)
                targets = self._client.list_targets_by_rule(Rule=name)["Targets"]
        except NotFoundError:
            return None
        return RuleNow(found["State"] != "DISABLED", len(targets))
