"""SQS: messages to a queue of ours."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from headgate.aws.errors import translated
from headgate.domain.errors import TransientError

_AT_ONCE = 10  # of SendMessageBatch


class Queue:
    """A queue by its address."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, messages: Sequence[dict[str, Any]]) -> None:
        """Send messages, in as few calls as there can be.

        Raises:
            TransientError: when the queue did not take all of them; some may have been sent.
        """
        waiting: Iterator[dict[str, Any]] = iter(messages)
        while batch := list(islice(waiting, _AT_ONCE)):
            entries = [{"Id": str(number), "MessageBody": json.dumps(each)} for number, each in enumerate(batch)]
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
