"""What a plan says of itself, word by word: people decide by it."""

from dataclasses import replace

import pytest

from headgate.domain.rollout import Plan, Strategy, Wishes, duration, plan, rollback_plan

ALARM = "An alarm looks at 60 seconds, so within {} it may not ring in time."
CASES = [
    (
        Wishes(bake_seconds=300),
        "ml.m5.large",
        None,
        "Nothing serves yet: the endpoint is created, and there is no version before to fall back to.",
    ),
    (
        Wishes(bake_seconds=300),
        "ml.inf1.xlarge",
        3,
        "SageMaker guards no deployment on ml.inf1.xlarge: all requests move to the new version at once, and no alarm "
        "brings them back.",
    ),
    (
        Wishes(bake_seconds=300, keep_seconds=450),
        "ml.m5.large",
        1,
        "A single instance cannot be split, and a canary is at most half of them. An instance with the new version "
        "takes all requests at once; the old stays up for 450 s, and an alarm brings the requests back.",
    ),
    (
        Wishes(bake_seconds=45, strategy="linear"),
        "ml.m5.large",
        1,
        "A single instance cannot be split, and a canary is at most half of them, so there is no linear deployment of "
        "it. An instance with the new version takes all requests at once; the old stays up for 45 s, "
        "and an alarm brings "
        "the requests back. " + ALARM.format("45 s"),
    ),
    (
        Wishes(bake_seconds=300, strategy="all_at_once", keep_seconds=60),
        "ml.m5.large",
        3,
        "The project asks for all_at_once. 3 instances with the new version take all requests at once; the old stay up "
        "for 5 min, and an alarm brings the requests back.",
    ),
    (
        Wishes(bake_seconds=60, keep_seconds=90),
        "ml.m5.large",
        4,
        "4 instances can be split. 1 of 4 instances with the new version takes requests first; after 1 min without an "
        "alarm all do, and the old ones stay up for 90 s more. " + ALARM.format("1 min"),
    ),
    (
        Wishes(bake_seconds=61, canary_percent=50),
        "ml.m5.large",
        6,
        "6 instances can be split. 3 of 6 instances with the new version take requests first; after 61 s without an "
        "alarm all do, and the old ones stay up for 61 s more.",
    ),
    (
        Wishes(bake_seconds=120, strategy="linear", keep_seconds=0),
        "ml.m5.large",
        8,
        "The project asks for linear. 2 more of 8 instances with the new version take requests every 2 min without an "
        "alarm, in 4 steps; then the old ones stay up for 0 s more.",
    ),
    (
        Wishes(bake_seconds=120),
        "ml.g5.xlarge",
        4,
        "A second fleet of ml.g5.xlarge is expensive and may not be had, so the instances are replaced in turn. 1 of 4 "
        "instances is replaced at a time, in 4 batches that bake for 2 min each; an alarm brings the old ones back.",
    ),
    (
        Wishes(bake_seconds=3600, strategy="rolling", step_percent=50),
        "ml.m5.large",
        4,
        "The project asks for rolling. 2 of 4 instances are replaced at a time, in 2 batches that bake "
        "for 60 min each; "
        "an alarm brings the old ones back.",
    ),
    (
        Wishes(bake_seconds=3600, strategy="linear", step_percent=10),
        "ml.m5.large",
        10,
        "The project asks for linear. 1 more of 10 instances with the new version take requests every "
        "35 min without an "
        "alarm, in 10 steps; then the old ones stay up for 35 min more. The waits are shortened: SageMaker lets a "
        "deployment take 8 hours at most.",
    ),
]


@pytest.mark.parametrize(("wishes", "instance_type", "serving", "said"), CASES)
def test_a_plan_says_what_it_does_and_why(wishes: Wishes, instance_type: str, serving: int | None, said: str) -> None:
    assert plan(wishes, instance_type, serving).reason == said


def test_a_plan_is_kept_as_a_document() -> None:
    planned = plan(Wishes(bake_seconds=300, keep_seconds=60), "ml.m5.large", 4)
    assert planned.document() == {
        "strategy": "canary",
        "guarded": True,
        "stages": [1, 4],
        "bake_seconds": 300,
        "keep_seconds": 60,
        "limit_seconds": 360 + 1800 + 2 * 600,
        "reason": planned.reason,
        "back_to": "",
    }
    assert type(planned.document()["strategy"]) is str


