"""Standard queues hand messages of the groups that have little in work out first."""

from typing import Any

import pytest

NOISY = 30


@pytest.fixture
def queue(cloud: Any, name: str) -> Any:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def test_a_group_with_much_in_work_comes_after_the_others(cloud: Any, queue: str) -> None:
    sqs = cloud.client("sqs")

    def send(group: str, count: int) -> None:
        entries = [{"Id": str(n), "MessageBody": f"{group} {n}", "MessageGroupId": group} for n in range(count)]
        assert not sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")

    def receive() -> list[str]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"])
        return [each["Attributes"]["MessageGroupId"] for each in found["Messages"]]

    for _ in range(NOISY // 10 + 2):
        send("noisy", 10)
    send("quiet", 1)
    for _ in range(NOISY // 10):
        assert receive() == ["noisy"] * 10
    assert receive() == ["quiet", *["noisy"] * 9]
