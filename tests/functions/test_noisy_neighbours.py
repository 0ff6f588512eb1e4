"""One tenant floods the intake queue and another drops one file: the real handler between a fair queue and ten workers.

Time is simulated, the queue hands out as the local cloud's does, which is as SQS says that it does.
"""

import heapq
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest

from headgate import entrypoint
from headgate.aws.sqs import Queue
from headgate.services import object_created
from headgate_local.seams.queues import in_turn

Invoke = Callable[[str, dict[str, Any]], Any]
WORKERS, BATCH = 10, 10
"""As the template bounds them."""
TO_SORT, TO_WORK = 0.002, 0.15
"""Seconds for a message, in the order of magnitude of AWS."""
FLOOD = 2000


class Simulated:
    """A queue, its workers, and what they did; the queue is fair, or hands out as messages came."""

    def __init__(self, invoke: Invoke, fair: bool) -> None:
        self._invoke, self._fair = invoke, fair
        self._messages: list[dict[str, Any]] = []
        self._ids = count()
        self._ending: dict[int, list[dict[str, Any]]] = {}
        self._free = [(0.0, worker) for worker in range(WORKERS)]
        self.now = 0.0
        self.begun: list[tuple[str, float]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        """What the queue's adapter calls."""
        for each in Entries:
            attributes = {
                name: {"stringValue": value["StringValue"]} for name, value in each.get("MessageAttributes", {}).items()
            }
            self.put(each["MessageBody"], each.get("MessageGroupId"), attributes)
        return {"Successful": Entries}

    def put(self, body: str, group: str | None = None, attributes: dict[str, Any] | None = None) -> None:
        """Put a message in, as the rule does: without a group."""
        message = {"id": str(next(self._ids)), "group_id": group, "visible_at": 0.0, "receive_count": 0}
        self._messages.append({**message, "body": body, "attributes": attributes or {}})

    def begin(self, tenant: str) -> None:
        """Note that a tenant's upload is worked on."""
        self.begun.append((tenant, self.now))

    def run(self, until: Callable[[], bool]) -> None:
        """Let workers take batch after batch; one that finds nothing looks again a little later."""
        while not until():
            self.now, worker = heapq.heappop(self._free)
            done = {each["id"] for each in self._ending.pop(worker, [])}
            self._messages = [each for each in self._messages if each["id"] not in done]
            heapq.heappush(self._free, (self.now + (self._work(worker) or TO_SORT), worker))

    def _work(self, worker: int) -> float:
        waiting = in_turn(self._messages, self.now) if self._fair else self._messages
        batch = [each for each in waiting if each["visible_at"] <= self.now][:BATCH]
        if not batch:
            return 0.0
        for each in batch:
            each["visible_at"], each["receive_count"] = self.now + 180, 1
        self._ending[worker] = batch
        records = [
            {"messageId": e["id"], "eventSource": "aws:sqs", "body": e["body"], "messageAttributes": e["attributes"]}
            for e in batch
        ]
        assert self._invoke("on_object_created", {"Records": records}) == {"batchItemFailures": []}
        return sum(TO_WORK if each["attributes"] else TO_SORT for each in batch)


@pytest.fixture
def simulate(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Simulated]:
    def make(fair: bool) -> Simulated:
        queue = Simulated(invoke, fair)
        monkeypatch.setattr(entrypoint, "intake_queue", lambda _tenant: Queue(queue, "intake"))

        def begin(event: object_created.ObjectCreated, **_: Any) -> str:
            queue.begin(event.key.partition("/")[0])
            return "started"

        monkeypatch.setattr(object_created, "receive_object", begin)
        return queue

    return make


def dropped(example: Any, key: str) -> str:
    event = example("s3-object-created")
    event["detail"]["object"]["key"] = key
    return json.dumps(event)


def seconds_and_uploads_before(queue: Simulated, upload: str) -> tuple[float, int]:
    """Drop an upload of the quiet tenant: after how many seconds it is begun, and how many of the flood before it."""
    came, before = queue.now, len(queue.begun)
    queue.put(upload)
    queue.run(until=lambda: any(tenant == "quiet" for tenant, _ in queue.begun))
    number, at = next((number, at) for number, (tenant, at) in enumerate(queue.begun) if tenant == "quiet")
    return at - came, number - before


def flooded(queue: Simulated, example: Any, begun: int) -> None:
    """Let a flood come, and be worked on until so many of its uploads are begun."""
    for number in range(FLOOD):
        queue.put(dropped(example, f"flooder/p{number % 50}/incoming/{number}.csv"))
    queue.run(until=lambda: len(queue.begun) >= begun)


@pytest.mark.parametrize("begun", [0, 500])
def test_a_tenant_that_floods_the_queue_holds_up_nobody_else(
    simulate: Callable[[bool], Simulated], example: Any, begun: int
) -> None:
    """Whether the other's upload comes right behind the flood or amid the work on it, it waits for what was taken out
    of the queue already (one batch of each worker), and for the sorting of what came before it.
    """
    queue = simulate(True)
    flooded(queue, example, begun)
    seconds, uploads = seconds_and_uploads_before(queue, dropped(example, "quiet/iris/incoming/may.csv"))
    sorting = 0.0 if begun else FLOOD * TO_SORT / WORKERS
    assert uploads <= WORKERS * BATCH
    assert seconds <= sorting + 2 * BATCH * TO_WORK


def test_a_queue_that_hands_out_as_messages_came_shows_the_fault(
    simulate: Callable[[bool], Simulated], example: Any
) -> None:
    queue = simulate(False)
    flooded(queue, example, 0)
    seconds, uploads = seconds_and_uploads_before(queue, dropped(example, "quiet/iris/incoming/may.csv"))
    assert uploads >= FLOOD
    assert seconds > FLOOD * TO_WORK / WORKERS - BATCH * TO_WORK


def test_what_asks_for_nothing_goes_no_further_than_the_sorting(
    invoke: Invoke, example: Any, aws: boto3.Session
) -> None:
    keys = ["demo/iris/incoming/may/part-0.csv", "demo/iris/incoming/.hidden", "demo/iris/incoming/may/_SUCCESS"]
    records = [
        {"messageId": str(number), "eventSource": "aws:sqs", "body": body}
        for number, body in enumerate([*(dropped(example, key) for key in keys), '{"detail": "nonsense"}', "["])
    ]
    answer = invoke("on_object_created", {"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "4"}]}
    url = aws.client("sqs").get_queue_url(QueueName="intake")["QueueUrl"]
    sorted_ = aws.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert [json.loads(each["Body"])["detail"]["object"]["key"] for each in sorted_] == [keys[2]]
    assert sorted_[0]["Attributes"]["MessageGroupId"] == "demo"
    assert sorted_[0]["MessageAttributes"]["tenant"]["StringValue"] == "demo"