def test_what_is_not_guarded_has_no_waits() -> None:
    planned = plan(Wishes(), "ml.inf1.xlarge", 3)
    assert planned == Plan(Strategy.ALL_AT_ONCE, False, (3,), 0, 0, 600, planned.reason)
    assert planned.deployment(["an alarm"]) is None


PROVED = "requests of our own show whether it answers as it was judged, or the version before has them again."


@pytest.mark.parametrize(
    ("instance_type", "serving", "instances", "said"),
    [
        ("ml.m5.large", None, 1, f"The endpoint failed and serves nobody, so it is made anew; {PROVED}"),
        (
            "ml.inf1.xlarge",
            3,
            3,
            "SageMaker guards no deployment on ml.inf1.xlarge: all requests move to the new version at once, and no "
            f"alarm brings them back; {PROVED}",
        ),
    ],
)
def test_what_is_not_guarded_proves_itself_where_there_is_a_way_back(
    instance_type: str, serving: int | None, instances: int, said: str
) -> None:
    planned = plan(Wishes(bake_seconds=5000), instance_type, serving, "demo-iris-r1")
    assert planned == Plan(Strategy.ALL_AT_ONCE, False, (instances,), 3600, 0, 600, said, "demo-iris-r1")


def test_a_guarded_plan_names_the_way_back_and_is_the_same_else() -> None:
    assert plan(Wishes(), "ml.m5.large", 4, "demo-iris-r1") == replace(
        plan(Wishes(), "ml.m5.large", 4), back_to="demo-iris-r1"
    )


@pytest.mark.parametrize(("serving", "instances"), [(3, 3), (None, 1)])
def test_a_rollback_goes_at_once_and_nothing_could_turn_it_back(serving: int | None, instances: int) -> None:
    planned = rollback_plan(serving)
    reason = "A version that served well before takes all requests at once, and nothing waits."
    assert planned == Plan(Strategy.ALL_AT_ONCE, False, (instances,), 0, 0, 600, reason)


def test_minutes_are_seconds_and_what_is_not_said_stays_as_it_is() -> None:
    asked = {"bake_minutes": None, "trial_minutes": 0.001, "strategy": "shadow", "canary_percent": None}
    assert Wishes.of(asked, 90) == Wishes(bake_seconds=90, trial_seconds=1, strategy="shadow")
    assert Wishes.of({"trial_minutes": 1.5}, 90) == Wishes(bake_seconds=90, trial_seconds=90)
    assert Wishes.of({"trial_minutes": None}, 90).trial_seconds is None


def test_a_canary_as_sagemaker_reads_it() -> None:
    deployment = plan(Wishes(bake_seconds=300, keep_seconds=60), "ml.m5.large", 4).deployment(["a", "b"])
    assert deployment == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 300,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            },
            "TerminationWaitInSeconds": 60,
            "MaximumExecutionTimeoutInSeconds": 3360,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]},
    }


def test_all_at_once_as_sagemaker_reads_it() -> None:
    deployment = plan(Wishes(bake_seconds=300), "ml.m5.large", 1).deployment(["a"])
    assert deployment is not None
    routing = deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}


def test_wishes_are_read_in_minutes() -> None:
    assert Wishes.of({"bake_minutes": 2.5, "termination_wait_minutes": 1.5, "strategy": None}, 7) == Wishes(
        bake_seconds=150, keep_seconds=90
    )
    assert Wishes.of({}, 7) == Wishes(bake_seconds=7)


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (90, "90 s"), (3600, "60 min")])
def test_waits_are_told_in_minutes_where_they_are_whole(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_a_step_is_a_tenth_of_the_instances_at_least() -> None:
    assert plan(Wishes(strategy="linear", step_percent=10), "ml.m5.large", 11).stages[0] == 2


def test_waits_that_are_shortened_leave_the_limit_room_for_the_work() -> None:
    planned = plan(Wishes(bake_seconds=3600, strategy="linear", step_percent=10), "ml.m5.large", 10)
    assert planned.limit_seconds == planned.wait_seconds + 1800 + 10 * 600 <= 28_800


def test_an_alarm_has_as_long_as_the_old_instances_stay_where_nothing_else_bakes() -> None:
    planned = plan(Wishes(bake_seconds=30, strategy="all_at_once", keep_seconds=300), "ml.m5.large", 3)
    assert "may not ring in time" not in planned.reason
