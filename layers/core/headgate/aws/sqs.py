"""SQS: messages to a queue of ours."""

import json
from collections.abc import Iterable, Mapping
from itertools import islice, zip_longest
from typing import Any

from headgate.aws.errors import translated
from headgate.domain.errors import TransientError

_AT_ONCE = 10  # of SendMessageBatch
_TENANT = "tenant"  # the attribute that says whose a message is, beside its group


def tenant_of_message(record: Mapping[str, Any]) -> str | None:
    """Whose a message is that Lambda brings, as `Queue.send` said; None where nobody said so."""
    attribute = record.get("messageAttributes", {}).get(_TENANT)
    return str(attribute["stringValue"]) if attribute else None


class Queue:
    """A queue by its address."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, messages: Iterable[dict[str, Any]], tenants: Iterable[str] = ()) -> None:
        """Send messages, in as few calls as there can be.

        With `tenants`, one for each message, it says whose it is: a standard queue hands messages of the tenants that
        have few in work out before those of one that has many (fair queues, SQS developer guide).

        Raises:
            TransientError: when the queue did not take all of them; some may have been sent.
        """
        waiting = zip_longest(messages, tenants)
        while batch := list(islice(waiting, _AT_ONCE)):
            entries = [
                {"Id": str(number), "MessageBody": json.dumps(each), **(_of(tenant) if tenant else {})}
                for number, (each, tenant) in enumerate(batch)
            ]
            with translated("send messages"):
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            if failed := answer.get("Failed"):
                raise TransientError(f"{len(failed)} of {len(batch)} messages were not taken; try again.")

    def waiting(self) -> int:
        """How many messages lie in it, roughly: SQS counts them in passing."""
        with translated("look at a queue"):
            found = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


def _of(tenant: str) -> dict[str, Any]:
    """The group by which the queue is fair, and the same as an attribute, by which `tenant_of_message` knows it."""
    return {
        "MessageGroupId": tenant,
        "MessageAttributes": {_TENANT: {"DataType": "String", "StringValue": tenant}},
    }
