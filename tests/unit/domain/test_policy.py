"""The policy, rule by rule and as a property: whatever rings, in whatever order, the bounds hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.alarms import AlarmNow
from headgate.domain.incidents import (
    BY_HAND,
    RETRAINING,
    ROLLING_BACK,
    Action,
    Incident,
    IncidentOutcome,
    IncidentState,
    incident_id,
    is_incident,
    project_of,
)
from headgate.domain.maintenance import ends_of_window
from headgate.domain.names import Project
from headgate.domain.policy import LOOKS, SOON, Decision, Situation, decide
from headgate.domain.releases import Release
from headgate.domain.rules import DEFAULTS, Rules
from headgate.domain.runs import Run

IRIS = Project("demo", "iris")
START = datetime(2026, 11, 28, 12, tzinfo=UTC)  # a Saturday


def at(minutes: float = 0.0) -> str:
    return (START + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def release(sequence: int = 2, **changes: Any) -> Release:
    known = Release(
        sequence, "run", "d", "h", str(sequence), "s3://b/k", f"demo-iris-r{sequence}", "demo-iris", "Better.",
        "IN_SERVICE", at(-600), "ml.m5.large", 1, in_service_at=at(-600),
    )  # fmt: skip
    return replace(known, **changes)


def incident(kind: str = "errors", minutes: float = 0.0, **changes: Any) -> Incident:
    watches = "demo-iris-r2" if kind in ("errors", "latency") else None
    known = Incident(
        incident_id(IRIS, kind, at(minutes)), "demo", "iris", f"headgate-demo-iris-r2.{kind}", kind, at(minutes),
        at(minutes), watches=watches,
    )  # fmt: skip
    return replace(known, **changes)


def before(kind: str, action: Action, minutes: float, **changes: Any) -> Incident:
    """An incident of the past, which is over."""
    known = incident(kind, minutes, action=str(action), decided_at=at(minutes), release=2, state=IncidentState.CLOSED)
    return replace(known, **changes)


def seen(of: Incident | None = None, **changes: Any) -> Situation:
    known = of or incident()
    return replace(Situation(known, release(), alarm=AlarmNow("ALARM", known.at)), **changes)


def decided(situation: Situation, minutes: float = 0.1, **rules: Any) -> Decision:
    return decide(situation, Rules(**rules), at(minutes))


@pytest.mark.parametrize(("kind", "action"), DEFAULTS.items())
def test_each_kind_of_alarm_has_an_answer(kind: str, action: Action) -> None:
    assert decided(seen(incident(kind))).action == action


def test_a_kind_that_nobody_knows_is_other() -> None:
    assert decided(seen(incident("weather"))).action == Action.PAGE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"champion": None}, "nothing is in service"),
        ({"serves": False}, "endpoint is deleted"),
        ({"alarm": None}, "was deleted"),
        ({"alarm": AlarmNow("ALARM", at(), active=False)}, "switched off"),
        ({"alarm": AlarmNow("OK", at(0.05))}, "OK again"),
        ({"champion": release(3)}, "about demo-iris-r2"),
        ({"moving": True}, "on its way"),
        ({"past": [before("latency", Action.ROLLBACK, -1, state=IncidentState.DECIDED)]}, "at it already"),
    ],
)
def test_what_does_not_mean_what_serves_or_is_seen_to_is_ignored(changes: dict[str, Any], said: str) -> None:
    decision = decided(seen(**changes))
    assert decision.action == Action.IGNORE
    assert said in decision.reason


def test_a_person_may_name_what_shall_serve_where_nothing_answers_any_more() -> None:
    asked = seen(incident("by-hand", alarm="by-hand", by="ada", to="1"), serves=False)
    assert decided(asked).action == Action.ROLLBACK
    unnamed = decided(seen(incident("by-hand", alarm="by-hand", by="ada"), serves=False))
    assert (unnamed.action, "headgate rollback --to VERSION" in unnamed.reason) == (Action.IGNORE, True)


def test_a_person_takes_a_release_back_while_its_failed_endpoint_is_deleted_to_be_made_anew() -> None:
    going = seen(incident("by-hand", alarm="by-hand", by="ada"), serves=False, moving=True, on_its_way=release(3))
    assert (decided(going).action, decided(going).takes_back) == (Action.ROLLBACK, 3)


@pytest.mark.parametrize("closed", [False, True])
def test_only_an_alarms_rollback_fails_closed_and_only_where_the_project_asks(closed: bool) -> None:
    assert decided(seen(), fails_closed=closed).fails_closed is closed
    assert not decided(seen(incident("by-hand", by="ada")), fails_closed=closed).fails_closed


def test_an_alarm_that_looked_at_the_time_before_the_promotion_is_looked_at_again() -> None:
    early = seen(incident("quality", since=at(-700)))
    assert decided(early).action == Action.IGNORE
    assert decided(early).look_again
    assert decided(seen(incident("quality", since=at(-500)))).action == Action.RETRAIN
    assert decided(seen(incident("quality", since=at(-700), look=1))).action == Action.RETRAIN


def test_one_that_is_stuck_does_not_hold_others_up_for_good() -> None:
    stuck = before("latency", Action.ROLLBACK, -60 * 25, state=IncidentState.DECIDED, release=1)
    assert decided(seen(past=[stuck])).action == Action.ROLLBACK


@pytest.mark.parametrize(
    "changes", [{"champion": release(repeats=1)}, {"past": [before("errors", Action.ROLLBACK, -120)]}]
)
def test_a_promotion_is_rolled_back_once_and_then_people_are_asked(changes: dict[str, Any]) -> None:
    decision = decided(seen(**changes))
    assert (decision.action, decision.runbook, decision.freezes) == (Action.PAGE, "rolled-back-twice", True)


@pytest.mark.parametrize("kind", ["by-hand", "endpoint"])
def test_a_rollback_that_had_nothing_to_do_is_not_the_one_that_a_promotion_has(kind: str) -> None:
    """As a person's `--to` the version that serves, or an endpoint that was whole again."""
    nothing = before(kind, Action.ROLLBACK, -120, outcome=IncidentOutcome.IGNORED)
    assert decided(seen(past=[nothing])).action == Action.ROLLBACK


