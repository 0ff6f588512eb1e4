"""Targets and scheduled actions that are changed from several sides at once."""

import threading
import time
from types import SimpleNamespace

import pytest
from ministack.core.responses import AccountRegionScopedDict

from headgate_local.autoscaling import scheduled, targets
from headgate_local.autoscaling.agenda import Agenda

TARGET = "endpoint/e/variant/v"
ARN = "arn:aws:application-autoscaling:eu-central-1:1:scalable-target/1"


@pytest.fixture
def scaling():
    """The state that Application Auto Scaling keeps, with one target."""
    suspended = dict.fromkeys(targets.SUSPENSIONS, False)
    target = {
        "ResourceId": TARGET,
        "ScalableTargetARN": ARN,
        "MinCapacity": 1,
        "MaxCapacity": 4,
        "Tags": {},
        "SuspendedState": suspended,
    }
    made = SimpleNamespace(
        lock=threading.RLock(),
        targets={TARGET: target},
        scheduled_actions={},
        due=AccountRegionScopedDict(),
        agenda=Agenda(),
        scaler=SimpleNamespace(keep_within=lambda _: None),
    )
    yield made
    made.agenda.close()


@pytest.mark.parametrize(
    ("change", "request_", "tags"),
    [
        (targets.tag, {"Tags": {"team": "a"}}, {"team": "a"}),
        (targets.untag, {"TagKeys": ["team"]}, {}),
    ],
)
def test_tags_undo_no_change_that_is_under_way(scaling, change, request_, tags) -> None:
    tagging = threading.Thread(target=change, args=(scaling, {"ResourceARN": ARN, **request_}))
    with scaling.lock:
        known = scaling.targets[TARGET]
        tagging.start()
        tagging.join(0.2)
        scaling.targets[TARGET] = {**known, "MinCapacity": 2}
    tagging.join()
    assert (scaling.targets[TARGET]["MinCapacity"], scaling.targets[TARGET]["Tags"]) == (2, tags)


def put(scaling, low: int) -> dict:
    """Puts the scheduled action for in an hour; answers it."""
    request = {
        "ResourceId": TARGET,
        "ScheduledActionName": "a",
        "Schedule": "rate(1 hour)",
        "ScalableTargetAction": {"MinCapacity": low},
    }
    scheduled.put(scaling, request)
    return scaling.scheduled_actions[TARGET, "a"]


def test_an_action_that_was_replaced_at_its_time_does_nothing(scaling) -> None:
    old, new = put(scaling, 2), put(scaling, 3)
    due = scaling.due[TARGET, "a"]
    scheduled._run(scaling, old, time.time())
    assert scaling.targets[TARGET]["MinCapacity"] == 1
    assert scaling.due[TARGET, "a"] is due
    scheduled._run(scaling, new, time.time())
    assert scaling.targets[TARGET]["MinCapacity"] == 3
    assert scaling.due[TARGET, "a"] is not due


def test_an_action_that_was_deleted_at_its_time_does_nothing(scaling) -> None:
    action = put(scaling, 2)
    scheduled.delete(scaling, {"ResourceId": TARGET, "ScheduledActionName": "a"})
    scheduled._run(scaling, action, time.time())
    assert scaling.targets[TARGET]["MinCapacity"] == 1
    assert not scaling.due
