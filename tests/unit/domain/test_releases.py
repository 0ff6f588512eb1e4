from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.releases import (
    KEPT,
    EndpointState,
    Release,
    ReleaseState,
    champion_changed,
    removable,
    served_at,
    settle,
)
from headgate.domain.runs import Ending, Outcome

STOPPED = Ending(Outcome.FAILED, "PROMOTION_FAILED", "AWS refused.")


def release(state: str = ReleaseState.DEPLOYING) -> Release:
    """A release of version 7 with configuration "r2"."""
    values: dict[str, Any] = dict.fromkeys(("dataset", "holdout", "model_data_url", "at", "instance_type"), "x")
    return Release(
        sequence=2, run="run", version="7", name="r2", endpoint="e", why="", state=state, instance_count=1, **values
    )


# Every EndpointStatus of the API: what it means for the release, and whether why its promotion stopped says more.
CASES = [
    (None, "r2", "", Outcome.FAILED, True),
    ("InService", "r2", "", Outcome.PROMOTED, False),
    ("InService", "r1", "", Outcome.ROLLED_BACK, True),
    ("InService", "r2", "it could not go elsewhere", Outcome.PROMOTED, False),
    ("InService", "r1", "an alarm went off", Outcome.ROLLED_BACK, False),
    ("Failed", "r2", "no capacity", Outcome.FAILED, False),
    ("OutOfService", "r2", "", Outcome.FAILED, False),
    ("UpdateRollbackFailed", "r2", "", Outcome.FAILED, False),
    ("Deleting", "r2", "", None, False),
    ("Creating", "r2", "", None, False),
    ("Updating", "r2", "", None, False),
    ("SystemUpdating", "r2", "", None, False),
    ("RollingBack", "r1", "", None, False),
]


@pytest.mark.parametrize(("status", "config", "reason", "outcome", "silent"), CASES)
def test_a_release_ends_as_its_endpoint_says(
    status: str | None, config: str, reason: str, outcome: Outcome, silent: bool
) -> None:
    endpoint = EndpointState(status, config, reason, modified_at="y") if status else None
    ending = settle(release(), endpoint)
    assert (ending.outcome if ending else None) == outcome
    if ending is not None:
        assert ending.reason
        assert reason in ending.reason or ending.outcome == Outcome.PROMOTED
    assert settle(release(), endpoint, STOPPED) == (STOPPED if silent else ending)


def test_why_an_older_change_failed_is_not_told_of_a_release() -> None:
    """SageMaker keeps the reason until the next change, and none came of this release."""
    endpoint = EndpointState("InService", "r1", "no capacity for version 6", modified_at="w")
    assert settle(release(), endpoint, STOPPED) == STOPPED
    ending = settle(release(), endpoint)
    assert ending is not None
    assert "version 6" not in ending.reason


def test_a_release_that_is_only_planned_has_nothing_to_do_with_its_endpoint() -> None:
    serving = EndpointState("InService", "r2")
    ending = settle(release(ReleaseState.PLANNED), serving)
    assert ending is not None
    assert (ending.outcome, ending.reason_code) == (Outcome.FAILED, "NOT_DEPLOYED")
    assert settle(release(ReleaseState.PLANNED), serving, STOPPED) == STOPPED


@pytest.mark.parametrize(("judged_against", "serving"), [(None, 1), (1, 2), (2, None)])
def test_a_judgement_against_another_champion_does_not_count(judged_against: int | None, serving: int | None) -> None:
    refusal = champion_changed(judged_against, serving)
    assert refusal is not None
    assert (refusal.outcome, refusal.reason_code) == (Outcome.NOT_PROMOTED, "CHAMPION_CHANGED")


@pytest.mark.parametrize("same", [None, 3])
def test_a_judgement_against_the_champion_counts(same: int | None) -> None:
    assert champion_changed(same, same) is None


def test_what_served_at_a_moment_is_the_last_that_had_begun_to() -> None:
    begun = {1: "2026-01-01T00:00:00.000Z", 2: None, 3: "2026-01-03T00:00:00.000Z"}
    known = [replace(release(), sequence=number, in_service_at=at) for number, at in begun.items()]
    moments = (
        "2025-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-02T23:59:59.999Z",
        "2027-01-01T00:00:00.000Z",
    )
    assert [found.sequence if (found := served_at(known, each)) else None for each in moments] == [None, 1, 1, 3]


HISTORIES = st.lists(st.tuples(st.sampled_from(["good", "bad", "open"]), st.booleans()), max_size=12)


@given(HISTORIES, st.integers(0, 12))
def test_what_serves_and_what_one_may_go_back_to_is_never_removed(history: list[tuple[str, bool]], used: int) -> None:
    """Of any history: some good, some failed, some on their way; the last good one serves; one may be in use."""
    known: list[Release] = []
    for number, (kind, removed) in enumerate(history, 1):
        state = {"good": "RETIRED", "bad": "FAILED", "open": "DEPLOYING"}[kind]
        outcome = {"good": "PROMOTED", "bad": "FAILED", "open": None}[kind]
        values = {"state": state, "outcome": outcome, "removed_at": "then" if removed else None, "name": f"r{number}"}
        known.append(replace(release(), sequence=number, **values))
    good = [each.sequence for each in known if each.outcome == "PROMOTED"]
    known = [replace(each, state="IN_SERVICE") if each.sequence in good[-1:] else each for each in known]
    found = removable(reversed(known), {f"r{used}"})
    kept = {*good[-KEPT - 1 :], used}
    assert not kept.intersection(each.sequence for each in found)
    assert all(each.state in ("RETIRED", "FAILED") and each.removed_at is None for each in found)
    assert [each.sequence for each in found] == sorted(each.sequence for each in found)
    if good:
        over = [each for each in known if each.state in ("RETIRED", "FAILED") and each.sequence < good[-1]]
        assert len(found) == sum(each.sequence not in kept and each.removed_at is None for each in over)
    else:
        assert found == []
