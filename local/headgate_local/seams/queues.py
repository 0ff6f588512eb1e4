"""Seam: a standard queue is fair between the groups of its messages, where MiniStack hands them out as they came.

How SQS decides is its own; what it tells of it (SQS developer guide, *How Amazon SQS fair queues work*) is done here:
who has more than a tenth of what is in work, and 30 messages at least, is a noisy neighbour. Messages of the others
come before its own, and among several noisy ones first those of the group with the fewest in work. A message without a
group is a group of its own. What SQS also looks at, the share of processing time, is left out.
"""

import time
from collections import Counter
from typing import Any

from ministack.services import sqs

NOISY_MESSAGES = 30
NOISY_SHARE = 0.1


def install() -> None:
    """Hand messages of quiet groups out first, of queues that are no FIFO queues."""
    collect = sqs._collect_msgs

    def collect_fairly(q: dict[str, Any], max_n: int, vis_timeout: int) -> list[dict[str, Any]]:
        if not q["is_fifo"]:
            q["messages"] = in_turn(q["messages"], time.time())
        collected: list[dict[str, Any]] = collect(q, max_n, vis_timeout)
        return collected

    sqs._collect_msgs = collect_fairly


def in_turn(messages: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """Messages in the order in which they are handed out; where nobody is noisy the one that they came in."""
    working = Counter(_group(each) for each in messages if each["visible_at"] > now and each["receive_count"])
    most = max(NOISY_MESSAGES, NOISY_SHARE * working.total())
    noisy = {group: count for group, count in working.items() if count >= most}
    return sorted(messages, key=lambda each: noisy.get(_group(each), 0)) if noisy else messages


def _group(message: dict[str, Any]) -> str:
    return str(message.get("group_id") or message["id"])
