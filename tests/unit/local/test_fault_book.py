"""The book of faults: what strikes, how often, and for how long."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.faults.actions import ACTIONS, TARGETS
from headgate_local.faults.api import resource_name
from headgate_local.faults.book import BadOrder, Faults, seconds

FAIL = "aws:sagemaker:fail-deployment"
EVENTS = "aws:events:drop-events"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    return Faults(clock)


def test_a_fault_strikes_until_it_is_cleared(faults: Faults) -> None:
    fault = faults.order(FAIL)
    assert [faults.take(FAIL, "a"), faults.take(FAIL, "b")] == [fault, fault]
    faults.clear(fault)
    faults.clear(fault)
    assert faults.take(FAIL, "a") is None
    assert faults.ended_at(fault) is not None


def test_it_strikes_as_often_as_was_ordered(faults: Faults) -> None:
    faults.order(FAIL, parameters={"count": "2"})
    assert [faults.take(FAIL, "a") is not None for _ in range(3)] == [True, True, False]
    assert faults.idle


def test_it_ends_with_its_time(faults: Faults, clock: Clock) -> None:
    fault = faults.order(FAIL, parameters={"duration": "PT10S"})
    clock.now += 9.9
    assert faults.take(FAIL, "a") == fault
    assert faults.ended_at(fault) is None
    clock.now += 3600.1  # nobody looks for an hour
    looked = time.time()
    assert faults.take(FAIL, "a") is None
    assert looked - 3600 <= faults.ended_at(fault) <= time.time() - 3600


@pytest.mark.parametrize(
    ("pattern", "name", "strikes"),
    [
        ("*", "anything", True),
        ("demo-*", "demo-iris", True),
        ("demo-*", "other", False),
        ("Demo-Iris", "demo-iris", True),
        ("bucket/*.csv", "bucket/a/b.csv", True),
    ],
)
def test_it_strikes_names_that_fit(faults: Faults, pattern: str, name: str, strikes: bool) -> None:
    faults.order(FAIL, pattern)
    assert (faults.take(FAIL, name) is not None) == strikes


def test_other_actions_are_left_alone(faults: Faults) -> None:
    faults.order(FAIL)
    assert faults.take("aws:sagemaker:stall-deployment", "a") is None


def test_what_does_not_match_is_not_counted(faults: Faults) -> None:
    fault = faults.order(FAIL, parameters={"count": "1"})
    assert faults.take(FAIL, "a", lambda _: False) is None
    assert faults.take(FAIL, "a", lambda found: found is fault) == fault


@pytest.mark.parametrize(("percentage", "low", "high"), [("0", 0, 0), ("100", 4000, 4000), ("30", 1000, 1400)])
def test_it_strikes_that_many_in_a_hundred(faults: Faults, percentage: str, low: int, high: int) -> None:
    """Of 4000; by chance, 30 % of them miss these bounds (seven deviations) less than once in 10^11 runs."""
    faults.order(EVENTS, parameters={"percentage": percentage})
    assert low <= sum(faults.take(EVENTS, "a") is not None for _ in range(4000)) <= high


def test_an_action_that_acts_at_once_is_over_at_once(faults: Faults) -> None:
    struck: list[str] = []
    faults.on_order[FAIL] = lambda target, parameters: struck.append(target)
    fault = faults.order(FAIL, "demo-*")
    assert struck == ["demo-*"]
    assert (faults.idle, faults.ended_at(fault) is not None) == (True, True)


def test_what_can_be_undone_is_undone_when_cleared(faults: Faults) -> None:
    done: list[str] = []

    def act(target: str, _: object) -> Callable[[], None]:
        done.append("done")
        return lambda: done.append("undone")

    faults.on_order[FAIL] = act
    fault = faults.order(FAIL)
    assert (faults.ended_at(fault), done) == (None, ["done"])
    faults.clear(fault)
    assert (faults.idle, done) == (True, ["done", "undone"])


@pytest.mark.parametrize(
    ("action", "parameters", "said"),
    [
        ("aws:none:none", {}, "There is no action aws:none:none"),
        (FAIL, {"speed": "1"}, "has no parameter speed"),
        (FAIL, {"count": "0"}, "count must be a number from 1"),
        (FAIL, {"count": "nan"}, "count must be a number from 1"),
        (FAIL, {"duration": "P"}, "P is no duration"),
        ("aws:fis:inject-api-delay", {}, "needs the parameter service"),
    ],
)
def test_orders_that_cannot_be_say_why(faults: Faults, action: str, parameters: dict[str, str], said: str) -> None:
    with pytest.raises(BadOrder, match=said):
        faults.order(action, parameters=parameters)
    assert faults.idle


@given(st.integers(0, 30), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_durations_are_read_as_iso_writes_them(days: int, hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"P{days}DT{hours}H{minutes}M{rest}S") == ((days * 24 + hours) * 60 + minutes) * 60 + rest


@pytest.mark.parametrize("text", ["", "P", "PT", "10M", "PT10", "P1Y", "PT-1S", "PTM"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadOrder, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sagemaker:eu-central-1:1:endpoint/demo-iris", "demo-iris"),
        ("arn:aws:sagemaker:eu-central-1:1:model-package/group/3", "group/3"),
        ("arn:aws:s3:::bucket/a/b.csv", "bucket/a/b.csv"),
        ("arn:aws:lambda:eu-central-1:1:function:intake", "intake"),
        ("arn:aws:sns:eu-central-1:1:topic", "topic"),
        ("*", "*"),
    ],
)
def test_resources_are_struck_by_their_names(arn: str, name: str) -> None:
    assert resource_name(arn) == name


def test_every_action_strikes_a_kind_that_has_a_name_in_fis() -> None:
    assert {action.target for action in ACTIONS.values()} == TARGETS.keys()
    assert all(action.description.endswith(".") for action in ACTIONS.values())
