"""Deliveries of alarms that come often, again, all at once, or while a service is away."""

import random
from dataclasses import asdict
from typing import Any

import pytest

from headgate.domain.alarms import standing_name
from headgate.domain.errors import TransientError
from headgate.domain.incidents import IncidentState
from headgate.domain.runs import Ending, Outcome

from .account import Account
from .road import IRIS
from .room import ERRORS, Room, event
from .scalable import Refusal


def test_an_alarm_that_flaps_twenty_times_leads_to_one_action(room: Room) -> None:
    """Twenty times in ten minutes, each told: one rollback, and what rings while it goes on or after is let be."""
    acted = []
    for flap in range(20):
        at = f"2026-01-31T08:{30 + flap // 2:02}:{30 * (flap % 2):02}.000Z"
        room.ring(ERRORS, at)
        room.hear(event(ERRORS, at.replace("Z", "+0000")), now=at)
        incident = next(each for each in room.ledger.incidents(IRIS) if each.state == IncidentState.OPEN)
        decided = room.decide(incident, at)
        acted.append(decided["action"])
        if decided["action"] == "ignore" or flap == 10:
            rolled = Ending(Outcome.NOT_PROMOTED, "ANOTHER_SERVES", "Release 3 serves.")
            room.close(incident, rollback=rolled if decided["action"] == "rollback" else None)
    assert acted == ["rollback"] + ["ignore"] * 19


def test_a_throttled_delivery_comes_back_from_the_dead_letters_as_one_incident(room: Room) -> None:
    """Each try fails until Lambda gives up; a person redrives the queue, some of it twice, also when all is over."""

    def away(_account: Account, operation: str, _given: Any) -> None:
        if operation == "TransactWriteItems":
            raise Refusal("ThrottlingException", "Rate exceeded")

    room.account.watch = away
    for _ in range(5):
        with pytest.raises(TransientError):
            room.hear(event(ERRORS))
    assert room.ledger.incidents(IRIS) == []
    room.account.watch = lambda *_: None
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    for _ in range(2):
        room.hear(event(ERRORS))
    room.decide(room.only())
    over = room.close(room.only(), failure=Ending(Outcome.FAILED, "X", "AWS refused."))
    room.hear(event(ERRORS))
    assert asdict(room.only()) == over


def test_a_thousand_redriven_at_once_are_each_answered_once(room: Room) -> None:
    names = [standing_name("demo-iris-r2", kind) for kind in ("errors", "latency", "quality", "traffic")]
    dice = random.Random(3)
    told = [event(name, f"2026-01-31T08:30:{n:02}.000+0000") for n in range(25) for name in names] * 10
    dice.shuffle(told)
    for each in told:
        room.hear(each)
    assert len(told) == 1000
    assert len(room.ledger.incidents(IRIS)) == len({each.incident for each in room.ledger.incidents(IRIS)}) == 100
    assert sum(name.startswith("demo-iris-2026") for name in room.account.executions) == 100


def test_while_cloudwatch_is_away_nothing_is_decided_and_then_it_is(room: Room) -> None:
    room.ring(ERRORS, "2026-01-31T08:30:12.983Z")
    room.hear(event(ERRORS))

    def away(_account: Account, operation: str, _given: Any) -> None:
        if operation == "DescribeAlarms":
            raise Refusal("Throttling", "Rate exceeded")

    room.account.watch = away
    with pytest.raises(TransientError):
        room.decide(room.only())
    assert room.only().state == IncidentState.OPEN
    room.account.watch = lambda *_: None
    assert room.decide(room.only())["action"] == "rollback"