def test_an_endpoint_that_was_made_anew_still_has_its_promotions_one_rollback() -> None:
    def repair(left: int, made: int) -> Incident:
        return before("endpoint", Action.ROLLBACK, -90 + made, outcome="REPAIRED", release=left, rollback=made)

    rings, again = incident(watches="demo-iris-r4"), release(4, repeats=2)
    repairs = [repair(2, 3), repair(3, 4)]
    assert decided(seen(rings, champion=again, past=repairs)).action == Action.ROLLBACK
    back = before("errors", Action.ROLLBACK, -200, release=1, rollback=2, outcome="ROLLED_BACK")
    assert decided(seen(rings, champion=again, past=[*repairs, back])).runbook == "rolled-back-twice"
    tried = before("errors", Action.ROLLBACK, -95, release=2, outcome="FAILED")
    assert decided(seen(rings, champion=again, past=[*repairs, tried])).runbook == "rolled-back-twice"


@pytest.mark.parametrize(
    ("changes", "action", "said"),
    [
        ({}, Action.ROLLBACK_THEN_RETRAIN, "alarm rings."),
        ({"tenant_retrains": 10}, Action.ROLLBACK, "The tenant's budget"),
        ({"past": [before("drift", Action.RETRAIN, -minutes) for minutes in (300, 600)]}, Action.ROLLBACK, "project's"),
    ],
)
def test_the_budgets_of_retrainings_bound_those_behind_a_rollback_too(
    changes: dict[str, Any], action: Action, said: str
) -> None:
    decision = decided(seen(**changes), answers={**DEFAULTS, "errors": Action.ROLLBACK_THEN_RETRAIN})
    assert (decision.action, said in decision.reason) == (action, True), decision.reason


def test_an_alarm_of_a_release_on_its_way_is_looked_at_again_once_it_may_serve() -> None:
    """It tells nothing more while it stays red, and its release may be what serves in a moment."""
    early = seen(incident(watches="demo-iris-r3"), moving=True)
    assert (decided(early).action, decided(early).look_again) == (Action.IGNORE, SOON)
    served = replace(early, moving=False, champion=release(3), incident=replace(early.incident, look=1))
    assert decided(served).action == Action.ROLLBACK


@pytest.mark.parametrize(
    ("status", "past", "expected"),
    [
        ("Failed", [], (Action.ROLLBACK, "endpoint-failed", False)),
        ("Failed", [before("endpoint", Action.ROLLBACK, -60)], (Action.PAGE, "endpoint-failed", True)),
        ("Failed", [before("endpoint", Action.ROLLBACK, -60 * 25)], (Action.ROLLBACK, "endpoint-failed", False)),
        (
            "Failed",
            [before("endpoint", Action.ROLLBACK, -60, outcome="IGNORED")],
            (Action.ROLLBACK, "endpoint-failed", False),
        ),
        ("Failed", [before("endpoint", Action.ROLLBACK, -1, state="DECIDED")], (Action.IGNORE, None, False)),
        ("UpdateRollbackFailed", [], (Action.PAGE, "update-rollback-failed", True)),
        ("Creating", [], (Action.IGNORE, None, False)),
    ],
)
def test_an_endpoint_that_broke_is_made_anew_once_a_day_even_while_a_release_is_on_its_way(
    status: str, past: list[Incident], expected: tuple[Action, str | None, bool]
) -> None:
    decision = decided(seen(incident("endpoint"), status=status, past=past, moving=True, alarm=None))
    assert (decision.action, decision.runbook, decision.freezes) == expected
    if decision.runbook:
        assert (Path(__file__).resolve().parents[3] / f"docs/runbooks/{decision.runbook}.md").exists()


def test_a_person_may_go_back_from_a_rollback_and_in_the_midst_of_things() -> None:
    asked = incident(BY_HAND, by="ada", said="it guesses")
    decision = decided(seen(asked, champion=release(repeats=1), moving=True, alarm=None))
    assert (decision.action, decision.reason) == (Action.ROLLBACK, "ada asked for it: it guesses")
    assert decision.takes_back is None
    decision = decided(seen(asked, champion=release(), on_its_way=release(3), moving=True, alarm=None))
    assert (decision.action, decision.takes_back) == (Action.ROLLBACK, 3)
    assert decision.reason == "ada asked for it: it guesses. Release 3 was on its way."


@pytest.mark.parametrize(
    ("past", "tenant", "action", "runbook"),
    [
        ([], 0, Action.RETRAIN, "retraining"),
        ([before("drift", Action.RETRAIN, -30)], 0, Action.IGNORE, None),  # it needs time
        ([before("drift", Action.RETRAIN, -90)], 0, Action.RETRAIN, "retraining"),
        ([before("drift", Action.RETRAIN, -n) for n in (90, 900)], 0, Action.PAGE, "retraining-in-vain"),
        ([before("quality", Action.RETRAIN, -n) for n in (90, 900)], 0, Action.PAGE, "budget-used-up"),
        ([before("drift", Action.RETRAIN, -60 * 24 * n) for n in (8, 9)], 0, Action.RETRAIN, "retraining"),
        ([], 10, Action.PAGE, "budget-used-up"),
    ],
)
def test_retrainings_are_few(past: list[Incident], tenant: int, action: Action, runbook: str | None) -> None:
    decision = decided(seen(incident("drift"), past=past, tenant_retrains=tenant))
    assert (decision.action, decision.runbook) == (action, runbook), decision.reason


def test_the_hold_off_doubles() -> None:
    past = [before("drift", Action.RETRAIN, -90), before("drift", Action.RETRAIN, -300)]
    held = decided(seen(incident("drift"), past=past), retrains_in_vain=5, retrains_per_day=9)
    assert held.action == Action.IGNORE
    assert held.look_again is not None
    assert 29 * 60 < held.look_again <= 30 * 60 + 1


def test_people_are_told_once_in_a_cool_down() -> None:
    told = [before("traffic", Action.PAGE, -30)]
    assert decided(seen(incident("traffic"), past=told)).action == Action.IGNORE
    assert decided(seen(incident("traffic"), past=told), cool_down=60.0).action == Action.PAGE
    assert decided(seen(incident("cost"), past=told)).action == Action.PAGE


def test_a_red_alarm_is_people_s_after_so_many_looks() -> None:
    told = [before("traffic", Action.PAGE, -30)]
    last = decided(seen(incident("traffic", look=LOOKS), past=told))
    assert (last.action, last.look_again) == (Action.PAGE, None)
    assert "red still" in last.reason


@pytest.mark.parametrize(
    ("window", "ends"),
    [
        ("11:30-12:30", "2026-11-28T12:30"),
        ("sat 12:00-13:00", "2026-11-28T13:00"),
        ("23:00-12:10", "2026-11-28T12:10"),
        ("fri 23:00-12:10", "2026-11-28T12:10"),
        ("sat 23:00-12:10", None),
        ("sun 12:00-13:00", None),
        ("12:01-13:00", None),
        ("11:00-12:00", None),
    ],
)
def test_a_maintenance_window_ends(window: str, ends: str | None) -> None:
    found = ends_of_window([window], START)
    assert (found.isoformat()[:16] if found else None) == ends


def test_nothing_is_done_in_a_maintenance_window_and_the_alarm_is_looked_at_after_it() -> None:
    decision = decided(seen(), maintenance=("12:00-13:00",))
    assert decision.action == Action.IGNORE
    assert decision.look_again is not None
    assert (
        decide(seen(), Rules(maintenance=("12:00-13:00",)), at(0.1 + decision.look_again / 60)).action
        == Action.ROLLBACK
    )


def test_the_name_of_an_incident_is_no_runs_and_leads_to_its_project() -> None:
    name = incident_id(Project("t" * 18, "p" * 30), "alarm", at(), 3)
    assert len(name) <= 80
    assert is_incident(name)
    assert project_of(name) == Project("t" * 18, "p" * 30)
    assert not is_incident("demo-iris-0123456789")


ALARMS = st.lists(
    st.tuples(st.sampled_from(sorted(DEFAULTS)), st.floats(0.1, 300), st.booleans()), min_size=1, max_size=40
)


@given(ALARMS)
def test_whatever_rings_the_bounds_hold(alarms: list[tuple[str, float, bool]]) -> None:
    """Alarms of every kind one after the other, some of whose answers are on their way still when the next comes."""
    past: list[Incident] = []
    champion, now = release(), 0.0
    rules = Rules()
    for kind, minutes, over in alarms:
        now += minutes
        each = incident(kind, now, watches=champion.name)
        decision = decide(seen(each, champion=champion, past=past), rules, at(now))
        assert decision.reason.endswith((".", "only."))
        acts = decision.action in ROLLING_BACK | RETRAINING
        state = IncidentState.CLOSED if over or not acts else IncidentState.DECIDED
        assert not acts or all(one.state != IncidentState.DECIDED for one in past[-30:] if _lately(one, now))
        past.append(
            replace(each, action=str(decision.action), decided_at=at(now), release=champion.sequence, state=state)
        )
        if decision.action in ROLLING_BACK and over:
            champion = release(champion.sequence + 1, repeats=1, in_service_at=at(now))
    rollbacks = [one.release for one in past if one.action in ROLLING_BACK]
    assert len(rollbacks) == len(set(rollbacks)) <= 1, "one for each promotion, and none of a rollback"
    asked = [datetime.fromisoformat(str(one.decided_at)) for one in past if one.action in RETRAINING]
    for moment in asked:
        day = [other for other in asked if timedelta(0) <= other - moment < timedelta(days=1)]
        assert len(day) <= rules.retrains_per_day
    for kind in DEFAULTS:
        pages = [datetime.fromisoformat(str(o.decided_at)) for o in past if (o.action, o.kind) == ("page", kind)]
        assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(pages))


def _lately(one: Incident, now: float) -> bool:
    return START + timedelta(minutes=now) - datetime.fromisoformat(str(one.decided_at)) < timedelta(hours=24)


def retrained(of: Incident, state: str = "NOT_PROMOTED", code: str = "NOT_BETTER", minutes: float = 0.0) -> Run:
    """The run that an incident's retraining led to."""
    return Run(
        f"demo-iris-{of.incident[-8:]}00", "demo", "iris", "d", "n", "o", at(minutes), state, reason_code=code,
        reason="It was trained before.", retrain={"request": of.incident},
    )  # fmt: skip


def test_a_retraining_that_goes_on_is_waited_for_however_long_it_takes() -> None:
    asked = before("drift", Action.RETRAIN, -600)
    decision = decided(seen(incident("drift"), past=[asked], runs=[retrained(asked, "RUNNING")]))
    assert (decision.action, decision.look_again is not None) == (Action.IGNORE, True)
    assert "on its way" in decision.reason


def test_drift_that_stays_after_two_retrainings_is_told_with_how_they_ended() -> None:
    past = [before("drift", Action.RETRAIN, -600), before("drift", Action.RETRAIN, -1200)]
    runs = [retrained(past[0]), retrained(past[1], "PROMOTED", "SERVING")]
    decision = decided(seen(incident("drift"), past=past, runs=runs))
    assert (decision.action, decision.runbook) == (Action.PAGE, "retraining-in-vain")
    assert "(NOT_PROMOTED: NOT_BETTER, PROMOTED: SERVING)" in decision.reason


@pytest.mark.parametrize("code", ["NOTHING_NEW", "NO_DATA"])
def test_where_there_is_nothing_to_learn_people_are_told_until_data_come(code: str) -> None:
    asked = before("drift", Action.RETRAIN, -600)
    none = retrained(asked, "REJECTED", code, -599)
    decision = decided(seen(incident("drift"), past=[asked], runs=[none]))
    assert (decision.action, decision.runbook) == (Action.PAGE, "retraining-in-vain")
    assert "It was trained before." in decision.reason
    came = Run("demo-iris-x", "demo", "iris", "x", "n", "o", at(-100), "NOT_PROMOTED")
    assert decided(seen(incident("drift"), past=[asked], runs=[none, came])).action == Action.RETRAIN
